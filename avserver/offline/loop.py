"""Loop: a film whose end leads into its beginning."""

import dataclasses
import itertools
from collections.abc import Iterable, Sequence

from avserver.clock import Tick
from avserver.control.morph import smoothstep
from avserver.errors import ConfigError
from avserver.frame_spec import FrameSpec
from avserver.offline.shots import Past, Shot
from avserver.scene.noise import PHASE_PERIOD
from avserver.take.between import Shares, between

# How long the end takes to become the beginning (s), or half of the film if it is shorter than twice that.
MEETING_S = 2.0


def looped(shots: Iterable[Shot], first: int, fps: float) -> list[Shot]:
    """Return the shots of a film as those of a loop: after the last one the first may come again, and nothing jumps.

    The last MEETING_S fade, in what is decided and not in pixels, into the first frame. Noise fields turn forth in the
    first half of the film and back in the second: they look the same in both directions, and meet whatever the length.
    What the first frame looks back at is the end: it comes before it, to be drawn and not seen.

    Args:
        shots: what `excerpt` yields.
        first: number of the first one that is seen.
        fps: frames a second.

    Raises ConfigError if the film ends with another model than it begins with, and for less than 3 frames.
    """
    film = _thawed(shots, first)
    if len(film) < 3:
        raise ConfigError(f"a loop has 3 frames or more, got {len(film)}")
    if film[0].role != film[-1].role:
        raise ConfigError(
            f"a loop ends with the model that it begins with, got {film[0].role.name} and then {film[-1].role.name}"
        )
    count = min(round(MEETING_S * fps), len(film) // 2)
    film = _meeting(_forth_and_back(film), count)
    return [*_end_before(film, count, fps), *film]


def _thawed(shots: Iterable[Shot], first: int) -> list[Shot]:
    """Return the shots from number `first` on, frozen ones with what they show: it is to move if the beginning did."""
    thawed, shown = [], None
    for shot in shots:
        shown = shot.spec or shown
        if shot.tick.index >= first:
            thawed.append(dataclasses.replace(shot, spec=shown))
    return thawed


def _forth_and_back(film: Sequence[Shot]) -> list[Shot]:
    """Return a film with noise phases that go back, from half of their way on, to where they began."""
    phases = [_phase(shot.spec) for shot in film]
    turned = [0.0]  # since the first frame (rad)
    for before, after in itertools.pairwise(phases):
        turned.append(turned[-1] + (after - before) % PHASE_PERIOD)
    # One step more leads from the last frame to the first.
    whole = turned[-1] + (turned[-1] - turned[-2])
    return [_at_phase(shot, phases[0] + min(way, whole - way)) for shot, way in zip(film, turned, strict=True)]


def _phase(spec: FrameSpec | None) -> float:
    return spec.noise[0].phase if spec is not None and spec.noise else 0.0


def _at_phase(shot: Shot, phase: float) -> Shot:
    if shot.spec is None:
        return shot
    noise = tuple(dataclasses.replace(level, phase=phase % PHASE_PERIOD) for level in shot.spec.noise)
    return dataclasses.replace(shot, spec=dataclasses.replace(shot.spec, noise=noise))


def _meeting(film: list[Shot], count: int) -> list[Shot]:
    """Return a film whose last `count` shots become the first one."""
    first = film[0]
    for number, shot in enumerate(film[-count:]):
        if shot.role == first.role and shot.spec is not None and first.spec is not None:
            share = smoothstep((number + 1) / (count + 1))
            spec = dataclasses.replace(between(shot.spec, first.spec, Shares(share, share)), t_s=shot.spec.t_s)
            gain = (1.0 - share) * shot.gain + share * first.gain
            left = shot.leaving
            if left:
                left = dataclasses.replace(left, share=left.share + share * (1.0 - left.share))
            # The noise has its way already.
            film[number - count] = _at_phase(
                dataclasses.replace(shot, spec=spec, gain=gain, leaving=left), _phase(shot.spec)
            )
    return film


def _end_before(film: Sequence[Shot], count: int, fps: float) -> list[Shot]:
    """Return those of the last `count` shots that the first one looks back at, as if the film had just been shown."""
    past = Past()
    for shot in film[-count:]:
        if shot.spec is not None:
            tick = Tick(shot.tick.index - len(film), shot.tick.t_s - len(film) / fps)
            past.note(dataclasses.replace(shot, tick=tick, spec=dataclasses.replace(shot.spec, t_s=tick.t_s)))
    return past.before(film[0], None)
