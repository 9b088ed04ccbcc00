"""What is done to the finished picture on its way to bytes."""

from typing import Any

import numpy as np
import numpy.typing as npt

from avserver.frame_spec import Grade
from avserver.generator.backend import ops

Tensor = Any

LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)  # ITU-R BT.709
MID_GREY = 127.5


def grade_values(grade: Grade) -> npt.NDArray[np.float32]:
    """Return a grade as `develop` takes it: (opacity, contrast, saturation)."""
    return np.array([grade.opacity, grade.contrast, grade.saturation], np.float32)


def develop(image: Tensor, values: Tensor) -> Tensor:
    """Return the picture (n, H, W, 3), nominally in [-1, 1], as uint8; a neutral grade changes nothing.

    Saturation moves every colour away from its luma, contrast from mid-grey, opacity towards black.
    """
    x = to_levels(image)
    # Added differences, not weighted sums: at 1 they vanish exactly.
    luma = ops.sum(x * LUMA, axis=-1, keepdims=True)
    x = x + (values[2] - 1) * (x - luma)
    x = x + (values[1] - 1) * (x - MID_GREY)
    return ops.cast(ops.clip(x * values[0], 0, 255), "uint8")


def to_levels(image: Tensor) -> Tensor:
    """Return [-1, 1] as [0, 255], clipped, in the official tools' rounding once cast to uint8."""
    return ops.clip(image * 127.5 + 128, 0, 255)
