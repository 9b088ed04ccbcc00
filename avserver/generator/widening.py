"""Widening: a learned constant made to fill a canvas. The layers above are convolutions, and draw whatever they get."""

import numpy as np
import numpy.typing as npt

from avserver.canvas import Canvas

Array = npt.NDArray[np.float32]


def widened(const: Array, canvas: Canvas) -> Array:
    """Return a constant (R, R, C) as wide and high as the canvas; the square's own stands in the middle.

    - tile: it is repeated;
    - mirror: likewise, every other one mirrored;
    - stretch: it is interpolated, its borders staying at the borders.
    """
    width, height = canvas.samples(const.shape[0])
    for axis, count in enumerate((height, width)):
        const = _along(const, axis, count, canvas.wide)
    return np.ascontiguousarray(const)


def _along(const: Array, axis: int, count: int, wide: str) -> Array:
    size = const.shape[axis]
    if count == size:
        return const
    if wide == "stretch":
        return _stretched(const, axis, count)
    places = np.arange(count) - (count - size) // 2
    if wide == "mirror":
        places = places % (2 * size)
        places = np.minimum(places, 2 * size - 1 - places)
    return const.take(places % size, axis=axis)


def _stretched(const: Array, axis: int, count: int) -> Array:
    size = const.shape[axis]
    places = np.linspace(0, size - 1, count)
    before = np.minimum(places.astype(int), size - 2)
    shape = [count if i == axis else 1 for i in range(const.ndim)]
    share = (places - before).astype(np.float32).reshape(shape)
    return const.take(before, axis=axis) * (1 - share) + const.take(before + 1, axis=axis) * share
