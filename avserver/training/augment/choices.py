"""The random choices of augmentation, in numpy: how each picture of a batch is moved and recoloured."""

import math
from collections.abc import Collection
from typing import Any

import numpy as np
import numpy.typing as npt

from avserver.errors import ConfigError, nearest

Array = npt.NDArray[np.float32]
Matrices = npt.NDArray[np.floating[Any]]

KINDS = ("pixel", "geometric", "colour")

# The paper's appendix B. Lengths are shares of the picture's side, scales are natural logarithms.
FARTHEST_BLIT = 0.125
SHIFT_DEVIATION = 0.125
SCALE_DEVIATION = 0.2 * math.log(2)
BRIGHTNESS_DEVIATION = 0.2
CONTRAST_DEVIATION = 0.5 * math.log(2)
SATURATION_DEVIATION = 1.0 * math.log(2)

GREY = np.full(3, 1 / math.sqrt(3))  # the direction of luma in RGB


def draw(
    rng: np.random.Generator, count: int, size_px: int, p: float, kinds: Collection[str] = KINDS
) -> dict[str, Array]:
    """Return the random choices of one batch, each transformation of each picture with probability `p`.

    As many random numbers are taken whatever `p` and `kinds` are.

    Args:
        rng: what the choices are taken from.
        count: pictures of the batch.
        size_px: side of a picture.
        p: in [0, 1]; 0 leaves all pictures as they are.
        kinds: which of KINDS may happen.

    Returns:
        "matrix" (count, 2, 3): from (x, y, 1) in the output to (x, y) in the picture, in pixels from the centre, x to
        the right and y downwards; "colour" (count, 3, 4): from (r, g, b, 1) to RGB.

    Raises:
        ConfigError: `p` is no probability, or a kind is unknown.
    """
    if not 0 <= p <= 1:
        raise ConfigError(f"an augmentation's probability is in [0, 1], got {p}")
    for kind in kinds:
        if kind not in KINDS:
            raise ConfigError(f"unknown kind of augmentation {kind!r}, {nearest(kind, KINDS)}")
    pixel, geometric, colour = (p if kind in kinds else 0.0 for kind in KINDS)
    moved = _warps(rng, count, size_px, geometric) @ _blits(rng, count, size_px, pixel)
    return {
        "matrix": np.linalg.inv(moved)[:, :2].astype(np.float32),
        "colour": _tints(rng, count, colour).astype(np.float32),
    }


def _sometimes(rng: np.random.Generator, p: float, values: Matrices, neutral: float) -> Matrices:
    """Return each of `values` with probability `p`, else `neutral`."""
    return np.where(rng.random(len(values)) < p, values, neutral)


def _signs(rng: np.random.Generator, count: int) -> Matrices:
    return 2.0 * rng.integers(2, size=count) - 1.0


def _blits(rng: np.random.Generator, count: int, size_px: int, p: float) -> Matrices:
    """Return (count, 3, 3): mirrored, turned by quarters, moved by whole pixels."""
    mirrored = _sometimes(rng, p, _signs(rng, count), 1.0)
    quarters = _sometimes(rng, p, math.pi / 2 * rng.integers(4, size=count), 0.0)
    right, down = rng.uniform(-FARTHEST_BLIT, FARTHEST_BLIT, (2, count)) * size_px
    happens = _sometimes(rng, p, np.ones(count), 0.0)
    moved = _translation(np.round(right * happens), np.round(down * happens))
    return moved @ np.round(_rotation(quarters)) @ _scaling(mirrored, np.ones(count))


def _warps(rng: np.random.Generator, count: int, size_px: int, p: float) -> Matrices:
    """Return (count, 3, 3): scaled, turned, stretched, turned again, moved."""
    # Two turns, of which at least one happens with probability p.
    turning = 1 - math.sqrt(1 - p)
    size = np.exp(_sometimes(rng, p, rng.normal(0, SCALE_DEVIATION, count), 0.0))
    before = _sometimes(rng, turning, rng.uniform(-math.pi, math.pi, count), 0.0)
    stretch = np.exp(_sometimes(rng, p, rng.normal(0, SCALE_DEVIATION, count), 0.0))
    after = _sometimes(rng, turning, rng.uniform(-math.pi, math.pi, count), 0.0)
    right, down = rng.normal(0, SHIFT_DEVIATION, (2, count)) * size_px
    happens = _sometimes(rng, p, np.ones(count), 0.0)
    shaped = _rotation(after) @ _scaling(stretch, 1 / stretch) @ _rotation(before) @ _scaling(size, size)
    return _translation(right * happens, down * happens) @ shaped


def _tints(rng: np.random.Generator, count: int, p: float) -> Matrices:
    """Return (count, 3, 4): brightness, contrast, luma turned over, hue turned, saturation."""
    brightness = _sometimes(rng, p, rng.normal(0, BRIGHTNESS_DEVIATION, count), 0.0)
    contrast = np.exp(_sometimes(rng, p, rng.normal(0, CONTRAST_DEVIATION, count), 0.0))
    luma = _sometimes(rng, p, _signs(rng, count), 1.0)
    hue = _sometimes(rng, p, rng.uniform(-math.pi, math.pi, count), 0.0)
    saturation = np.exp(_sometimes(rng, p, rng.normal(0, SATURATION_DEVIATION, count), 0.0))
    # All that follows brightness keeps the grey axis and the plane across it apart: it scales luma along the one, and
    # scales and turns chroma in the other (Rodrigues' formula).
    along = np.outer(GREY, GREY)
    across = np.eye(3) - along
    turn = np.cross(np.eye(3), GREY)  # turn @ colour is GREY × colour
    luma, chroma = contrast * luma, contrast * saturation
    mixing = np.eye(3) + _each(luma - 1, along) + _each(chroma * np.cos(hue) - 1, across)
    mixing += _each(chroma * np.sin(hue), turn)
    return np.concatenate([mixing, (mixing @ np.ones(3) * brightness[:, None])[:, :, None]], axis=2)


def _each(amounts: Matrices, matrix: Matrices) -> Matrices:
    """Return (count, 3, 3): `matrix` times each of `amounts`."""
    return amounts[:, None, None] * matrix


def _identities(count: int) -> Matrices:
    return np.tile(np.eye(3), (count, 1, 1))


def _rotation(angles: Matrices) -> Matrices:
    turned = _identities(len(angles))
    turned[:, 0, 0] = turned[:, 1, 1] = np.cos(angles)
    turned[:, 1, 0] = np.sin(angles)
    turned[:, 0, 1] = -turned[:, 1, 0]
    return turned


def _scaling(across: Matrices, down: Matrices) -> Matrices:
    scaled = _identities(len(across))
    scaled[:, 0, 0], scaled[:, 1, 1] = across, down
    return scaled


def _translation(right: Matrices, down: Matrices) -> Matrices:
    moved = _identities(len(right))
    moved[:, 0, 2], moved[:, 1, 2] = right, down
    return moved
