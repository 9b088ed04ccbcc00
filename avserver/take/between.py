"""Between: what there would have been between two ticks of a take."""

import dataclasses
import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, TypeVar

from avserver.frame_spec import Bend, Direction, Feedback, FrameSpec, LatentTerm, Mix, NoiseLevel
from avserver.scene.noise import PHASE_PERIOD
from avserver.transforms import TRANSFORMS

_T = TypeVar("_T")

# Angles by their names, and after how much of them they are where they were.
_TURNS = {"phase": 2 * math.pi, "angle": 360.0}
_HUE_DEG = 360.0


@dataclasses.dataclass(frozen=True, slots=True)
class Shares:
    """How far it is from one tick to the next, 0 to 1.

    Attributes:
        time: by the time that has passed.
        struck: likewise, but if something was hit between the two, nothing moves until then.
    """

    time: float
    struck: float

    @classmethod
    def at(cls, t_s: float, before_s: float, after_s: float, hit_s: float | None) -> "Shares":
        """Return how far it is at `t_s`; all times are show time (s), `hit_s` that of the last onset before the tick
        after, if that heard one.
        """
        struck_s = min(max(before_s, hit_s if hit_s is not None else before_s), after_s)
        return cls(_share(t_s, before_s, after_s), _share(t_s, struck_s, after_s))


def _share(t_s: float, begins_s: float, ends_s: float) -> float:
    if t_s <= begins_s:
        return 0.0
    return min(1.0, (t_s - begins_s) / (ends_s - begins_s)) if t_s < ends_s else 1.0


def between(before: FrameSpec, after: FrameSpec, shares: Shares) -> FrameSpec:
    """Return what is between two specs of one model.

    Numbers go straight from one to the other, turns the shorter way; what is no matter of more or less stays as it was
    before: seeds have weights, layers have not. A seed or a direction that is in one of them only comes in from 0.

    Seeds glide, and fields turn, all the time; all else may have been moved by a hit, and waits for it.
    """
    time, struck = shares.time, shares.struck
    if time <= 0.0:
        return before
    if time >= 1.0:
        return after
    return dataclasses.replace(
        before,
        t_s=_number(before.t_s, after.t_s, time),
        latents=_latents(before.latents, after.latents, time),
        truncation_psi=_number(before.truncation_psi, after.truncation_psi, struck),
        directions=_directions(before.directions, after.directions, struck),
        noise=_noise(before.noise, after.noise, shares),
        bends=_bends(before.bends, after.bends, shares),
        grade=dataclasses.replace(
            _mixed(before.grade, after.grade, struck), hue=_turn(before.grade.hue, after.grade.hue, struck, _HUE_DEG)
        ),
        feedback=_mixed(before.feedback, after.feedback, struck),
        mix=_mix(before.mix, after.mix, struck),
        upscale=_mixed(before.upscale, after.upscale, struck),
    )


def at_rate(feedback: Feedback, factor: float) -> Feedback:
    """Return feedback that does in `factor` frames what this one does in one: its trails are as long in seconds."""
    if factor == 1.0 or not feedback.amount:
        return feedback
    return Feedback(
        amount=feedback.amount ** (1 / factor), zoom=feedback.zoom ** (1 / factor), rotate=feedback.rotate / factor
    )


def _number(before: float, after: float, share: float) -> float:
    return before + (after - before) * share


def _turn(before: float, after: float, share: float, whole: float) -> float:
    """Return what is between two angles, the shorter way round, in the range that they are in."""
    way = math.remainder(after - before, whole)
    if abs(after - before) <= whole / 2:
        return before + way * share
    low = 0.0 if min(before, after) >= 0 else -whole / 2
    return (before + way * share - low) % whole + low


def _mixed(before: _T, after: _T, share: float) -> _T:
    """Return a dataclass whose numbers are between those of two; whatever else is in it is as before."""
    values: dict[str, Any] = {}
    for field in dataclasses.fields(before):  # type: ignore[arg-type]
        values[field.name] = _anything(getattr(before, field.name), getattr(after, field.name), share)
    return dataclasses.replace(before, **values)  # type: ignore[type-var]


def _anything(before: Any, after: Any, share: float) -> Any:
    if isinstance(before, float) and isinstance(after, float):
        return _number(before, after, share)
    if isinstance(before, tuple) and isinstance(after, tuple) and len(before) == len(after):
        return tuple(_anything(a, b, share) for a, b in zip(before, after, strict=True))
    return before


def _latents(before: Sequence[LatentTerm], after: Sequence[LatentTerm], share: float) -> tuple[LatentTerm, ...]:
    """Return terms that weigh every seed as is between. A term's layers are cut where either of the two has an edge."""
    edges = sorted({edge for term in (*before, *after) for edge in term.layers})
    terms = []
    for first, stop in pairwise(edges):
        there = [
            (term.space, term, part)
            for terms_, part in ((before, 1 - share), (after, share))
            for term in terms_
            if term.layers[0] <= first < term.layers[1]
        ]
        for space in dict.fromkeys(space for space, _, _ in there):
            weights: dict[int, float] = {}
            for its_space, term, part in there:
                if its_space == space:
                    for seed, weight in zip(term.seeds, term.weights, strict=True):
                        weights[seed] = weights.get(seed, 0.0) + weight * part
            terms.append(LatentTerm((first, stop), tuple(weights), tuple(weights.values()), space))
    return tuple(terms)


def _directions(before: Sequence[Direction], after: Sequence[Direction], share: float) -> tuple[Direction, ...]:
    amounts: dict[Direction, float] = {}
    for directions, part in ((before, 1 - share), (after, share)):
        for direction in directions:
            alike = dataclasses.replace(direction, amount=0.0)
            amounts[alike] = amounts.get(alike, 0.0) + direction.amount * part
    return tuple(dataclasses.replace(direction, amount=amount) for direction, amount in amounts.items())


def _noise(before: Sequence[NoiseLevel], after: Sequence[NoiseLevel], shares: Shares) -> tuple[NoiseLevel, ...]:
    coming = {level.resolution: level for level in after}
    return tuple(
        dataclasses.replace(
            _mixed(level, coming[level.resolution], shares.struck),
            phase=_turn(level.phase, coming[level.resolution].phase, shares.time, PHASE_PERIOD),
        )
        if level.resolution in coming
        else level
        for level in before
    )


def _bends(before: Sequence[Bend], after: Sequence[Bend], shares: Shares) -> tuple[Bend, ...]:
    """Return the bends of before; each goes to the one of after that has the same slot, the first to the first."""
    coming = list(after)
    bends = []
    for bend in before:
        fitting = next((other for other in coming if other.slot == bend.slot), None)
        if fitting is None:
            bends.append(bend)
            continue
        coming.remove(fitting)
        bends.append(dataclasses.replace(bend, values=tuple(_bent(bend, fitting, shares))))
    return tuple(bends)


def _bent(before: Bend, after: Bend, shares: Shares) -> Iterable[float]:
    for value, old, new in zip(TRANSFORMS[before.transform], before.values, after.values, strict=True):
        whole = _TURNS.get(value.name)
        # A swirl may be wound up by more than a turn: there, angles are amounts.
        if whole and value.maximum - value.minimum <= whole * 1.001:
            yield _turn(old, new, shares.time if value.name == "phase" else shares.struck, whole)
        else:
            yield _number(old, new, shares.struck)


def _mix(before: Mix, after: Mix, share: float) -> Mix:
    """Return what is between; the layers of a mix that is nothing say nothing."""
    layers = before.layers if before.amount else after.layers
    return Mix(_number(before.amount, after.amount, share), layers)
