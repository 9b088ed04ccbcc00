"""Bends: which layers are transformed at this frame, and how far."""

from collections.abc import Container, Sequence

from avserver.control.params import Params
from avserver.control.patch import BendPatch
from avserver.frame_spec import TRANSFORMS, Bend


class Bends:
    """The bends of a patch, in its order, without those whose layer the model doesn't have."""

    def __init__(self, bends: Sequence[BendPatch], layers: Container[str]) -> None:
        """`layers` are those of the model that may be bent."""
        self._bends = [bend for bend in bends if bend.layer in layers]

    def at(self, params: Params) -> tuple[Bend, ...]:
        """Return the bends that are switched on, with their values as TRANSFORMS orders them."""
        return tuple(
            Bend(bend.layer, bend.transform, _values(bend, params))
            for bend in self._bends
            if params[f"/bend/{bend.name}/enable"]
        )


def _values(bend: BendPatch, params: Params) -> tuple[float, ...]:
    return tuple(float(params[f"/bend/{bend.name}/{value.name}"]) for value in TRANSFORMS[bend.transform])
