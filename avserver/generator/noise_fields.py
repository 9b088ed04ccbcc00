"""Noise that moves smoothly and for ever, from four stored pictures a layer.

Every layer keeps two rough and two smooth fields, made once. Turning a pair (cos φ · a + sin φ · b) gives a field that
changes with φ, never jumps, and keeps its deviation; the smooth pair turns slower than the rough one. That replaces the
seed's songs of noise computed beforehand: SEED.md, "Noise".
"""

import math
from zlib import crc32

import numpy as np
import numpy.typing as npt

from avserver.frame_spec import NoiseLevel

Array = npt.NDArray[np.float32]

ROUGH_SIGMA_PX = 0.2
SMOOTH_SIGMA_PX = 0.6
SMOOTH_PACE = 7 / 15  # the seed smoothed its rough noise over 7 frames, its smooth noise over 15
FIELDS = 4  # rough a, rough b, smooth a, smooth b


def make_fields(name: str, width: int, height: int) -> Array:
    """Return the four fields of the layer `name`: (4, height, width), the same at every call.

    Each has mean 0 and deviation 1 and they are orthogonal, so that a weighted sum has exactly the deviation
    that its weights say.
    """
    drawn = seeded(name).standard_normal((FIELDS, height, width))
    rough, smooth = blurred(drawn[:2], ROUGH_SIGMA_PX), blurred(drawn[2:], SMOOTH_SIGMA_PX)
    # Smooth first: what makes fields orthogonal is taken from the later ones, and must not roughen the smooth.
    ones = np.ones((1, height, width))
    stacked = np.concatenate([ones, smooth, rough]).reshape(1 + FIELDS, -1)
    orthogonal, upper = np.linalg.qr(stacked.T)
    fields = (orthogonal * np.sign(np.diag(upper))).T[1:] * math.sqrt(width * height)
    return np.ascontiguousarray(fields[[2, 3, 0, 1]].reshape(FIELDS, height, width), np.float32)


def coefficients(level: NoiseLevel) -> Array:
    """Return the weights (4,) of a layer's fields at `level`; the sum has the deviation `level.strength`."""
    rough, smooth = level.grain, 1.0 - level.grain
    scale = level.strength / math.hypot(rough, smooth)
    slow = level.phase * SMOOTH_PACE
    turned = [
        rough * math.cos(level.phase),
        rough * math.sin(level.phase),
        smooth * math.cos(slow),
        smooth * math.sin(slow),
    ]
    return np.array(turned, np.float32) * np.float32(scale)


def seeded(name: str) -> np.random.Generator:
    """Return random numbers that are always the same for a name."""
    return np.random.default_rng(crc32(name.encode()))


def blurred(fields: npt.NDArray[np.float64], sigma_px: float) -> npt.NDArray[np.float64]:
    """Return fields (n, H, W), smoothed with a Gaussian over wrapped borders, in the frequency domain."""
    down, across = (np.exp(-2 * (np.pi * sigma_px * np.fft.fftfreq(length)) ** 2) for length in fields.shape[1:])
    spectrum = np.fft.fft2(fields) * down[:, None] * across[None, :]
    return np.fft.ifft2(spectrum).real
