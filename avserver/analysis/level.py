"""Level: how loud the mix is, and each of its stems."""

import numpy as np
import numpy.typing as npt

from avserver.analysis.ear import SOURCES
from avserver.analysis.separation import Frames, Separated

FLOOR_DB = -120.0
SMOOTHING_S = 0.05  # about one frame and a half: steady enough to look at, fast enough for a drum


class Level:
    """Root mean square per stem, smoothed over SMOOTHING_S. A full-scale sine has -3 dB.

    Args:
        hop_s: seconds between two hops.
        frames: the separator's.
        block_s: seconds between two of its spectra.
    """

    def __init__(self, hop_s: float, frames: Frames, block_s: float) -> None:
        self._keep = float(np.exp(-hop_s / SMOOTHING_S))
        self._keep_stems = float(np.exp(-block_s / SMOOTHING_S))
        self._weights = np.full(frames.hz.size, frames.power_of_square, np.float32)
        self._weights[[0, -1]] /= 2  # the first and the last bin have no twin at negative frequencies
        self.reset()

    def __call__(self, samples: npt.NDArray[np.float32]) -> None:
        """Take one hop of samples."""
        self._mix += (1 - self._keep) * (float(np.dot(samples, samples)) / samples.size - self._mix)

    def separated(self, frame: Separated) -> None:
        """Take what was separated of the next block."""
        self._stems += (1 - self._keep_stems) * (np.square(frame.magnitudes) @ self._weights - self._stems)

    @property
    def rms_db(self) -> dict[str, float]:
        """Level per stem (dB of full scale), at least FLOOR_DB."""
        power = np.maximum([self._mix, *self._stems], 10 ** (FLOOR_DB / 10))
        return dict(zip(("mix", *SOURCES), (10 * np.log10(power)).tolist(), strict=True))

    def reset(self) -> None:
        """Back to silence."""
        self._mix = 0.0
        self._stems = np.zeros(len(SOURCES))
