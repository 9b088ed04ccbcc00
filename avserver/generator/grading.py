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
WHITE = 255.0
MIDDLE = 127 / WHITE  # contrast leaves this as it is
# At temperature 1 red is so many octaves brighter, and blue darker; at tint 1 green is so many darker.
TEMPERATURE_OCTAVES, TINT_OCTAVES = 0.5, 0.5


def grade_values(grade: Grade) -> Array:
    """Return a grade as `graded` takes it, (16,): a colour matrix less the identity, an offset, exponents, opacity.

    White balance comes first. Hue turns all colours around the axis of greys and gives them their luma back, saturation
    moves them away from their luma, contrast away from mid-grey. Then lift raises what is black and gain what is white,
    all of which one matrix does; gamma bends what lies between, as (gain (x + lift (1 - x))) ** (1 / gamma).
    """
    eye = np.eye(3)
    balance = np.diag(_white_balance(grade.temperature, grade.tint))
    turn = _turn_around_grey(math.radians(grade.hue))
    hue = turn + LUMA - (LUMA @ turn)
    saturation = eye + (grade.saturation - 1) * (eye - LUMA)
    lift, gain = np.array(grade.lift), np.array(grade.gain)
    slope = gain * (1 - lift)
    # A neutral grade gives zeros and ones exactly.
    change = slope[:, None] * (grade.contrast * (saturation @ hue @ balance)) - eye
    offset = slope * (1 - grade.contrast) * MIDDLE + gain * lift
    return np.array([*change.ravel(), *offset, *(1 / np.array(grade.gamma)), grade.opacity], np.float32)


def develop(image: Tensor, values: Tensor) -> Tensor:
    """Return the picture (n, H, W, 3), nominally in [-1, 1], as uint8; a neutral grade changes nothing.

    The conversion is the official tools', rounding included.
    """
    return to_bytes(graded(image, values), opacity_of(values))


def graded(image: Tensor, values: Tensor) -> Tensor:
    """Return the picture (n, H, W, 3), nominally in [-1, 1], in levels, half a one above; they may be out of range."""
    levels = ops.clip(image * 127.5 + 128, 0.5, WHITE + 0.5)
    share = to_shares(levels)
    change = ops.reshape(values[:9], (3, 3))
    # Added differences, not weighted sums: when neutral they vanish exactly.
    mixed = share + values[9:12] + sum(share[..., i : i + 1] * change[:, i] for i in range(3))
    bent = ops.exp(ops.log(ops.maximum(mixed, 0.0)) * values[12:15])
    return levels + WHITE * (ops.where(values[12:15] == 1, mixed, bent) - share)


def to_shares(levels: Tensor) -> Tensor:
    """Return levels, half a one above, as shares of white."""
    return (levels - 0.5) * (1 / WHITE)


def opacity_of(values: Tensor) -> Tensor:
    """Return the opacity among a grade's values."""
    return values[15]


def to_bytes(levels: Tensor, opacity: Tensor) -> Tensor:
    """Return levels as uint8, kept in [0, 255] and faded towards black."""
    return ops.cast(ops.clip(levels, 0, WHITE) * opacity, "uint8")


def _white_balance(temperature: float, tint: float) -> npt.NDArray[np.float64]:
    """Return how much brighter red, green and blue become; white keeps its luma."""
    warmth, green = temperature * TEMPERATURE_OCTAVES, -tint * TINT_OCTAVES
    gains = np.exp2([warmth, green, -warmth])
    balanced: npt.NDArray[np.float64] = gains / (LUMA @ gains / LUMA.sum())
    return balanced


def _turn_around_grey(angle: float) -> npt.NDArray[np.float64]:
    """Return the rotation of RGB by `angle` (rad) around the axis of greys, red towards green."""
    third = np.full((3, 3), 1 / 3)
    across = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3)
    return third + math.cos(angle) * (np.eye(3) - third) + math.sin(angle) * across
