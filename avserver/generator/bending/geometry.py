"""Where the samples of a bent layer come from: homographies, other moves, and one bilinear gather for all of them.

Places are (x, y) from the centre, rightwards and downwards. A move says where the content of a place comes from: the
inverse of what one sees happen.
"""

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from avserver.canvas import SQUARE, Canvas
from avserver.generator.backend import ops

Tensor = Any
Place = tuple[Tensor, Tensor]  # x and y of every sample
Matrix = npt.NDArray[np.float64]

# Of what is left of a perspective at the horizon and behind it: content a hundred times as far away as in the plane.
HORIZON = 0.01


def inverse_matrix(transform: str, values: tuple[float, ...], canvas: Canvas = SQUARE) -> Matrix:
    """Return the (3, 3) homography from a place in a bent layer to where its content comes from.

    Places are in sides of the square, so that what turns stays what it is on any canvas. What goes by the picture's
    width and height, a shift and how near its borders come, goes by those of the canvas.
    """
    sides = np.array([canvas.across, canvas.down], float)
    matrix = np.eye(3)
    match transform, values:
        case "zoom", (amount,):
            matrix[0, 0] = matrix[1, 1] = amount
        case "translate", _:
            matrix[:2, 2] = -np.asarray(values) * sides
        case "rotate", (degrees,):
            angle = math.radians(degrees)
            # Anticlockwise as one looks at it, y pointing down; its inverse turns clockwise.
            matrix[:2, :2] = [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
        case "shear", (x, y):
            # The rows slide first, then the columns: undone in reverse, and never singular.
            matrix[:2, :2] = np.array([[1, -x], [0, 1]]) @ np.array([[1, 0], [-y, 1]])
        case "flip", _:
            matrix[0, 0], matrix[1, 1] = values
        case "perspective", _:
            matrix[2, :2] = values / sides
        case _:
            raise ValueError(f"{transform} with {len(values)} values is no affine transform")
    return matrix


def in_samples(matrix: Matrix, picture: int) -> Matrix:
    """Return a homography of places in sides as one of places in samples; a side is `picture` of them."""
    scaled = matrix.copy()
    scaled[:2, 2] *= picture
    scaled[2, :2] /= picture
    return scaled


def homography(place: Place, numbers: Tensor, *, perspective: bool) -> Place:
    """Move by an inverse matrix in samples, its 9 numbers row by row; without perspective the last row is 0 0 1."""
    x, y = place
    column = numbers[0] * x + numbers[1] * y + numbers[2]
    row = numbers[3] * x + numbers[4] * y + numbers[5]
    if not perspective:
        return column, row
    depth = ops.maximum(numbers[6] * x + numbers[7] * y + numbers[8], HORIZON)
    return column / depth, row / depth


class Places(NamedTuple):
    """Where every sample of a bent layer comes from: the four samples around it and their shares, each (height, width).

    Samples count along the rows. Found by `find_places` once a frame, then used by `warp` for all that moves together.
    """

    corners: tuple[Tensor, Tensor, Tensor, Tensor]
    shares: tuple[Tensor, Tensor, Tensor, Tensor]


def centred(width: int, height: int) -> Place:
    """Return the places of `width` by `height` samples, in samples."""
    # Half-integers, so that the identity gives whole numbers without rounding.
    x, y = (ops.arange(size, dtype="float32") - (size - 1) / 2 for size in (width, height))
    return x[None, :], y[:, None]


def find_places(source: Place, width: int, height: int, edges: str) -> Places:
    """Return what is to be gathered for content that comes from `source` in a layer of `width` by `height` samples.

    A sample's own place gives it back exactly. `edges` is one of frame_spec.EDGES.
    """
    x, y = (
        ops.broadcast_to(axis, (height, width)) + (size - 1) / 2
        for axis, size in zip(source, (width, height), strict=True)
    )
    left, right, left_share, right_share = _neighbours(x, width, edges)
    upper, lower, upper_share, lower_share = _neighbours(y, height, edges)
    upper, lower = upper * width, lower * width
    return Places(
        (upper + left, upper + right, lower + left, lower + right),
        (upper_share * left_share, upper_share * right_share, lower_share * left_share, lower_share * right_share),
    )


def warp(x: Tensor, places: Places) -> Tensor:
    """Return x (n, height, width, C) taken from `places`, bilinear."""
    n, height, width, channels = x.shape
    samples = ops.reshape(x, (n, height * width, channels))
    # Shares of 1 and 0 are exact: what has not moved is not rounded.
    return sum(
        ops.take(samples, corner, axis=1) * ops.cast(share, x.dtype)[None, :, :, None]
        for corner, share in zip(*places, strict=True)
    )


def _neighbours(place: Tensor, size: int, edges: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the samples (int32) before and after a place on an axis, and their shares."""
    if edges == "zero":
        # Farther out is as dark as just outside.
        place = ops.clip(place, -2.0, size + 1.0)
    else:
        period = 2.0 * size if edges == "reflect" else float(size)
        place = place - period * ops.floor(place / period)
    before = ops.floor(place)
    after, share = before + 1, place - before
    if edges == "reflect":
        # Behind the samples stands their mirror image; a border's own sample appears twice.
        before, after = (ops.minimum(index, 2 * size - 1 - index) for index in (before, after))
    elif edges == "wrap":
        # A place just below 0 is rounded to `size`.
        before, after = (ops.where(index >= size, index - size, index) for index in (before, after))
    before_share, after_share = 1 - share, share
    if edges == "zero":
        before_share = ops.where((before >= 0) & (before < size), before_share, 0.0)
        after_share = ops.where((after >= 0) & (after < size), after_share, 0.0)
    before, after = (ops.cast(ops.clip(index, 0, size - 1), "int32") for index in (before, after))
    return before, after, before_share, after_share
