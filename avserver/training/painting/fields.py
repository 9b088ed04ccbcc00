"""Fields: smooth random numbers over a picture, the stuff that paintings are made of. All are (size, size) float32."""

import cv2
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]


def grid(size: int) -> tuple[Array, Array]:
    """Return x and y in [-1, 1], y downwards, at the centres of the pixels."""
    line = ((np.arange(size, dtype=np.float32) + 0.5) / size * 2 - 1).astype(np.float32)
    across, down = np.meshgrid(line, line)
    return across, down


def smooth(rng: np.random.Generator, size: int, cells: float) -> Array:
    """Return noise of mean 0 and deviation about 1 whose bumps are a `cells`th of the picture wide."""
    knots = max(3, round(cells) + 3)
    coarse = rng.standard_normal((knots, knots)).astype(np.float32)
    scale = size / max(cells, 0.5)
    offset = rng.uniform(0, 1, 2)
    step = (np.arange(size, dtype=np.float32) + 0.5) / scale
    across, down = np.meshgrid(step + np.float32(offset[0]), step + np.float32(offset[1]))
    return _bytes(cv2.remap(coarse, across + 0.5, down + 0.5, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)) * 1.3


def clouds(rng: np.random.Generator, size: int, cells: float, *, octaves: int = 5, roughness: float = 0.5) -> Array:
    """Return a sum of `smooth` noises, each twice as fine and `roughness` as strong; deviation about 1."""
    total, power, strength = np.zeros((size, size), np.float32), 0.0, 1.0
    for octave in range(octaves):
        if cells * 2**octave > size / 2:
            break
        total += np.float32(strength) * smooth(rng, size, cells * 2**octave)
        power += strength * strength
        strength *= roughness
    return total / np.float32(np.sqrt(power))


def look_up(field: npt.NDArray[np.float32], across: Array, down: Array) -> Array:
    """Return the field (h, w) or (h, w, c) at places in [-1, 1], reflected beyond."""
    height, width = field.shape[:2]
    x = ((across + 1) / 2 * width - 0.5).astype(np.float32)
    y = ((down + 1) / 2 * height - 0.5).astype(np.float32)
    return _bytes(cv2.remap(field, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT))


def blurred(field: npt.NDArray[np.float32], sigma_px: float) -> Array:
    """Return a field, blurred with a Gaussian."""
    if sigma_px <= 0:
        return field
    return _bytes(cv2.GaussianBlur(field, (0, 0), sigma_px, borderType=cv2.BORDER_REFLECT))


def ranked(field: Array) -> Array:
    """Return the field with its values spread evenly over [0, 1]."""
    order = np.sort(field[::4, ::4].ravel())
    return np.interp(field, order, np.linspace(0, 1, len(order))).astype(np.float32)


def _bytes(field: object) -> Array:
    """Tell the type of what OpenCV made of float32: float32."""
    return np.asarray(field, np.float32)
