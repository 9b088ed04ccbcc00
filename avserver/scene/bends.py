"""Bends: which layers are transformed at this frame, and how far."""

from collections.abc import Container, Sequence

from avserver.control.params import Params
from avserver.control.patch import BendPatch
from avserver.frame_spec import TRANSFORMS, Bend


def bends_of(patch: Sequence[BendPatch], params: Params, layers: Container[str]) -> tuple[Bend, ...]:
    """Return the bends that are switched on, in the patch's order, with their values as TRANSFORMS orders them.

    `layers` are those of the model that may be bent; bends of others are left out.
    """
    return tuple(
        Bend(bend.layer, bend.transform, _values(bend, params))
        for bend in patch
        if bend.layer in layers and params[f"/bend/{bend.name}/enable"]
    )


def _values(bend: BendPatch, params: Params) -> tuple[float, ...]:
    return tuple(float(params[f"/bend/{bend.name}/{value.name}"]) for value in TRANSFORMS[bend.transform])
