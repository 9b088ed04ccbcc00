"""Pointwise bends: each looks at one sample of one feature. At neutral values x comes out exactly as it went in.

Added differences, not weighted sums: where nothing shall happen, nothing is added.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from avserver.generator.architecture import Layer
from avserver.generator.backend import ops
from avserver.generator.noise_fields import make_fields, seeded

Tensor = Any
Array = npt.NDArray[np.float32]
Act = Callable[[Tensor, Tensor], Tensor]
Prepare = Callable[[Tensor], Tensor]


def invert(x: Tensor, values: Tensor) -> Tensor:
    """Values: amount."""
    return x - 2 * values[0] * x


def scale(x: Tensor, values: Tensor) -> Tensor:
    """Values: factor."""
    return x * values[0]


def threshold(x: Tensor, values: Tensor) -> Tensor:
    """Values: amount, level."""
    return x + values[0] * (ops.cast(x > values[1], x.dtype) - x)


def ablate(x: Tensor, values: Tensor) -> Tensor:
    """Values: amount."""
    return x * (1 - values[0])


def posterize(x: Tensor, values: Tensor) -> Tensor:
    """Values: amount, levels. Every value goes to the nearest level."""
    return x + values[0] * (ops.floor(x * values[1] + 0.5) / values[1] - x)


def fold(x: Tensor, values: Tensor) -> Tensor:
    """Values: amount, drive (rad)."""
    return x + values[0] * (_sine(values[1] / (2 * math.pi) * x) - x)


def _sine(turns: Tensor) -> Tensor:
    """Return the sine of so many turns, to 1e-5.

    A compiler makes one loop of it; the sine of its own is a call for each sample, 20 times as slow.
    """
    turns = turns - ops.floor(turns + 0.5)
    # From half a turn to a quarter, on which the series is short.
    angle = 2 * math.pi * ops.sign(turns) * ops.minimum(ops.absolute(turns), 0.5 - ops.absolute(turns))
    square = angle * angle
    series = 1 - square / 6 * (1 - square / 20 * (1 - square / 42 * (1 - square / 72)))
    return angle * series


def noise(x: Tensor, turned: Tensor, *, fields: Array) -> Tensor:
    """Add a rough field; `turned` (2, channels) says how much of each stored one every feature gets."""
    first, second = fields[:, :, :, None]
    return x + (turned[0] * first + turned[1] * second)


def turn(values: Tensor, *, offsets: Array) -> Tensor:
    """Return how `noise` has turned, every feature from an offset of its own. Values: amount, phase (rad)."""
    angles = ops.convert_to_tensor(offsets) + values[1]
    return values[0] * ops.stack([ops.cos(angles), ops.sin(angles)])


def make_act(transform: str, layer: Layer, name: str) -> tuple[Prepare, Act]:
    """Return a transform of the pointwise family at work on a layer, and what makes what it takes of the values.

    `name` seeds what is random in it.
    """
    if transform == "noise":
        offsets = seeded(name).uniform(0, 2 * math.pi, layer.channels).astype(np.float32)
        return partial(turn, offsets=offsets), partial(noise, fields=make_fields(name, *layer.extent)[:2])
    return as_they_are, _PLAIN[transform]


def as_they_are(values: Tensor) -> Tensor:
    """Return the values."""
    return values


_PLAIN: dict[str, Act] = {act.__name__: act for act in (invert, scale, threshold, ablate, posterize, fold)}
