"""Neighbourhood bends: each looks at the samples around. At neutral values x comes out exactly as it went in.

Rows first and then columns, each a sum over shifted copies that a compiler turns into one loop.
"""

from collections.abc import Callable
from functools import partial, reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from avserver.generator.backend import ops
from avserver.generator.bending.pointwise import Prepare, as_they_are

Tensor = Any
Act = Callable[..., Tensor]  # of x, what was prepared, and edges

BLUR_REACH = 6  # samples on either side: twice the widest sigma
NARROWEST = 0.05  # of a Gaussian, in samples: its neighbours are 0 in float32, and it divides
BINOMIAL = (0.25, 0.5, 0.25)
ROWS, COLUMNS = 1, 2


def gaussian(values: Tensor) -> Tensor:
    """Return the taps of `blur`. Values: sigma (samples)."""
    offsets = ops.arange(-BLUR_REACH, BLUR_REACH + 1, dtype="float32")
    taps = ops.exp(-0.5 * ops.square(offsets / ops.maximum(values[0], NARROWEST)))
    return taps / ops.sum(taps)


def blur(x: Tensor, taps: Tensor, edges: str, *, axis: int) -> Tensor:
    """Weigh the samples along an axis."""
    return sum(taps[i] * part for i, part in enumerate(_shifted(x, axis, BLUR_REACH, edges)))


def sharpen(x: Tensor, values: Tensor, edges: str) -> Tensor:
    """Values: amount. The small blur is the binomial one of 3 by 3 samples."""
    smooth = x
    for axis in (ROWS, COLUMNS):
        smooth = _weighted(smooth, axis, BINOMIAL, edges)
    return x + values[0] * (x - smooth)


def erode(x: Tensor, values: Tensor, edges: str) -> Tensor:
    """Values: radius (samples); between whole ones in proportion."""
    return _spread(x, values, edges, ops.minimum)


def dilate(x: Tensor, values: Tensor, edges: str) -> Tensor:
    """Values: radius (samples); between whole ones in proportion."""
    return _spread(x, values, edges, ops.maximum)


def sobel(x: Tensor, values: Tensor, edges: str) -> Tensor:
    """Values: amount. The slope is a sample's, its length whatever its direction."""
    slopes = [
        _weighted(_weighted(x, along, (-0.5, 0.0, 0.5), edges), across, BINOMIAL, edges)
        for along, across in ((ROWS, COLUMNS), (COLUMNS, ROWS))
    ]
    return x + values[0] * (ops.sqrt(ops.square(slopes[0]) + ops.square(slopes[1])) - x)


def _spread(x: Tensor, values: Tensor, edges: str, better: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Let the better value of 3 by 3 samples win, once for each sample of radius."""
    result = x
    for step in range(2):
        wider = x
        for axis in (ROWS, COLUMNS):
            wider = reduce(better, _shifted(wider, axis, 1, edges))
        result = result + ops.clip(values[0] - step, 0, 1) * (wider - x)
        x = wider
    return result


def _weighted(x: Tensor, axis: int, taps: tuple[float, ...], edges: str) -> Tensor:
    parts = _shifted(x, axis, len(taps) // 2, edges)
    return sum(tap * part for tap, part in zip(taps, parts, strict=True) if tap)


def _shifted(x: Tensor, axis: int, reach: int, edges: str) -> list[Tensor]:
    """Return x as seen `reach` samples before on an axis, …, in place, …, `reach` samples behind."""
    size = x.shape[axis]
    # Taken by constant indices, not sliced from a padded copy: a padding is computed anew for every slice.
    places = np.arange(size) + np.arange(-reach, reach + 1)[:, None]
    taken = [ops.take(x, indices, axis=axis) for indices in _at_edges(places, size, edges).astype(np.int32)]
    if edges != "zero":
        return taken
    inside = ((places >= 0) & (places < size)).astype(np.float32)
    shape = [size if i == axis else 1 for i in range(len(x.shape))]
    return [part * mask.reshape(shape) for part, mask in zip(taken, inside, strict=True)]


def _at_edges(places: npt.NDArray[np.int_], size: int, edges: str) -> npt.NDArray[np.int_]:
    """Return which sample stands at a place that may lie beyond the borders; any one for zeros."""
    if edges != "reflect":
        return places % size
    places = places % (2 * size)
    return np.minimum(places, 2 * size - 1 - places)


def make_acts(transform: str) -> tuple[Prepare, tuple[Act, ...]]:
    """Return a transform of the neighbourhood family, and what makes what it takes of the values.

    It may be several acts, each in a stage of its own: in one, a wide one would be computed anew for each tap of the
    next.
    """
    if transform == "blur":
        return gaussian, (partial(blur, axis=ROWS), partial(blur, axis=COLUMNS))
    return as_they_are, (_PLAIN[transform],)


_PLAIN: dict[str, Act] = {act.__name__: act for act in (sharpen, erode, dilate, sobel)}
