"""Chroma: how much of each of the twelve pitch classes is sounding."""

import aubio
import numpy as np
import numpy.typing as npt

from avserver.signals import CHROMA_CLASSES

LOWEST_HZ, HIGHEST_HZ = 110.0, 3500.0
CENTRE_HZ, WIDTH_OCTAVES = 500.0, 1.5  # where tunes live counts most
SEMITONE_WIDTH = 0.35  # σ of a class, in semitones
SMOOTHING_S = 0.15
FLOOR = 1e-3  # summed amplitude (-60 dB) below which there is nothing to tell: all classes alike


class Chroma:
    """Twelve classes from C, summing to 1, from the peaks of a long spectrum, smoothed over SMOOTHING_S.

    A semitone at 110 Hz is 6.5 Hz wide, hence the window of 4096 samples (93 ms); it is looked through once
    every fourth hop only.

    Args:
        sample_rate: samples per second (Hz).
        window: samples looked at, a power of two.
        hop: samples between two calls.
    """

    def __init__(self, sample_rate: int, *, window: int = 4096, hop: int = 256) -> None:
        self._every = max(1, window // 4 // hop)
        self._window, self._hop = window, hop
        hz = np.arange(window // 2 + 1) * sample_rate / window
        self._bins = slice(*np.searchsorted(hz, (LOWEST_HZ, HIGHEST_HZ)).tolist())
        self._weights = _class_weights(hz[self._bins]).astype(np.float32) * np.float32(4 / window)
        self._keep = float(np.exp(-self._every * hop / sample_rate / SMOOTHING_S))
        self._hann = aubio.window("hanningz", window)
        self.reset()

    def __call__(self, samples: npt.NDArray[np.float32]) -> None:
        """Take one hop."""
        at = self._hops % self._every
        self._newest[at * self._hop : (at + 1) * self._hop] = samples
        self._hops += 1
        if at == self._every - 1:
            self._look()

    @property
    def classes(self) -> npt.NDArray[np.float64]:
        """(12,) from C, summing to 1; all 1/12 in silence."""
        return self._classes / self._classes.sum()

    def reset(self) -> None:
        """Back to silence."""
        self._hops = 0
        self._heard = np.zeros(self._window, np.float32)
        self._newest = np.zeros(self._every * self._hop, np.float32)
        self._classes = np.full(CHROMA_CLASSES, 1 / CHROMA_CLASSES)

    def _look(self) -> None:
        step = self._newest.size
        self._heard[:-step] = self._heard[step:]
        self._heard[-step:] = self._newest
        spectrum = np.abs(np.fft.rfft(self._heard * self._hann)[self._bins])
        peaks = np.zeros_like(spectrum)
        inner = spectrum[1:-1]
        np.copyto(peaks[1:-1], inner, where=(inner > spectrum[:-2]) & (inner >= spectrum[2:]))
        classes = self._weights @ peaks + FLOOR / CHROMA_CLASSES
        self._classes += (1 - self._keep) * (classes / classes.sum() - self._classes)


def _class_weights(hz: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return (12, n): how much a bin of that frequency counts for each class."""
    semitones = 69 + 12 * np.log2(hz / 440)
    distance = (semitones - np.arange(CHROMA_CLASSES)[:, None] + 6) % 12 - 6
    octaves = np.log2(hz / CENTRE_HZ)
    return np.exp(-0.5 * (distance / SEMITONE_WIDTH) ** 2 - 0.5 * (octaves / WIDTH_OCTAVES) ** 2)
