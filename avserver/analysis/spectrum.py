"""Spectrum: the one short-time spectrum that several listeners share."""

import numpy as np
import numpy.typing as npt

Magnitudes = npt.NDArray[np.float32]


class Bins:
    """The bins of a spectrum.

    Args:
        sample_rate: samples per second (Hz).
        window: samples a spectrum looks at.

    Attributes:
        hz: (window // 2 + 1,) centre of each bin.
    """

    def __init__(self, sample_rate: int, window: int) -> None:
        self.hz = np.arange(window // 2 + 1) * sample_rate / window

    def between(self, low_hz: float, high_hz: float) -> slice:
        """Return the bins whose centre is in [low_hz, high_hz)."""
        first, last = np.searchsorted(self.hz, (low_hz, high_hz))
        return slice(int(first), int(last))


class Spectrum(Bins):
    """Streaming short-time Fourier transform with a periodic Hann window; the newest sample is its last.

    Args:
        sample_rate: samples per second (Hz).
        window: samples a spectrum looks at, a power of two.
        hop: samples between two spectra.
    """

    def __init__(self, sample_rate: int, *, window: int = 1024, hop: int = 256) -> None:
        super().__init__(sample_rate, window)
        self._hop = hop
        self._window = amplitude_window(window)
        self.reset()

    def __call__(self, samples: npt.NDArray[np.float32]) -> npt.NDArray[np.complex64]:
        """Take one hop, return (window // 2 + 1,) bins: a full-scale sine on a bin has magnitude 1 there."""
        self._heard[: -self._hop] = self._heard[self._hop :]
        self._heard[-self._hop :] = samples
        return np.fft.rfft(self._heard * self._window).astype(np.complex64, copy=False)

    def reset(self) -> None:
        """Forget all samples."""
        self._heard = np.zeros(self._window.size, np.float32)


def hann(length: int) -> npt.NDArray[np.float64]:
    """Return a periodic Hann window (length,): copies shifted by a half, a quarter … of it add to a constant."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)


def amplitude_window(length: int) -> npt.NDArray[np.float32]:
    """Return a periodic Hann window (length,) with which a full-scale sine on a bin has magnitude 1 there."""
    # 4 / length: a Hann window sums to half its length, and a real sine has half its amplitude in a bin.
    return (hann(length) * 4 / length).astype(np.float32)
