"""Bends: which layers are transformed at this frame, and how far."""

import math
from collections.abc import Container, Sequence

from avserver.control.params import Params
from avserver.control.patch import BendPatch, former_names
from avserver.frame_spec import Bend, BendSlot
from avserver.transforms import TRANSFORMS


def bend_slots(bends: Sequence[BendPatch], layers: Container[str]) -> tuple[BendSlot, ...]:
    """Return what a renderer must be prepared for to draw the bends of a patch on a model with these layers."""
    return tuple(bend.slot for bend in bends if bend.layer in layers)


def bends_for(slots: Sequence[BendSlot], bends: Sequence[Bend]) -> tuple[Bend, ...]:
    """Return the bends that a renderer which was prepared for these slots can draw, each in a slot of its own."""
    free = list(slots)
    fitting = []
    for bend in bends:
        if bend.slot in free:
            free.remove(bend.slot)
            fitting.append(bend)
    return tuple(fitting)


class Bends:
    """The bends of a patch. Their phases move from frame to frame."""

    def __init__(self, bends: Sequence[BendPatch]) -> None:
        self._bends = bends
        self.reset()

    def reset(self) -> None:
        """Move the phases back to where they began."""
        self._phases: dict[str, float] = {}
        self._last_s: float | None = None

    def take(self, bends: Sequence[BendPatch]) -> None:
        """Play those of another patch; phases of the same name, or of the same bend, go on from where they are."""
        former = former_names(self._bends, bends)
        was = {bend.name: former.get(bend.name, bend.name) for bend in bends}
        self._phases = {name: self._phases[old] for name, old in was.items() if old in self._phases}
        self._bends = bends

    def update(self, params: Params, t_s: float) -> None:
        """Move on to `t_s` (s, show time)."""
        dt_s = 0.0 if self._last_s is None else max(0.0, t_s - self._last_s)
        self._last_s = t_s
        for bend in self._bends:
            speed = float(params.values.get(f"/bend/{bend.name}/speed", 0.0))
            self._phases[bend.name] = (self._phases.get(bend.name, 0.0) + speed * dt_s) % (2 * math.pi)

    def of(self, params: Params, layers: Container[str]) -> tuple[Bend, ...]:
        """Return the bends that are switched on, in the patch's order, with their values as TRANSFORMS orders them.

        `layers` are those of the model that may be bent; bends of others are left out.
        """
        return tuple(
            Bend(bend.layer, bend.transform, self._values(bend, params), bend.place, bend.edges, bend.channels)
            for bend in self._bends
            if bend.layer in layers and params[f"/bend/{bend.name}/enable"]
        )

    def _values(self, bend: BendPatch, params: Params) -> tuple[float, ...]:
        values = {value.name: float(params[f"/bend/{bend.name}/{value.name}"]) for value in TRANSFORMS[bend.transform]}
        if "phase" in values:
            values["phase"] = (values["phase"] + self._phases.get(bend.name, 0.0)) % (2 * math.pi)
        return tuple(values.values())
