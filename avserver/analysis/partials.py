"""Partials: where in the spectrum the tones lie, to a fraction of a bin, up to 2 kHz."""

import numpy as np
import numpy.typing as npt

from avserver.analysis.decimation import Decimator

Values = npt.NDArray[np.float32]

LOWEST_HZ, HIGHEST_HZ = 26.0, 2100.0
LONG_S, SHORT_S = 0.186, 0.093  # of the two windows: 8192 and 4096 samples at 44.1 kHz
LOOK_S = 0.0232  # between two looks: four hops
# Farther from its bin (in bins) a tone does not reach: the main lobe of a Hann window ends there.
_REACH_BINS = 2.0


class Partials:
    """The reassigned spectrum of the newest samples: each bin with the frequency of what sounds in it.

    The instantaneous frequency of a bin follows from the same samples seen through the derivative of the window
    (Kodera 1976; Auger and Flandrin 1995). For a Hann window both are sums of neighbouring bins of one Fourier
    transform. It is exact for a tone that is alone within four bins, and so tells semitones apart at 41 Hz where
    the bins are 5 Hz wide.

    Args:
        sample_rate: samples per second (Hz).
        window_s: about how long to look back (s); rounded so that the window is a power of two samples.

    Attributes:
        midi: (n,) pitch of what each bin holds: 69 is 440 Hz, 1 a semitone.
        amplitude: (n,) how much; a sine of amplitude 1 adds up to 2 over its bins. 0 for what is no tone.
    """

    midi: Values
    amplitude: Values

    def __init__(self, sample_rate: float, *, window_s: float) -> None:
        window = 2 ** round(np.log2(window_s * sample_rate))
        self._bin_hz = sample_rate / window
        self._bins = np.arange(np.ceil(LOWEST_HZ / self._bin_hz), min(window // 2, np.ceil(HIGHEST_HZ / self._bin_hz)))
        self._from = int(self._bins[0])
        self._samples = np.zeros(window, np.float32)
        self.reset()

    def take(self, samples: Values) -> None:
        """Take newer samples, at most a window full."""
        self._samples[: -samples.size] = self._samples[samples.size :]
        self._samples[-samples.size :] = samples

    def look(self) -> None:
        """Set `midi` and `amplitude` by the samples taken last."""
        flat = np.fft.rfft(self._samples)
        below, at, above = (flat[self._from + step :][: self._bins.size] for step in (-1, 0, 1))
        # Hann is a constant less a cosine, its derivative a sine: a half of the bin less a quarter of its neighbours,
        # and a quarter of their difference.
        hann = 0.5 * at - 0.25 * (below + above)
        power = hann.real**2 + hann.imag**2
        slope = 0.25 * (below - above)
        away = (slope.real * hann.real + slope.imag * hann.imag) / np.maximum(power, 1e-20)
        tonal = np.abs(away) < _REACH_BINS
        hz = (self._bins + away * tonal) * self._bin_hz
        self.midi = (69 + 12 * np.log2(hz / 440)).astype(np.float32)
        self.amplitude = (np.sqrt(power) * (tonal * (4 / self._samples.size))).astype(np.float32)

    def reset(self) -> None:
        """Forget all samples."""
        self._samples[:] = 0
        self.look()


class Tones:
    """The partials of a sound through a long and a short window, looked at every LOOK_S.

    Args:
        sample_rate: samples per second (Hz).
        hop: samples between two calls, a power of two.

    Attributes:
        long: partials of the last 0.19 s, which tells low notes apart.
        short: partials of the last 0.09 s, which hears new ones sooner.
        look_s: seconds between two looks.
    """

    def __init__(self, sample_rate: int, *, hop: int = 256) -> None:
        factor = min(hop, 2 ** max(0, int(np.log2(sample_rate / (2.5 * HIGHEST_HZ)))))
        self._decimate = Decimator(factor, hop)
        self._every = max(1, round(LOOK_S * sample_rate / hop))
        self.look_s = self._every * hop / sample_rate
        self.long = Partials(sample_rate / factor, window_s=LONG_S)
        self.short = Partials(sample_rate / factor, window_s=SHORT_S)
        self._hops = 0

    def __call__(self, samples: Values) -> bool:
        """Take one hop; tell whether there are new partials."""
        low = self._decimate(samples)
        self.long.take(low)
        self.short.take(low)
        self._hops += 1
        if self._hops % self._every:
            return False
        self.long.look()
        self.short.look()
        return True

    def reset(self) -> None:
        """Forget all samples."""
        self._hops = 0
        self._decimate.reset()
        self.long.reset()
        self.short.reset()
