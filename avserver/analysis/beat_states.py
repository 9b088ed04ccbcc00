"""Beat states: which tempo the music may have and where in a beat it may be, and how likely each is."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

SLOWEST_BPM, FASTEST_BPM = 55.0, 215.0
# What most music is in, and σ of how far it strays from that: 55 and 215 bpm are less than two thirds as likely.
USUAL_BPM, SPREAD_OCTAVES = 115.0, 1.0

# A beat lasts this share of its period; elsewhere an activation speaks against the state.
BEAT_SHARE = 1 / 12
# How hard it is to change the period at a beat: by 1 % is e times less likely than not at all.
STEADINESS = 100.0
# Share of the probability that moves to any tempo at a beat, and to any tempo and place at a step: music may jump.
JUMP, LEAK = 1e-3, 1e-5
# An activation is no surer than this; a beat that is missing leaves a state this likely.
SUREST, FAINTEST = 0.99, 0.05
# Steps are not independent of each other, as the filter takes them to be: each counts by this power only.
TRUST = 0.5
# States whose period is that near (as a share) are one tempo.
NEAR = 0.06

# Of half and double the more usual tempo is told while it is this likely, compared with the other.
NEARLY = 0.1

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is likeliest.

    Attributes:
        period_s: of a beat (s).
        phase: in [0, 1), 0 at the beat.
        confidence: in [0, 1]: how likely this tempo is, and how much its states agree on the phase.
    """

    period_s: float
    phase: float
    confidence: float


class BeatStates:
    """Probabilities of all tempi and phases, moved on and weighed step by step.

    The state space is that of Krebs, Böck and Widmer, "An efficient state-space model for joint tempo and meter
    tracking" (ISMIR 2015): a state is a period of a whole number of steps and a position in it; each step moves every
    state one position on, and the period may change at a beat only. Probabilities are filtered forward, so what is
    told depends on nothing that comes later.

    Args:
        step_s: seconds between two calls.

    Attributes:
        due: how likely it was, before the last step was heard, that it is a beat.
    """

    due: float
    _likely: Array

    def __init__(self, step_s: float) -> None:
        self._step_s = step_s
        periods = np.arange(round(60 / FASTEST_BPM / step_s), round(60 / SLOWEST_BPM / step_s) + 1)
        self._periods = periods
        self._first = np.cumsum(periods) - periods
        self._last = self._first + periods - 1
        place = np.concatenate([np.arange(period) / period for period in periods])
        self._beats = np.flatnonzero(place < BEAT_SHARE)
        # The beat is in the middle of its share.
        middle = np.repeat((np.ceil(BEAT_SHARE * periods) - 1) / 2 / periods, periods)
        self._phasors = np.exp(2j * np.pi * (place - middle))
        self._low = np.searchsorted(periods, periods * (1 - NEAR))
        self._high = np.searchsorted(periods, periods * (1 + NEAR), side="right")
        self._allow(np.full(periods.size, True))
        self.reset()

    def __call__(self, activation: float | None) -> None:
        """Take one step.

        Args:
            activation: how much it sounds like a beat, in [0, 1]; None where there is nothing to hear.
        """
        likely = self._likely
        at_end = likely[self._last]
        likely[1:] = likely[:-1].copy()
        likely[self._first] = at_end @ self._change
        likely += LEAK * (self._start - likely)
        self.due = float(likely[self._beats].sum())
        if activation is not None:
            beat = min(SUREST, max(FAINTEST, activation))
            likely[self._beats] *= (beat / (1 - beat) * (1 / BEAT_SHARE - 1)) ** TRUST
            likely /= likely.sum()

    @property
    def best(self) -> Estimate:
        """The likeliest tempo, and its phase."""
        of_period = np.add.reduceat(self._likely, self._first)
        total = np.concatenate([[0.0], np.cumsum(of_period)])
        near = total[self._high] - total[self._low]
        at = self._usual(near)
        low, high = self._low[at], self._high[at]
        states = slice(self._first[low], self._last[high - 1] + 1)
        mean = complex(self._likely[states] @ self._phasors[states])
        period = float(of_period[low:high] @ self._periods[low:high]) / float(near[at])
        phase = float(np.angle(mean)) / (2 * np.pi) % 1.0
        return Estimate(period * self._step_s, phase, min(1.0, abs(mean)))

    def _usual(self, near: Array) -> int:
        """Return which period is told: the likeliest, or half or double it if that is more usual and likely too."""
        best = int(near.argmax())
        octaves = [int(np.abs(self._periods - self._periods[best] * by).argmin()) for by in (0.5, 2.0)]
        likely = [at for at in octaves if near[at] >= NEARLY * near[best]]
        return min([best, *likely], key=lambda at: self._unusual[at])

    def keep_within(self, slowest_bpm: float, fastest_bpm: float) -> None:
        """Leave out all tempi beyond these; what is left of the probabilities stays."""
        bpm = 60 / self._step_s / self._periods
        allowed = (bpm >= slowest_bpm) & (bpm <= fastest_bpm)
        if not allowed.any():
            allowed[np.abs(bpm - slowest_bpm).argmin()] = True
        self._allow(allowed)
        self._likely = np.where(np.repeat(allowed, self._periods), self._likely, 0.0) + LEAK * self._start
        self._likely /= self._likely.sum()

    def reset(self) -> None:
        """Forget what was heard."""
        self._likely = self._start.copy()
        self.due = BEAT_SHARE

    def _allow(self, allowed: npt.NDArray[np.bool_]) -> None:
        """Work out how likely each tempo is at the beginning and after each other one."""
        octaves = np.log2(60 / self._step_s / self._periods / USUAL_BPM)
        self._unusual = np.where(allowed, np.abs(octaves), np.inf)
        usual = np.where(allowed, np.exp(-0.5 * (octaves / SPREAD_OCTAVES) ** 2), 0.0)
        usual /= usual.sum()
        steady = np.where(allowed, np.exp(-STEADINESS * np.abs(self._periods / self._periods[:, None] - 1)), 0.0)
        steady /= np.maximum(steady.sum(axis=1, keepdims=True), 1e-12)
        self._change = (1 - JUMP) * steady + JUMP * usual
        self._start = np.repeat(usual / self._periods, self._periods)
