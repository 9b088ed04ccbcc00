"""Level: how loud the mix is, and the ranges that stand for its stems."""

import numpy as np
import numpy.typing as npt

from avserver.analysis.spectrum import Magnitudes, Spectrum
from avserver.analysis.stems import LEVEL_HZ
from avserver.signals import STEMS

FLOOR_DB = -120.0
SMOOTHING_S = 0.05  # about one frame and a half: steady enough to look at, fast enough for a drum


class Level:
    """Root mean square per stem, smoothed over SMOOTHING_S. A full-scale sine has -3 dB.

    Args:
        spectrum: the one whose magnitudes will be given.
        hop_s: seconds between two calls.
    """

    def __init__(self, spectrum: Spectrum, hop_s: float) -> None:
        # A Hann window spreads a sine of amplitude a over bins whose squares add up to 1.5 a²; its power is a²/2.
        self._weights = np.zeros((len(LEVEL_HZ), spectrum.hz.size), np.float32)
        for row, ranges in enumerate(LEVEL_HZ.values()):
            for low_hz, high_hz in ranges:
                self._weights[row, spectrum.between(low_hz, high_hz)] = 1 / 3
        self._weights[:, 0] /= 2  # the bin of 0 Hz has no twin at negative frequencies
        self._keep = float(np.exp(-hop_s / SMOOTHING_S))
        self.reset()

    def __call__(self, samples: npt.NDArray[np.float32], magnitudes: Magnitudes) -> None:
        """Take one hop of samples, and the spectrum that ends with it."""
        self._now[0] = np.dot(samples, samples) / samples.size
        np.dot(self._weights, magnitudes * magnitudes, out=self._now[1:])
        self._power += (1 - self._keep) * (self._now - self._power)

    @property
    def rms_db(self) -> dict[str, float]:
        """Level per stem (dB of full scale), at least FLOOR_DB."""
        power = np.maximum(self._power, 10 ** (FLOOR_DB / 10))
        return dict(zip(STEMS, (10 * np.log10(power)).tolist(), strict=True))

    def reset(self) -> None:
        """Back to silence."""
        self._power = np.zeros(1 + len(LEVEL_HZ))
        self._now = np.zeros(1 + len(LEVEL_HZ), np.float32)
