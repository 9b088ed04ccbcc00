"""Decimation: the low part of a sound in fewer samples, so that looking at long stretches of it is cheap."""

import numpy as np
import numpy.typing as npt

# Taps for each sample that is left out. With this Kaiser window what would be mirrored into the lower 0.8 of the new
# band is 70 dB down.
_TAPS = 24
_KAISER_BETA = 7.0


class Decimator:
    """A low-pass filter that keeps every `factor`-th sample. It delays by 12 of the samples that it gives.

    Args:
        factor: a power of two; 1 leaves all as it is, but for the delay.
        hop: samples between two calls, a multiple of `factor`.
    """

    def __init__(self, factor: int, hop: int) -> None:
        taps = _TAPS * factor
        distance = np.arange(taps) - (taps - 1) / 2
        lowpass = np.sinc(distance / factor) * np.kaiser(taps, _KAISER_BETA)
        # A row for each sample that is kept: the filter, ending at that sample.
        self._rows = np.zeros((hop // factor, taps + hop), np.float32)
        for row in range(hop // factor):
            end = taps + (row + 1) * factor
            self._rows[row, end - taps : end] = lowpass / lowpass.sum()
        self._heard = np.zeros(taps + hop, np.float32)
        self._hop = hop

    def __call__(self, samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Take one hop, return (hop // factor,) samples."""
        self._heard[: -self._hop] = self._heard[self._hop :]
        self._heard[-self._hop :] = samples
        return self._rows @ self._heard

    def reset(self) -> None:
        """Forget all samples."""
        self._heard[:] = 0
