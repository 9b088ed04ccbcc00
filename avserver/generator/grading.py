"""What is done to the finished picture on its way to bytes."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from avserver.frame_spec import Grade
from avserver.generator.backend import ops

Tensor = Any
Array = npt.NDArray[np.float32]

LUMA = np.array([0.2126, 0.7152, 0.0722])  # ITU-R BT.709
MID_GREY = 127.5


def grade_values(grade: Grade) -> Array:
    """Return a grade as `develop` takes it, (13,): colour matrix less the identity, offset, opacity.

    Hue turns all colours around the axis of greys and gives them their luma back, saturation moves them away from
    their luma, contrast away from mid-grey, opacity towards black: in this order.
    """
    eye = np.eye(3)
    turn = _turn_around_grey(math.radians(grade.hue))
    hue = turn + LUMA - (LUMA @ turn)
    saturation = eye + (grade.saturation - 1) * (eye - LUMA)
    # A neutral grade gives zeros exactly.
    change = grade.contrast * (saturation @ hue) - eye
    return np.array([*change.ravel(), *[(1 - grade.contrast) * MID_GREY] * 3, grade.opacity], np.float32)


def develop(image: Tensor, values: Tensor) -> Tensor:
    """Return the picture (n, H, W, 3), nominally in [-1, 1], as uint8; a neutral grade changes nothing.

    The conversion is the official tools', rounding included.
    """
    x = ops.clip(image * 127.5 + 128, 0, 255)
    change = ops.reshape(values[:9], (3, 3))
    # Added differences, not weighted sums: when neutral they vanish exactly.
    changed = x + values[9:12] + sum(x[..., i : i + 1] * change[:, i] for i in range(3))
    return to_bytes(ops.clip(changed, 0, 255), values[12])


def to_bytes(levels: Tensor, opacity: Tensor) -> Tensor:
    """Return levels in [0, 255] as uint8, faded towards black."""
    return ops.cast(ops.clip(levels * opacity, 0, 255), "uint8")


def _turn_around_grey(angle: float) -> npt.NDArray[np.float64]:
    """Return the rotation of RGB by `angle` (rad) around the axis of greys, red towards green."""
    third = np.full((3, 3), 1 / 3)
    across = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3)
    return third + math.cos(angle) * (np.eye(3) - third) + math.sin(angle) * across
