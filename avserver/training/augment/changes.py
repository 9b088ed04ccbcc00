"""Augmentation carried out, on whatever device draws: pictures recoloured, softened, doubled and sampled anew."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from avserver.generator.backend import ops, stage
from avserver.training.augment.choices import Array

Tensor = Any


def augment(images: Tensor, drawn: Mapping[str, Array | Tensor]) -> Tensor:
    """Return pictures as `draw` chose to change them: beyond their borders they are mirrored.

    Linear in the pictures, and differentiable by them as often as is wanted.

    Args:
        images: (count, R, R, 3) float32, nominally in [-1, 1]; R is at least 4.
        drawn: what `draw` returned for as many pictures of that size.

    Returns:
        (count, R, R, 3) float32.
    """
    images, matrix, colour = (ops.convert_to_tensor(array) for array in (images, drawn["matrix"], drawn["colour"]))
    return _taken(_doubled(_softened(_recoloured(images, colour), _softness(matrix))), matrix)


def _staged(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Have TensorFlow on a CPU compile `function` as a stage, at its first call.

    Operation by operation takes four times as long. All in one stage takes nearly twice as long: XLA then works a
    pixel out anew for each that is made of it.
    """
    compiled = functools.cache(lambda: stage(function))

    @functools.wraps(function)
    def run(*tensors: Tensor) -> Tensor:
        return compiled()(*tensors)

    return run


@_staged
def _recoloured(images: Tensor, colour: Tensor) -> Tensor:
    # No matmul: of three by three it is no faster, and GPUs round its factors to ten bits.
    colour = colour[:, None, None]
    sums = colour[..., 3]
    for channel in range(3):
        sums = sums + images[..., channel : channel + 1] * colour[..., channel]
    return sums


@_staged
def _taken(fine: Tensor, matrix: Tensor) -> Tensor:
    """Return (count, R, R, 3): of doubled pictures the pixels that matrices point at, between four."""
    count, width = fine.shape[:2]
    at = _positions(matrix, width // 2)
    before = ops.floor(at)
    right, down = (at - before)[:, 0, :, None], (at - before)[:, 1, :, None]
    columns, rows = ops.cast(before[:, 0], "int32"), ops.cast(before[:, 1], "int32")
    first = ops.convert_to_tensor(np.arange(count, dtype=np.int32)[:, None] * width**2)
    corner = first + rows * width + columns
    pixels = ops.reshape(fine, (-1, 3))
    above, below = (_between(pixels, corner + step, corner + step + 1, right) for step in (0, width))
    return ops.reshape(above + down * (below - above), (count, width // 2, width // 2, 3))


def _between(pixels: Tensor, one: Tensor, other: Tensor, share: Tensor) -> Tensor:
    start = ops.take(pixels, one, axis=0)
    return start + share * (ops.take(pixels, other, axis=0) - start)


def _positions(matrix: Tensor, size_px: int) -> Tensor:
    """Return (count, 2, R²): column and row in the doubled picture of which the output's pixels are taken.

    They are mirrored at the first and at the last pixel of the picture, column and row 2 R - 2 of the doubled one.
    """
    line = np.arange(size_px, dtype=np.float32) - (size_px - 1) / 2
    columns, rows = np.meshgrid(line, line)
    output = ops.convert_to_tensor(np.stack([columns.ravel(), rows.ravel()]))
    # Again no matmul: positions want all their bits.
    at = matrix[:, :, 0:1] * output[0] + matrix[:, :, 1:2] * output[1] + matrix[:, :, 2:3]
    last = 2 * size_px - 2
    at = ops.mod(2 * at + (size_px - 1), 2 * last)
    return ops.minimum(at, 2 * last - at)


def _softness(matrix: Tensor) -> Tensor:
    """Return (count, 2): how much of its neighbours in x and in y a pixel takes on, lest shrinking be coarse.

    Where the output's pixels are `step` apart, a triangle as wide as that has (step² - 1) / 6 px² more variance than
    one pixel's, and taking on a share has twice the share. With an eighth each nothing is left of a chequerboard of
    single pixels; more would turn it over.
    """
    steps = ops.sum(ops.square(matrix[:, :, :2]), axis=2)
    return ops.clip((steps - 1) / 12, 0.0, 1 / 8)


@_staged
def _softened(images: Tensor, softness: Tensor) -> Tensor:
    left = ops.concatenate([images[:, :, 1:2], images[:, :, :-1]], axis=2)
    right = ops.concatenate([images[:, :, 1:], images[:, :, -2:-1]], axis=2)
    above = ops.concatenate([images[:, 1:2], images[:, :-1]], axis=1)
    below = ops.concatenate([images[:, 1:], images[:, -2:-1]], axis=1)
    across, down = softness[:, 0, None, None, None], softness[:, 1, None, None, None]
    return images + across * (left + right - 2 * images) + down * (above + below - 2 * images)


def _doubled(images: Tensor) -> Tensor:
    """Return (count, 2 R, 2 R, 3): pictures between whose pixels are those that a cubic puts there."""
    count, size_px = images.shape[:2]
    rows = _interleaved(ops.reshape(images, (count, size_px, size_px * 3)))
    columns = _interleaved(ops.reshape(rows, (count * 2 * size_px, size_px, 3)))
    return ops.reshape(columns, (count, 2 * size_px, 2 * size_px, 3))


@_staged
def _interleaved(lines: Tensor) -> Tensor:
    """Return (n, 2 size, channels): behind each line the one halfway to the next, of four (Deslauriers and Dubuc)."""
    count, size, channels = lines.shape
    wide = ops.concatenate([lines[:, 1:2], lines, lines[:, -2:-1], lines[:, -3:-2]], axis=1)  # mirrored at the ends
    between = (9 * (lines + wide[:, 2:-1]) - (wide[:, :-3] + wide[:, 3:])) / 16
    return ops.reshape(ops.stack([lines, between], axis=2), (count, 2 * size, channels))
