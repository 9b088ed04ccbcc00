"""Tempo segments: where the music changes its tempo."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from avserver.analysis.tempogram import CLASSES, Evidence, Tempogram, bpm, distance, distance_to_all

# Chosen on rendered songs whose tempo is known, changed by 5 % to 50 % or not at all, some with breakdowns.
CHANGES = 0.003  # probability of a change in a half second: one in three minutes
DRIFT = 0.05  # probability that musicians are 0.7 % faster or slower after a half second
TOLERANCE = 2  # classes: 1.5 % is the same tempo
SURE = 0.995  # probability of a tempo at which it is believed
PATIENCE = 2  # half seconds for which it has to be
SETTLING_S = 8.0  # until then the first tempo may still be corrected
FOLLOWING = 0.2  # how far a drifting tempo is followed in a half second
LOOK_BACK_S = 12.0  # how long ago a change may have been that becomes known now


class Segments:
    """Bayesian online change-point detection of the tempo.

    After Adams and MacKay, "Bayesian Online Changepoint Detection" (2007). What stays the same in a run is the tempo,
    one of CLASSES. So the sum over all lengths of a run is one number for each tempo, which a change takes from all of
    them and deals out anew: cost and memory stay flat. When another tempo than the segment's is believed, the change is
    put where the evidence of a half second begins to be for the new one. A tempo of twice or half the beats is the same
    tempo; one that drifts slowly is followed; in silence nothing is decided. A change is known about 3 s after it.

    Args:
        hop_s: seconds between two calls.
        ranges: how many onset strengths come with each.
        recurring: a tempo that was there before gets the index back that it had; otherwise indices only grow.

    Attributes:
        index: number of the segment, from 0.
        confidence: in [0, 1], probability that the music still has the tempo of the segment; 0 before the first.
        novelty: in [0, 1], probability of the likeliest other tempo; 0 before the first.
        start_s: where the segment began (s since the first call), which is before it was known.
        bpm: tempo of the segment in [80, 160), 0 before the first.
    """

    def __init__(self, hop_s: float, ranges: int, *, recurring: bool = False) -> None:
        self._tempogram = Tempogram(hop_s, ranges)
        self._tick_s = self._tempogram.tick * hop_s
        self._newest = np.zeros((self._tempogram.tick, ranges), np.float32)
        self._kept = round(LOOK_BACK_S / self._tick_s)
        self._recurring = recurring
        self.reset()

    def __call__(self, strengths: Sequence[float]) -> None:
        """Take one hop's onset strength in each range, in [0, 1]."""
        at = self._hops % self._tempogram.tick
        self._newest[at] = strengths
        self._hops += 1
        if at == self._tempogram.tick - 1:
            self._weigh(self._tempogram(self._newest))
            self._decide()

    def reset(self) -> None:
        """Forget all that was heard; the next segment is number 0."""
        self._tempogram.reset()
        self._hops = 0
        self._belief = np.full(CLASSES, 1 / CLASSES)
        self._evidence = np.zeros((self._kept, CLASSES))
        self._tempo: float | None = None
        self._settled_s = 0.0
        self._sure = 0
        self._earlier: list[float] = []  # tempo of each index
        self.index = 0
        self.confidence = self.novelty = self.start_s = 0.0

    @property
    def bpm(self) -> float:
        """Tempo of the segment in [80, 160), 0 before the first is known."""
        return 0.0 if self._tempo is None else bpm(self._tempo)

    def _weigh(self, evidence: Evidence) -> None:
        """Let a half second change what is believed of each tempo."""
        self._evidence[:-1] = self._evidence[1:]
        self._evidence[-1] = evidence
        drifted = (np.roll(self._belief, 1) + np.roll(self._belief, -1)) / 2
        before = (1 - CHANGES) * ((1 - DRIFT) * self._belief + DRIFT * drifted) + CHANGES / CLASSES
        after = before * np.exp(evidence - evidence.max())
        self._belief = after / after.sum()

    def _decide(self) -> None:
        about = _near(self._belief)
        best = int(about.argmax())
        now_s = self._hops // self._tempogram.tick * self._tick_s
        if self._tempo is None:
            if about[best] > SURE:
                self._begin(best, now_s + SETTLING_S)
        elif abs(distance(best, self._tempo)) <= TOLERANCE + 0.5:
            self._sure = 0
            self._tempo = (self._tempo + FOLLOWING * distance(best, self._tempo)) % CLASSES
        else:
            self._sure = self._sure + 1 if about[best] > SURE else 0
        if self._tempo is None:
            return
        if self._sure >= PATIENCE:
            if now_s < self._settled_s:
                self._tempo = float(best)
                self._earlier[0] = self._tempo
            else:
                self.start_s = max(self.start_s, now_s - self._since(best, self._tempo) * self._tick_s)
                self._change(best)
            self._sure = 0
        self._tell(about)

    def _begin(self, tempo: int, settled_s: float) -> None:
        self._tempo, self._settled_s = float(tempo), settled_s
        self._earlier.append(self._tempo)

    def _change(self, tempo: int) -> None:
        self._tempo = float(tempo)
        alike = [abs(distance(tempo, earlier)) for earlier in self._earlier]
        if self._recurring and min(alike) <= TOLERANCE + 0.5:
            self.index = int(np.argmin(alike))
            return
        self.index += 1
        if self._recurring:
            self.index = len(self._earlier)
            self._earlier.append(self._tempo)

    def _tell(self, about: npt.NDArray[np.float64]) -> None:
        assert self._tempo is not None
        away = np.abs(distance_to_all(self._tempo)) > 2 * TOLERANCE + 1
        self.confidence = float(min(1.0, about[round(self._tempo) % CLASSES]))
        self.novelty = float(min(1.0, about[away].max()))

    def _since(self, new: float, old: float) -> int:
        """Return for how many half seconds the new tempo has been the better one."""
        gain = _of(self._evidence, new) - _of(self._evidence, old)
        # The new tempo has something to say for itself one beat after the change at the earliest.
        return int(np.cumsum(gain[::-1]).argmax()) + 2


def _near(belief: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return (CLASSES,) how much belief there is within TOLERANCE of each class."""
    return sum((np.roll(belief, by) for by in range(-TOLERANCE, TOLERANCE + 1)), np.zeros(CLASSES))


def _of(evidence: npt.NDArray[np.float64], tempo: float) -> npt.NDArray[np.float64]:
    """Return the evidence of each half second for a tempo, or the next faster or slower if that has more."""
    about = np.arange(round(tempo) - 1, round(tempo) + 2) % CLASSES
    return np.asarray(evidence[:, about].max(axis=1))
