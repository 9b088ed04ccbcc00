"""Overlay: what is decided anew of a frame of a take, because hands have turned its knobs.

| knobs | what they take over |
|---|---|
| `/output/opacity`, `/output/strobe_safe` | that |
| `/grade/…`, `/feedback/…`, `/mix/…`, `/direction/…`, `/upscale/…` | all of that |
| `/latent/…` | truncation |
| `/noise/…` | strength, grain and speed; the fields go on from where they stand |
| `/bend/NAME/…` | that bend |
| `/choir/…`, `/segment/…` | all seeds and their weights |

Knobs that say how music is heard (`/signal/…`, `/audio/gain…`, `/tempo/…`) move only what has been taken over.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from avserver.control.patch import BendPatch
from avserver.frame_spec import Bend, FrameSpec, Grade, LatentTerm, NoiseLevel
from avserver.scene.noise import PHASE_PERIOD
from avserver.take.between import Shares, between

# How long seeds and bends take from what the take shows to what the show decides (s): they do not jump.
FADE_S = 0.5
# Parts of a spec by what their knobs begin with.
_PARTS = {
    "/feedback/": ("feedback",),
    "/mix/": ("mix",),
    "/direction/": ("directions",),
    "/upscale/": ("upscale",),
    "/latent/": ("truncation_psi", "truncation_cutoff"),
    "/output/strobe_safe": ("strobe_safe",),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Turned:
    """What hands have turned.

    Attributes:
        at_s: address of each knob, and when it was first turned (show time, s).
        now_s: the frame's show time.
        noise_ahead: how far the fields of noise of the take were ahead of the show's when their speed was turned (rad).
    """

    at_s: Mapping[str, float]
    now_s: float
    noise_ahead: float = 0.0

    def any(self, *beginnings: str) -> bool:
        """Return whether one of the knobs that begin so has been turned."""
        return any(address.startswith(beginnings) for address in self.at_s)

    def share(self, *beginnings: str) -> float:
        """Return how far what belongs to the knobs that begin so has come in, 0 to 1; 0 if none has been turned."""
        times_s = [at_s for address, at_s in self.at_s.items() if address.startswith(beginnings)]
        return min(1.0, (self.now_s - min(times_s)) / FADE_S) if times_s else 0.0


def overlaid(spec: FrameSpec, own: FrameSpec, turned: Turned, bends: Sequence[BendPatch]) -> FrameSpec:
    """Return a spec of a take with what has been turned as the show decides it.

    Args:
        spec: the take's.
        own: the show's, for the same model.
        turned: what hands have turned.
        bends: those of the patch, by whose names bends are turned.
    """
    changes: dict[str, Any] = {}
    for beginning, parts in _PARTS.items():
        if turned.any(beginning):
            changes |= {part: getattr(own, part) for part in parts}
    return dataclasses.replace(
        spec,
        **changes,
        latents=_latents(spec, own, turned.share("/choir/", "/segment/")),
        grade=_grade(spec.grade, own.grade, turned),
        noise=_noise(spec.noise, own.noise, turned),
        bends=_bends(spec, own, turned, bends),
    )


def _latents(spec: FrameSpec, own: FrameSpec, share: float) -> tuple[LatentTerm, ...]:
    return between(spec, dataclasses.replace(spec, latents=own.latents), Shares(share, share)).latents


def _grade(grade: Grade, own: Grade, turned: Turned) -> Grade:
    """Return the grade of the one whose it is, and likewise the opacity, which has a knob of its own."""
    opacity = own.opacity if turned.any("/output/opacity") else grade.opacity
    return dataclasses.replace(own if turned.any("/grade/") else grade, opacity=opacity)


def _noise(levels: Sequence[NoiseLevel], own: Sequence[NoiseLevel], turned: Turned) -> tuple[NoiseLevel, ...]:
    """Return the show's noise, if it is the show's, on the fields as they stand in the take, unless their speed is."""
    if not turned.any("/noise/"):
        return tuple(levels)
    phases = {level.resolution: level.phase for level in levels}
    if turned.any("/noise/speed"):
        phases = {level.resolution: (level.phase + turned.noise_ahead) % PHASE_PERIOD for level in own}
    return tuple(dataclasses.replace(level, phase=phases.get(level.resolution, level.phase)) for level in own)


def _bends(spec: FrameSpec, own: FrameSpec, turned: Turned, bends: Sequence[BendPatch]) -> tuple[Bend, ...]:
    """Return the take's bends, but for those that have been turned."""
    shares = {bend.slot: share for bend in bends if (share := turned.share(f"/bend/{bend.name}/"))}
    mixed = [bend for bend in spec.bends if bend.slot not in shares]
    for slot, share in shares.items():
        before, after = (tuple(bend for bend in its.bends if bend.slot == slot) for its in (spec, own))
        if len(before) == len(after):
            theirs, ours = (dataclasses.replace(spec, bends=its) for its in (before, after))
            after = between(theirs, ours, Shares(share, share)).bends
        mixed += after  # one that is switched on or off is so at once
    return tuple(mixed)
