"""Feedback: the frame before, zoomed, turned and mixed into this one, as of a camera that films its own monitor."""

from typing import Any

import numpy as np
import numpy.typing as npt

from avserver.frame_spec import Feedback
from avserver.generator.backend import ops
from avserver.generator.bending.geometry import centred, find_places, homography, in_samples, inverse_matrix, warp
from avserver.generator.grading import to_bytes

Tensor = Any

MOST = 0.98  # of the frame before; with all of it nothing new would ever be seen


def feedback_values(feedback: Feedback, resolution: int, opacity: float = 1.0) -> npt.NDArray[np.float32]:
    """Return feedback as `mix_in` takes it, (11,): the amount, the inverse matrix in samples, and the opacity."""
    zoom, turn = inverse_matrix("zoom", (feedback.zoom,)), inverse_matrix("rotate", (feedback.rotate,))
    matrix = in_samples(zoom @ turn, resolution)
    return np.array([min(max(feedback.amount, 0.0), MOST), *matrix.ravel(), opacity], np.float32)


def mix_in(drawn: Tensor, previous: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """Return a picture (n, H, W, 3), given in uint8, with the frame before in it.

    It comes back twice: in float32, to be mixed into the next one, and in uint8, faded by the opacity. Beyond its
    borders the frame before is mirrored.
    """
    _, height, width, _ = drawn.shape
    place = homography(centred(width, height), values[1:10], perspective=False)
    new = ops.cast(drawn, "float32")
    mixed = new + values[0] * (warp(previous, find_places(place, width, height, "reflect")) - new)
    return mixed, to_bytes(mixed, values[10])
