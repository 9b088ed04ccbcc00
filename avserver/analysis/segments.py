"""Tempo segments: where the music changes its tempo."""

import numpy as np
import numpy.typing as npt

HEARD_S = 6.0  # how far back the beat is looked for: eight beats at 80 bpm
TICK_S = 0.25  # how often
SLOWEST_BPM, FASTEST_BPM, TEMPI = 60.0, 180.0, 160  # 160 tempi: 0.7 % apart
BEATS = 4  # a tempo is told by the likeness of the music to itself 1 … 4 beats ago

DEPARTURE = 0.4  # novelty above which the music has left its tempo
PATIENCE_S = 2.0  # for how long, before that is a new segment
SETTLING_S = 4.0  # then the new tempo may still be corrected, until most of what is heard is new
TOLERANCE = 0.015  # of a period: musicians, and the rounding to TEMPI
FAINTEST = 0.1  # likeness below which there is no beat to speak of, and nothing is decided


class Segments:
    """Watches whether the tempo of the segment still explains the music.

    Four times a second the last HEARD_S of onset strength are compared with themselves (autocorrelation), and
    every tempo gets a score: the mean likeness at the lags of 1 … BEATS of its beats. Novelty is how far the
    score of the segment's tempo falls behind the best. A tempo heard double, half or at 4/3 is no novelty, for
    then the old one still scores; a real change is known 4 to 6 s after it.

    Args:
        hop_s: seconds between two calls.

    Attributes:
        index: number of the segment, from 0.
        novelty: in [0, 1].
    """

    _heard: npt.NDArray[np.float64]

    def __init__(self, hop_s: float) -> None:
        self._tick = max(1, round(TICK_S / hop_s))
        self._tick_s = self._tick * hop_s
        self._length = round(HEARD_S / hop_s)
        self._periods = 60 / np.geomspace(SLOWEST_BPM, FASTEST_BPM, TEMPI) / hop_s
        self._lags = int(self._periods.max() * BEATS * (1 + TOLERANCE)) + 2
        self._fft = 1 << (self._length + self._lags - 1).bit_length()
        # Longer lags have fewer samples to agree on; below a quarter of them they are not made up for.
        overlap = np.maximum(self._length - np.arange(self._lags), self._length // 4)
        self._unbias = self._length / overlap
        self.reset()

    def __call__(self, strength: float) -> None:
        """Take one hop's onset strength."""
        at = self._hops % self._tick
        self._newest[at] = strength
        self._hops += 1
        if at == self._tick - 1:
            self._heard = np.concatenate([self._heard[self._tick :], self._newest])
            self._decide()

    def reset(self) -> None:
        """Forget all that was heard; the next segment is number 0."""
        self._hops = 0
        self._newest = np.zeros(self._tick)
        self._heard = np.zeros(self._length)
        self._period: float | None = None
        self._away_s = 0.0
        self._settling_s = 0.0
        self.index = 0
        self.novelty = 0.0

    def _decide(self) -> None:
        likeness = self._likeness()
        scores = _scores(likeness, self._periods)
        best = float(scores.max())
        if best < FAINTEST:
            self._away_s = self.novelty = 0.0
            return
        period = float(self._periods[scores.argmax()])
        if self._period is None or self._settling_s > 0:
            # The very first tempo has to settle as well.
            self._settling_s = SETTLING_S if self._period is None else self._settling_s - self._tick_s
            self._period = period
            self.novelty = 0.0
            return
        about = self._period * np.linspace(1 - TOLERANCE, 1 + TOLERANCE, 5)
        self.novelty = min(1.0, max(0.0, 1 - float(_scores(likeness, about).max()) / best))
        self._away_s = self._away_s + self._tick_s if self.novelty > DEPARTURE else 0.0
        if self._away_s >= PATIENCE_S:
            self.index += 1
            self._period = period
            self._away_s = self.novelty = 0.0
            self._settling_s = SETTLING_S

    def _likeness(self) -> npt.NDArray[np.float64]:
        """Return how alike what was heard is to itself at each lag, 1 at lag 0; zeros in silence."""
        smooth = np.convolve(self._heard, (0.25, 0.5, 0.25), "same")
        spectrum = np.fft.rfft(smooth - smooth.mean(), self._fft)
        product = np.fft.irfft(np.abs(spectrum) ** 2, self._fft)[: self._lags]
        if product[0] < 1e-9:
            return np.zeros(self._lags)
        return np.asarray(product / product[0] * self._unbias)


def _scores(likeness: npt.NDArray[np.float64], periods: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the score of each period (hops): the mean likeness at 1 … BEATS of it."""
    lags = periods[:, None] * np.arange(1, BEATS + 1)
    found = np.interp(lags.ravel(), np.arange(likeness.size), likeness)
    return np.asarray(found.reshape(lags.shape).mean(axis=1))
