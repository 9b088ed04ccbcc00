"""Network bending: an affine warp of a layer's activations while it plays (Broad et al. 2021, doi:10.3390/e24010028).

A bend of block bR acts on all that the block hands on: its activations after conv1, leaky ReLU included, and the
picture so far. What has been drawn up to R px moves as one, and the finer blocks draw anew on what has moved; bending
the last block moves the whole picture.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from avserver.errors import ModelError, WireError, nearest
from avserver.frame_spec import TRANSFORMS, Bend
from avserver.generator.architecture import Layer
from avserver.generator.backend import ops, stage

Tensor = Any
Place = Literal["before", "after"]  # the nonlinearity
Matrix = npt.NDArray[np.float32]

IDENTITY: Matrix = np.eye(2, 3, dtype=np.float32)
FARTHEST = 1e6  # of a matrix's entries: many zooms on one layer must not leave what float32 can tell apart


def inverse_matrix(bend: Bend) -> npt.NDArray[np.float64]:
    """Return the (3, 3) matrix from a place in the bent layer to where its content comes from.

    Places are (x, y, 1) from the centre, rightwards and downwards, in widths of the picture.

    Raises ModelError for an unknown transform, WireError for values it cannot take.
    """
    if bend.transform not in TRANSFORMS:
        raise ModelError(f"unknown transform {bend.transform!r}, {nearest(bend.transform, TRANSFORMS)}")
    expected = TRANSFORMS[bend.transform]
    if len(bend.values) != len(expected) or not all(math.isfinite(value) for value in bend.values):
        names = ", ".join(value.name for value in expected)
        raise WireError(f"{bend.transform} takes finite values ({names}), got {bend.values}")
    matrix = np.eye(3)
    if bend.transform == "zoom":
        matrix[0, 0] = matrix[1, 1] = bend.values[0]
    elif bend.transform == "translate":
        matrix[:2, 2] = -np.asarray(bend.values)
    else:
        angle = math.radians(bend.values[0])
        # Anticlockwise as one looks at it, y pointing down; its inverse turns clockwise.
        matrix[:2, :2] = [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    return matrix


def compose(bends: Iterable[Bend], layers: tuple[str, ...]) -> Matrix:
    """Return one inverse matrix per layer, (len(layers), 2, 3): its bends in their order, the identity without any.

    Raises ModelError for a bend of a layer that is not among `layers`.
    """
    matrices = np.tile(np.eye(3), (len(layers), 1, 1))
    for bend in bends:
        if bend.layer not in layers:
            prepared = ", ".join(layers) or "none"
            raise ModelError(f"layer {bend.layer!r} was not prepared for bending, prepared: {prepared}")
        i = layers.index(bend.layer)
        # The last bend is the first to be undone.
        matrices[i] = matrices[i] @ inverse_matrix(bend)
    return np.clip(matrices[:, :2], -FARTHEST, FARTHEST).astype(np.float32)


class Places(NamedTuple):
    """Where every sample of a bent layer comes from: the four samples around it, (size, size) int32, and its share.

    They count along the rows. Found by `find_places` once a frame, then used by `warp` for all that moves together.
    """

    upper_left: Tensor
    upper_right: Tensor
    lower_left: Tensor
    lower_right: Tensor
    right_share: Tensor
    lower_share: Tensor


def find_places(matrix: Tensor, size: int, picture: int | None = None) -> Places:
    """Return the places for an inverse matrix (2, 3), see `compose`, in a layer of `size` by `size` samples.

    The picture spans `picture` of them (None: all), in the middle.

    The identity gives every sample its own place exactly. Beyond the borders, the layer is reflected.
    """
    # Half-integers, so that the identity gives whole numbers without rounding.
    width = size if picture is None else picture
    steps = ops.arange(size, dtype="float32") - (size - 1) / 2
    x, y = steps[None, :], steps[:, None]
    column = matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2] * width + (size - 1) / 2
    row = matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2] * width + (size - 1) / 2
    left, right, right_share = _neighbours(column, size)
    upper, lower, lower_share = _neighbours(row, size)
    upper, lower = upper * size, lower * size
    return Places(upper + left, upper + right, lower + left, lower + right, right_share, lower_share)


def warp(x: Tensor, places: Places) -> Tensor:
    """Return x (n, size, size, C) taken from `places`, bilinear."""
    n, height, width, channels = x.shape
    samples = ops.reshape(x, (n, height * width, channels))
    upper_left, upper_right, lower_left, lower_right = (ops.take(samples, corner, axis=1) for corner in places[:4])
    right, lower = (ops.cast(share, x.dtype)[None, :, :, None] for share in places[4:])
    # Differences, not weighted sums: where a share is 0, nothing is added.
    upper_row = upper_left + right * (upper_right - upper_left)
    lower_row = lower_left + right * (lower_right - lower_left)
    return upper_row + lower * (lower_row - upper_row)


def _neighbours(place: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the samples before and after a place on an axis, mirrored at the borders, and the share of the latter.

    A border's own sample appears twice.
    """
    period = 2.0 * size
    place = place - period * ops.floor(place / period)
    before = ops.floor(place)
    return _mirror(before, size), _mirror(before + 1, size), place - before


