"""Bands: a spectrum as some forty numbers on a scale like the ear's, and how much each has just risen."""

import itertools

import numpy as np
import numpy.typing as npt

from avserver.analysis.spectrum import Magnitudes, Spectrum

# Two semitones wide, from 2 to 3 of the 43 Hz bins that 1024 samples at 44.1 kHz have; below, one band a bin.
PER_OCTAVE = 6
BIN_HZ = 44_100 / 1024
LOWEST_HZ, HIGHEST_HZ = 30.0, 16_000.0
# Amplitudes above -50 dB count by their logarithm, those below by themselves.
COMPRESSION = 300.0
SILENCE_DB = -70.0  # of the loudest band

Rows = npt.NDArray[np.float32]


class Bands:
    """Log-compressed bands of a spectrum, and their rectified difference to the spectrum before.

    The front end of Böck, Krebs and Schedl, "Evaluating the online capabilities of onset detection methods"
    (ISMIR 2012), with one window instead of three. The bands are the same at every sample rate and window.

    Args:
        spectrum: the one whose magnitudes will be given.

    Attributes:
        size: numbers that a call returns: the bands, then their rises.
        low_hz: (size // 2,) where each band begins.
        loud: whether there was anything but silence in the last spectrum.
    """

    _before: Rows
    loud: bool

    def __init__(self, spectrum: Spectrum) -> None:
        edges_hz = _edges_hz()
        self._weights = np.zeros((spectrum.hz.size, edges_hz.size - 1), np.float32)
        for band, (low_hz, high_hz) in enumerate(itertools.pairwise(edges_hz.tolist())):
            bins = _bins(spectrum, low_hz, high_hz)
            self._weights[bins, band] = COMPRESSION / max(1, bins.stop - bins.start)
        self._quiet = np.log1p(COMPRESSION * 10 ** (SILENCE_DB / 20))
        self.low_hz = edges_hz[:-1]
        self.size = 2 * self.low_hz.size
        self.reset()

    def __call__(self, magnitudes: Magnitudes) -> Rows:
        """Take one spectrum, return (size,) numbers of 0 or more."""
        now = self._compressed(magnitudes)
        rise = np.maximum(now - self._before, 0)
        self._before = now
        self.loud = bool(now.max() > self._quiet)
        return np.concatenate([now, rise])

    def of(self, magnitudes: Magnitudes) -> Rows:
        """Take (n, bins) spectra from the start of a sound, return what n calls would: (n, size)."""
        now = self._compressed(magnitudes)
        rise = np.maximum(np.diff(now, axis=0, prepend=np.zeros_like(now[:1])), 0)
        return np.concatenate([now, rise], axis=1)

    def reset(self) -> None:
        """Forget what was heard."""
        self._before = np.zeros(self._weights.shape[1], np.float32)
        self.loud = False

    def _compressed(self, magnitudes: Magnitudes) -> Rows:
        return np.log1p(magnitudes @ self._weights)


def _edges_hz() -> npt.NDArray[np.float64]:
    """Return the limits of the bands (Hz), rounded so that none is narrower than BIN_HZ."""
    octaves = np.log2(HIGHEST_HZ / LOWEST_HZ)
    wanted_hz = LOWEST_HZ * 2 ** (np.arange(int(octaves * PER_OCTAVE) + 2) / PER_OCTAVE)
    # Half a bin below the first one that belongs: no bin lies on a limit.
    return (np.unique(np.ceil(wanted_hz / BIN_HZ)) - 0.5) * BIN_HZ


def _bins(spectrum: Spectrum, low_hz: float, high_hz: float) -> slice:
    """Return the bins in [low_hz, high_hz): at least one, but none beyond the end of the spectrum."""
    bins = spectrum.between(low_hz, high_hz)
    if bins.stop > bins.start or low_hz > spectrum.hz[-1]:
        return bins
    nearest = int(np.abs(spectrum.hz - (low_hz + high_hz) / 2).argmin())
    return slice(nearest, nearest + 1)
