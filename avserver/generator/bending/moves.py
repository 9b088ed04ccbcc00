"""Moves: from a place to where its content comes from, in the program. Places are in samples from the centre.

At a transform's neutral values a place comes out exactly as it went in.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from avserver.generator.architecture import Layer
from avserver.generator.backend import ops
from avserver.generator.bending.geometry import Place
from avserver.generator.noise_fields import blurred, seeded

Tensor = Any
Array = npt.NDArray[np.float32]
Move = Callable[[Place, Tensor], Place]

DEGREE = math.pi / 180

# Of the field that displaces, as a share of the picture: some five hills and valleys across it.
DISPLACE_SIGMA = 1 / 16


def swirl(place: Place, values: Tensor, *, picture: int) -> Place:
    """Turn the centre, ever less towards a radius. Values: angle (deg), radius (sides)."""
    x, y = place
    near = ops.maximum(1 - ops.sqrt(x * x + y * y) / (values[1] * picture), 0)
    angle = values[0] * DEGREE * near * near
    cos, sin = ops.cos(angle), ops.sin(angle)
    return x * cos - y * sin, x * sin + y * cos


def kaleidoscope(place: Place, values: Tensor) -> Place:
    """Mirror one wedge around the centre. Values: amount, segments (rounded, or there were a seam), angle (deg)."""
    x, y = place
    begin = values[2] * DEGREE
    segment = 2 * math.pi / ops.floor(values[1] + 0.5)
    angle = ops.arctan2(-y, x) - begin
    angle = angle - segment * ops.floor(angle / segment)
    angle = begin + ops.minimum(angle, segment - angle)
    radius = ops.sqrt(x * x + y * y)
    # Added differences, so that nothing is added at 0.
    return x + values[0] * (radius * ops.cos(angle) - x), y + values[0] * (-radius * ops.sin(angle) - y)


def mirror(place: Place, values: Tensor, *, extent: tuple[int, int]) -> Place:
    """Push a mirror in from the right, and one from below; at 1 they stand in the centre. Below 0 from left and above.

    What lies before a mirror is seen behind it. Values: how far in each stands.
    """
    x, y = (_mirrored(axis, values[i], extent[i]) for i, axis in enumerate(place))
    return x, y


def _mirrored(axis: Tensor, pushed: Tensor, size: int) -> Tensor:
    from_the_end = ops.minimum(axis, (1 - pushed) * size - axis)
    from_the_start = ops.maximum(axis, -(1 + pushed) * size - axis)
    return ops.where(pushed >= 0, from_the_end, from_the_start)


def displace(place: Place, values: Tensor, *, picture: int, fields: Array) -> Place:
    """Send every sample its own way, its neighbours much the same one. Values: amount (sides), phase (rad)."""
    x, y = place
    stored = ops.convert_to_tensor(fields)
    way = (ops.cos(values[1]) * stored[:2] + ops.sin(values[1]) * stored[2:]) * (values[0] * picture)
    return x - way[0], y - way[1]


def displacement_fields(layer: Layer, name: str) -> Array:
    """Return the fields (x, y, x, y), (4, height, width), of mean 0 and deviation 1; always the same for a name."""
    width, height = layer.extent
    drawn = seeded(name).standard_normal((4, height, width))
    smooth = blurred(drawn, DISPLACE_SIGMA * layer.picture)
    smooth -= smooth.mean(axis=(1, 2), keepdims=True)
    return (smooth / smooth.std(axis=(1, 2), keepdims=True)).astype(np.float32)


def make_move(transform: str, layer: Layer, name: str) -> Move:
    """Return a transform of the coordinate family at work on a layer; `name` seeds what is random in it."""
    match transform:
        case "swirl":
            return partial(swirl, picture=layer.picture)
        case "kaleidoscope":
            return kaleidoscope
        case "mirror":
            return partial(mirror, extent=layer.extent)
        case "displace":
            return partial(displace, picture=layer.picture, fields=displacement_fields(layer, name))
    raise ValueError(f"{transform} is no move")