def _mirror(index: Tensor, size: int) -> Tensor:
    """Return which sample stands at 0 <= index <= 2 size, where all samples are followed by their mirror image."""
    return ops.cast(ops.maximum(ops.minimum(index, 2 * size - 1 - index), 0), "int32")


class Bending:
    """The bends of one picture, as a network applies them: asked at each of its layers."""

    def __init__(self, places: Mapping[str, Places], matrices: Mapping[str, Tensor] | None = None) -> None:
        self._places = places
        self._matrices = matrices or {}

    def matrix(self, layer: str) -> Tensor | None:
        """Return the inverse matrix (2, 3) of the layer's bends, see `compose`; None if there are none.

        For a layer that can be moved without resampling it.
        """
        return self._matrices.get(layer)

    def touches(self, layer: str, place: Place = "after") -> bool:
        """Return whether anything is done to the layer's activations before or after its nonlinearity.

        If so, they must come from a stage of their own (see `passage`).
        """
        return place == "after" and layer in self._places

    def __call__(self, x: Tensor, layer: str, place: Place = "after") -> Tensor:
        """Return the activations x (n, H, W, C) of a touched layer, bent."""
        return warp(x, self._places[layer])

    def picture(self, image: Tensor, block: str) -> Tensor:
        """Return the picture so far (n, H, W, 3), moved as the activations of `block` are."""
        return warp(image, self._places[block])


NO_BENDS = Bending({})


class BendPlan:
    """Which layers of a model may be bent; fixed when a program is compiled, where the values of bends are not.

    Raises ModelError for a layer that the model doesn't have.
    """

    def __init__(self, bent_layers: Iterable[str], layers: Iterable[Layer]) -> None:
        known = {layer.name: layer for layer in layers}
        for name in bent_layers:
            if name not in known:
                raise ModelError(f"the model has no layer {name!r}, {nearest(name, known)}")
        self.bent_layers = tuple(dict.fromkeys(bent_layers))
        self._layers = known

    def values(self, bends: Iterable[Bend]) -> Matrix:
        """Return what `begin` needs to know of a frame's bends: (len(bent_layers), 2, 3)."""
        return compose(bends, self.bent_layers)

    def begin(self, values: Tensor) -> Bending:
        """Return the bends of a frame, in the program that draws it."""
        if not self.bent_layers:
            return NO_BENDS
        matrices = {name: values[i] for i, name in enumerate(self.bent_layers)}
        return Bending(stage(self._find)(values), matrices)

    def _find(self, values: Tensor) -> dict[str, Places]:
        return {name: self._places(values[i], self._layers[name]) for i, name in enumerate(self.bent_layers)}

    @staticmethod
    def _places(matrix: Tensor, layer: Layer) -> Places:
        return find_places(matrix, layer.size, layer.picture)
