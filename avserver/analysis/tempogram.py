"""Tempogram: how much each half second of music speaks for each tempo."""

import numpy as np
import numpy.typing as npt

Strengths = npt.NDArray[np.float32]
Evidence = npt.NDArray[np.float64]

TICK_S = 0.5
# Tempi are told apart within an octave only, as tones are by chroma: music at 60 bpm that is played in eighths sounds
# like music at 120.
CLASSES = 96  # 0.7 % apart
SHORTEST_S = 0.3  # period of class 0 (200 bpm); that of class 96 would be 0.6 s, which is class 0 again
FASTEST_BPM = 160.0  # a class is named by its tempo from half of this up

# A period P speaks by how alike the music is to itself this many P ago, and so loud: the weights are those of a softmax
# over the classes that tells the tempo of a half second best, on 25 rendered songs at many tempi.
LIKENESS = {0.5: -0.15, 1.0: 2.13, 1.5: 2.22, 2.0: 2.44, 3.0: 2.17, 4.0: 3.23, 6.0: 0.48, 8.0: 0.9}

BLUR_S = 0.0116  # standard deviation: musicians are no more exact, and classes at long lags lie further apart
MEAN_S, POWER_S = 1.0, 4.0  # what lies above the mean lately counts, by its size lately: a bar, and two
FAINTEST = 2e-4  # power of a range in which nothing happens


class Tempogram:
    """Compares each half second with what went before, in every range of the spectrum, without looking ahead.

    After Grosche, Müller and Kurth, "Cyclic tempogram" (ICASSP 2010). The products of one half second with the past are
    not averaged with those of earlier ones: right after a change of tempo the old one has nothing to say any more.

    Args:
        hop_s: seconds between two onset strengths.
        ranges: how many of them there are at a time.

    Attributes:
        tick: how many hops make a half second.
    """

    def __init__(self, hop_s: float, ranges: int) -> None:
        self.tick = max(1, round(TICK_S / hop_s))
        self._tick_s = self.tick * hop_s
        radius = int(4 * BLUR_S / hop_s) + 1
        bell = np.exp(-0.5 * (np.arange(-radius, radius + 1) * hop_s / BLUR_S) ** 2)
        self._bell = bell / bell.sum()
        periods = SHORTEST_S * 2 ** (np.arange(CLASSES) / CLASSES)
        lags = periods[:, None] * np.array(list(LIKENESS)) / hop_s
        self._floor = lags.astype(int)
        self._fraction = lags - self._floor
        self._longest = int(lags.max()) + 1
        self._size = 1 << (self._longest + 2 * self.tick - 1).bit_length()
        self._ranges = ranges
        self.reset()

    def __call__(self, strengths: Strengths) -> Evidence:
        """Take a half second, (tick, ranges) in [0, 1]; return (CLASSES,) log-likelihood of each, but for a constant.

        Zero for all in silence. How far one class can get ahead of another in a half second is about 10.
        """
        self._hear(self._normalised(self._blurred(strengths)))
        alike = self._likeness()
        at_lags = alike[self._floor] * (1 - self._fraction) + alike[self._floor + 1] * self._fraction
        return np.asarray(at_lags @ np.array(list(LIKENESS.values())))

    def reset(self) -> None:
        """Forget all that was heard."""
        self._edge = np.zeros((self._bell.size - 1, self._ranges))
        self._past = np.zeros((self._longest + self.tick, self._ranges))
        self._mean, self._power, self._ticks = np.zeros(self._ranges), np.zeros(self._ranges), 0

    def _blurred(self, strengths: Strengths) -> npt.NDArray[np.float64]:
        whole = np.concatenate([self._edge, strengths])
        self._edge = whole[self.tick :]
        return np.stack([np.convolve(row, self._bell, "valid") for row in whole.T], axis=1)

    def _normalised(self, blurred: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return what lies above the mean lately, by its size lately: about 1 in every range."""
        self._ticks += 1
        self._mean += _share(self._tick_s / MEAN_S, self._ticks) * (blurred.mean(axis=0) - self._mean)
        above = blurred - self._mean
        self._power += _share(self._tick_s / POWER_S, self._ticks) * ((above**2).mean(axis=0) - self._power)
        return np.asarray(above / np.sqrt(self._power + FAINTEST))

    def _hear(self, newest: npt.NDArray[np.float64]) -> None:
        self._past[: -self.tick] = self._past[self.tick :]
        self._past[-self.tick :] = newest

    def _likeness(self) -> npt.NDArray[np.float64]:
        """Return the mean product of the newest half second with what was 0, 1, … hops before it."""
        past = np.fft.rfft(self._past, self._size, axis=0)
        newest = np.fft.rfft(self._past[-self.tick :], self._size, axis=0)
        products = np.fft.irfft((past * newest.conj()).sum(axis=1), self._size)
        return np.asarray(products[self._longest :: -1] / (self.tick * self._ranges))


def bpm(tempo: float) -> float:
    """Return the tempo of a class, which may lie between two: in [80, 160), a quarter note a beat."""
    found = 60 / SHORTEST_S * 2 ** (-(tempo % CLASSES) / CLASSES)
    return found if found < FASTEST_BPM else found / 2


def distance(tempo: float, other: float) -> float:
    """Return by how many classes the first is slower than the second: in [-CLASSES / 2, CLASSES / 2)."""
    return (tempo - other + CLASSES / 2) % CLASSES - CLASSES / 2


def distance_to_all(tempo: float) -> npt.NDArray[np.float64]:
    """Return (CLASSES,) by how many classes each is slower than `tempo`."""
    return np.asarray((np.arange(CLASSES) - tempo + CLASSES / 2) % CLASSES - CLASSES / 2)


def _share(ticks: float, heard: int) -> float:
    """Return what the newest counts in a fading mean; a mean of all until that is less."""
    return max(1 / heard, 1 - float(np.exp(-ticks)))
