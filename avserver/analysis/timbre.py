"""Timbre: how bright and how noisy the mix is, at this moment."""

import numpy as np

from avserver.analysis.spectrum import Magnitudes, Spectrum

# Below lie constants and rumble, which no one hears as a colour. A Hann window spreads a constant over two bins.
LOWEST_HZ, LOWEST_BIN = 40.0, 2
# Summed power (of a full-scale sine) below which there is no colour: -100 dB.
SILENCE = 1e-10


class Timbre:
    """Spectral centroid and flatness, not smoothed.

    Args:
        spectrum: the one whose magnitudes will be given.

    Attributes:
        centroid_hz: mean of the frequencies, each counted by its magnitude (Hz); 0 in silence.
        flatness: geometric by arithmetic mean of the powers, in [0, 1]; near 0 for tones, about 0.56 for white noise,
            1 for a single click, 0 in silence.
    """

    centroid_hz: float
    flatness: float

    def __init__(self, spectrum: Spectrum) -> None:
        self._heard = slice(max(LOWEST_BIN, spectrum.between(0.0, LOWEST_HZ).stop), spectrum.hz.size)
        self._hz = spectrum.hz[self._heard].astype(np.float32)
        self.reset()

    def __call__(self, magnitudes: Magnitudes) -> None:
        """Take one spectrum."""
        heard = magnitudes[self._heard]
        power = heard * heard
        total = float(power.sum())
        if total < SILENCE:
            self.reset()
            return
        self.centroid_hz = float(self._hz @ heard) / float(heard.sum())
        # The smallest power keeps the logarithm finite: 120 dB below the mean.
        mean = total / power.size
        logarithm = float(np.log(np.maximum(power, np.float32(1e-12 * mean))).mean())
        self.flatness = min(1.0, float(np.exp(logarithm)) / mean)

    def reset(self) -> None:
        """Back to silence."""
        self.centroid_hz = self.flatness = 0.0
