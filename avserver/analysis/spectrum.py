"""Spectrum: the one short-time spectrum that several listeners share."""

import aubio
import numpy as np
import numpy.typing as npt

Magnitudes = npt.NDArray[np.float32]


class Spectrum:
    """Streaming Hann-windowed magnitude spectrum (aubio's phase vocoder, phases unused).

    Args:
        sample_rate: samples per second (Hz).
        window: samples a spectrum looks at, a power of two.
        hop: samples between two spectra.
    """

    def __init__(self, sample_rate: int, *, window: int = 1024, hop: int = 256) -> None:
        self.hz = np.arange(window // 2 + 1) * sample_rate / window
        self._window, self._hop = window, hop
        self.reset()

    def __call__(self, samples: npt.NDArray[np.float32]) -> Magnitudes:
        """Take one hop, return (window // 2 + 1,) amplitudes: a full-scale sine on a bin gives 1."""
        # 4 / window: a Hann window sums to half its length, and a real sine has half its amplitude in a bin.
        return np.multiply(self._pvoc(samples).norm, np.float32(4 / self._window))

    def reset(self) -> None:
        """Forget all samples."""
        self._pvoc = aubio.pvoc(self._window, self._hop)

    def between(self, low_hz: float, high_hz: float) -> slice:
        """Return the bins whose centre is in [low_hz, high_hz)."""
        first, last = np.searchsorted(self.hz, (low_hz, high_hz))
        return slice(int(first), int(last))
