"""Flux: how much louder each range of the spectrum becomes, hop by hop."""

from collections.abc import Mapping

import numpy as np

from avserver.analysis.spectrum import Bins, Magnitudes

# Amplitudes above -30 dB count by their logarithm, those below by themselves.
COMPRESSION = 30.0
# A low tone's magnitude ripples at twice its frequency in a window that holds few of its periods. Only what
# exceeds all of the last 23 ms (four hops of 256) is new; after Böck and Widmer, "Maximum filter vibrato
# suppression for onset detection" (DAFx 2013), who take the maximum over frequencies.
LOOK_BACK_S = 0.023

# A rise of less than this share of the range's level is ripple: steady tones show up to 0.02 of it.
RIPPLE = 0.03

FLOOR = 0.003  # flux of a range that rises from nothing to -70 dB in one hop
# What a strong onset of loud music reaches in each range (the 99.5th percentile over rendered songs), and how many
# times less in music that is 30 dB softer.
LOUD = {"low": 0.1, "mid": 0.03, "high": 0.007}
QUIETER = 20.0
PEAK_HALF_LIFE_S = 4.0  # "lately", in what was heard lately: two bars


class Flux:
    """Spectral flux of some ranges: log-compressed, rectified, mean over the bins; a full-scale rise gives nearly 1.

    Args:
        spectrum: the one whose magnitudes will be given.
        ranges_hz: half-open range (Hz) by name.
        hop_s: seconds between two calls.
        ripple: share of a range's level that a rise must exceed.

    Attributes:
        values: per range, 0 or more.
        normalised: per range, in [0, 1]: the value by the highest that was heard lately.
    """

    _before: Magnitudes
    _oldest: int

    def __init__(
        self,
        spectrum: Bins,
        ranges_hz: Mapping[str, tuple[float, float]],
        hop_s: float,
        *,
        ripple: float = RIPPLE,
    ) -> None:
        self._names = tuple(ranges_hz)
        self._weights = range_weights(spectrum, ranges_hz)
        self._look_back = look_back_hops(hop_s)
        self._ripple = np.float32(ripple)
        self._fade = 0.5 ** (hop_s / PEAK_HALF_LIFE_S)
        self.reset()

    def __call__(self, magnitudes: Magnitudes) -> None:
        """Take one spectrum."""
        now: Magnitudes = np.log1p(magnitudes * np.float32(COMPRESSION))
        rise = np.maximum(now - self._before.max(axis=0), 0)
        self._before[self._oldest] = now
        self._oldest = (self._oldest + 1) % self._look_back
        values = np.maximum(self._weights @ (rise - self._ripple * now), 0)
        for name, value in zip(self._names, values.tolist(), strict=True):
            peak = self._peaks[name] = max(value, FLOOR, self._peaks[name] * self._fade)
            self.values[name] = value
            self.normalised[name] = value / peak

    def reset(self) -> None:
        """Forget all that was heard."""
        self._before = np.zeros((self._look_back, self._weights.shape[1]), np.float32)
        self._oldest = 0
        self._peaks: dict[str, float] = dict.fromkeys(self._names, FLOOR)
        self.values: dict[str, float] = dict.fromkeys(self._names, 0.0)
        self.normalised: dict[str, float] = dict.fromkeys(self._names, 0.0)


def look_back_hops(hop_s: float) -> int:
    """Return how many hops a rise has to exceed."""
    return max(2, round(LOOK_BACK_S / hop_s))


def range_weights(spectrum: Bins, ranges_hz: Mapping[str, tuple[float, float]]) -> Magnitudes:
    """Return (ranges, bins): what each bin adds to the flux of each range."""
    weights = np.zeros((len(ranges_hz), spectrum.hz.size), np.float32)
    for row, (low_hz, high_hz) in enumerate(ranges_hz.values()):
        bins = spectrum.between(low_hz, high_hz)
        weights[row, bins] = 1 / max(1, bins.stop - bins.start) / np.log1p(COMPRESSION)
    return weights
