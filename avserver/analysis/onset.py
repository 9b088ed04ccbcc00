"""Onsets: when something begins, in the whole mix (aubio) and in ranges of its spectrum."""

from collections import deque
from dataclasses import dataclass

import aubio
import numpy as np
import numpy.typing as npt

from avserver.analysis.flux import FLOOR, Flux
from avserver.analysis.gain import AutoGain, Gain
from avserver.analysis.stems import Rise

# An onset is told at most this long after its time (s); aubio's own guess can be older at a slow swell.
OLDEST_S = 0.06
# Two onsets of one kind are at least this far apart (s): a 32nd at 128 bpm is 58 ms.
APART_S = 0.05


Key = tuple[str, str]  # stem and band


@dataclass(frozen=True, slots=True)
class Hit:
    """An onset: when (show time, s) and how strong, in [0, 1]."""

    t_s: float
    strength: float


class FullOnsets:
    """Onsets of the whole mix: aubio's spectral flux with its whitening and peak picking (Brossier 2006).

    Args:
        sample_rate: samples per second (Hz).
        window: samples a spectrum looks at.
        hop: samples between two calls.
        gain: how strengths are scaled.
    """

    # aubio's flux is a sum of whitened bins: a soft note gives 25, a drum 200, the ripple of a steady tone up to 4.
    FLOOR, LOUD, QUIET = 100.0, 250.0, 40.0
    # What is fainter than this share of the highest peak heard lately is the ripple of a note that dies away.
    FAINTEST = 0.08
    # aubio tells no onset in a hop that is silent, but a click is over before its peak is known. So silence is
    # judged here, over all that the window holds, and meanwhile aubio is kept from hearing perfect silence.
    SILENCE_DB = -70.0
    NEVER_DB = -200.0
    HUM = np.float32(1e-6)  # -120 dB

    _last: int

    def __init__(self, sample_rate: int, *, window: int = 1024, hop: int = 256, gain: Gain | None = None) -> None:
        self._make = lambda: aubio.onset("specflux", window, hop, sample_rate)
        self._rate, self._hop = sample_rate, hop
        self._span = window // hop + 2
        self._apart = round(APART_S * sample_rate)
        self._strength = AutoGain(
            hop / sample_rate, loud=self.LOUD, quiet=self.QUIET, floor=self.FLOOR, gain=gain or Gain()
        )
        self.reset()

    def __call__(self, samples: npt.NDArray[np.float32]) -> Hit | None:
        """Take one hop, return the onset that is known after it, if there is one."""
        self._power.append(float(np.dot(samples, samples)) / self._hop)
        loud = max(self._power) >= 10 ** (self.SILENCE_DB / 10)
        self._onset.set_silence(self.NEVER_DB if loud else self.SILENCE_DB)
        found = self._onset(samples + self.HUM)[0] > 0
        self._heard += self._hop
        self._recent.append(float(self._onset.get_descriptor()))
        self._strength(self._recent[-1])
        if not found:
            return None
        strength = max(self._recent)
        if strength < self.FAINTEST * self._strength.peak or self._heard - self._last < self._apart:
            return None
        self._last = self._heard
        # In samples, for get_last_s() is a 32-bit float: 2 ms coarse after a night.
        newest = self._heard - 1
        sample = min(newest, max(int(self._onset.get_last()), newest - int(OLDEST_S * self._rate)))
        return Hit(sample / self._rate, self._strength.of(strength))

    @property
    def level(self) -> float:
        """The detection function on the scale of what was heard lately, in [0, 1]."""
        return self._strength.level

    def reset(self) -> None:
        """Forget all samples."""
        self._onset = self._make()
        # aubio counts the distance from onsets that are refused here, too: the rounding noise of silence, just before a
        # click, would hide the click. So the distance is kept here.
        self._onset.set_minioi_s(0.0)
        self._heard = 0
        self._last = -self._apart
        # As far back as an onset can be that is told now: the window, and two hops for the peak to be known.
        self._recent: deque[float] = deque(maxlen=self._span)
        self._power: deque[float] = deque(maxlen=self._span)
        self._strength.reset()


class RangeOnsets:
    """Onsets in a range of the spectrum: the peaks of its flux, told one hop after each.

    A peak is the highest of its neighbours, and stands out of the mean of the last MEAN_S by a share of the
    highest peak heard lately.

    Args:
        rise: how far a peak must stand out.
        name: of the range.
        sample_rate: samples per second (Hz).
        window: samples a spectrum looks at.
        hop: samples between two calls.
        loud, quiet, floor: of the flux, see `AutoGain`.
        gain: how strengths are scaled.
    """

    MEAN_S = 0.1

    _last: int

    def __init__(
        self,
        rise: Rise,
        name: str,
        sample_rate: int,
        *,
        loud: float,
        quiet: float,
        gain: Gain,
        window: int = 1024,
        hop: int = 256,
        floor: float = FLOOR,
    ) -> None:
        self._prominence, self._name = rise.prominence, name
        self._rate, self._hop = sample_rate, hop
        # The flux is highest when the onset has come to the middle of the window, and known a hop later.
        self._delay = hop + window // 2
        self._apart = round(APART_S * sample_rate)
        self._length = max(4, round(self.MEAN_S * sample_rate / hop))
        self._strength = AutoGain(hop / sample_rate, loud=loud, quiet=quiet, floor=floor, gain=gain)
        self.reset()

    def __call__(self, flux: Flux) -> Hit | None:
        """Take the flux of this hop, return the onset that is known after it, if there is one."""
        newest = flux.values[self._name]
        self._heard += self._hop
        self._strength(newest)
        recent = self._recent
        recent.append(newest)
        candidate = recent[-2]
        if not (candidate > newest and candidate >= recent[-3] and candidate >= recent[-4]):
            return None
        mean = (sum(recent) - newest - candidate) / (self._length - 2)
        if candidate < mean + self._prominence * self._strength.peak:
            return None
        sample = max(0, self._heard - self._delay)
        if sample - self._last < self._apart:
            return None
        self._last = sample
        return Hit(sample / self._rate, self._strength.of(candidate))

    @property
    def level(self) -> float:
        """The flux on the scale of what was heard lately, in [0, 1]."""
        return self._strength.level

    def reset(self) -> None:
        """Forget all that was heard."""
        self._heard = 0
        self._last = -self._apart
        self._recent: deque[float] = deque([0.0] * self._length, maxlen=self._length)
        self._strength.reset()
