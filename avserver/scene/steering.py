"""Steering: along which of its directions, and how far, w is moved at this frame."""

from collections.abc import Sequence

from avserver.control.params import Params
from avserver.control.patch import DirectionPatch
from avserver.frame_spec import Direction
from avserver.scene.latents import layers_of


def directions_of(patch: Sequence[DirectionPatch], params: Params, num_ws: int) -> tuple[Direction, ...]:
    """Return what is moved along, for a model of `num_ws` layers.

    A direction whose amount is 0, or that has no layers, is left out and costs nothing.
    """
    moved = []
    for direction in patch:
        at = f"/direction/{direction.name}"
        amount = float(params[f"{at}/amount"])
        layers = layers_of(float(params[f"{at}/first"]), float(params[f"{at}/stop"]), num_ws)
        if amount and layers:
            moved.append(Direction(direction.kind, direction.number, (layers.start, layers.stop), amount))
    return tuple(moved)
