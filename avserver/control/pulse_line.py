"""The line through the times of pulses: which pulse it is at any time, from times that jitter.

A least-squares line (time against number) through the last pulses. With a jitter of standard deviation s its period is
right within s·√(12/n³) after n pulses: at 120 bpm and ±1 ms, within 0.03 bpm after two beats of MIDI clock.
"""

import math
from collections import deque
from collections.abc import Sequence

import numpy as np

# Four beats of 24 pulses: long enough for the second decimal of the tempo, short enough to follow a drifting sender.
KEPT = 96
# A line through fewer pulses says little: a quarter of a beat.
FEWEST = 7
# Periods (s) at tempi of 400 and 20 bpm are 0.00625 and 0.125; the first few are seen through their jitter.
_SHORTEST_S, _LONGEST_S = 0.004, 0.2
# After such a silence (s) nobody knows how many pulses are missing: none is counted.
_PAUSE_S = 60.0
# More jitter than this share of a period is no clock.
_WILDEST = 0.25
# This late, in periods, pulses are missing: more than any jitter worth following, and less than a whole period.
_MISSED = 0.75
# So many pulses in a row off the line, on the same side, and it is another line. A pulse is off by so many standard
# deviations: jitter alone does that to so many in a row twice in a million pulses.
_IN_A_ROW, _DEVIATIONS = 3, 2.2
# The jitter is taken for this (s) at first, as if so many pulses had told it.
_FIRST_JITTER_S, _FIRST_PULSES = 1e-3, 12
# How many of the older pulses are moved to a line that seems to have the same period; few, for it may be another one
# after all: a tempo that glides looks like this.
_REMEMBERED = 12
# Pulses lie on a line if their residuals are no larger than the jitter was, times this.
_STRAIGHT = 1.1

# A tempo glides if the newest beat has another period than all that is kept, by so many standard deviations; looked at
# now and then.
_NEWEST, _GLIDE_DEVIATIONS, _LOOK_EVERY = 24, 4.0, 6

_Pulse = tuple[int, float]


class PulseLine:
    """Numbers pulses, and tells which number it is at any time, with a fraction.

    Pulses that did not arrive are noticed by the gap and numbered, so that the count stays right; those that come in a
    burst after a gap were late, not lost.

    Attributes:
        number: of the newest pulse, -1 before the first.
        last_s: when it arrived (s).
        lost: pulses that never arrived.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all pulses."""
        self.number, self.last_s, self.lost = -1, 0.0, 0
        self._pulses: deque[_Pulse] = deque(maxlen=KEPT)
        self._slope_s = self._origin_s = self._jitter_s = 0.0
        self._is_known = False
        self._owed = 0  # pulses that a gap left out: late or lost
        self._strays: list[_Pulse] = []  # the newest pulses, if they are off the line
        self._side = 0.0
        self._before = (-1, 0)  # number and lost, before the strays

    @property
    def period_s(self) -> float:
        """From pulse to pulse (s), 0 while it is not known."""
        return self._slope_s if self._is_known else 0.0

    def number_at(self, at_s: float) -> float:
        """Return the number of the pulse at a time (s), with a fraction; the newest's while the period is unknown."""
        return (at_s - self._origin_s) / self._slope_s if self._is_known else float(self.number)

    def pulse(self, at_s: float, *, resumed: bool = False) -> None:
        """Take in a pulse (s; one earlier than the last counts as that).

        With `resumed` it is known that the sender had paused: nothing was lost, and the line goes through this pulse.
        """
        at_s = max(at_s, self.last_s)
        if self._is_known:
            if resumed or at_s > self.last_s + _PAUSE_S:
                self._move(at_s - self._time_of(self.number + 1))
                self._accept(at_s)
            else:
                self._judge(at_s)
        else:
            if resumed or at_s - self.last_s > _LONGEST_S:
                self._pulses.clear()
            self._accept(at_s)
        self.last_s = at_s

    def _time_of(self, number: float) -> float:
        return self._origin_s + self._slope_s * number

    def _judge(self, at_s: float) -> None:
        """Take in a pulse of which the line says when it should come."""
        late = self.number_at(at_s) - (self.number + 1)
        if self._owed and late < -0.5:
            self._owed -= 1
            return
        missed = round(late) if late >= _MISSED else 0
        # A young line is itself uncertain.
        tolerance_s = _DEVIATIONS * self._jitter_s * (1 + 12 / len(self._pulses))
        self.lost += self._owed
        self._owed = missed
        if abs(late) * self._slope_s <= tolerance_s:
            self._accept(at_s)
        else:
            self._suspect(at_s, late, missed)

    def _accept(self, at_s: float) -> None:
        self.number += 1
        self._strays.clear()
        self._pulses.append((self.number, at_s))
        self._fit()
        if self.number % _LOOK_EVERY == 0 and len(self._pulses) >= 2 * _NEWEST:
            self._forget_if_gliding()

    def _forget_if_gliding(self) -> None:
        newest = list(self._pulses)[-_NEWEST:]
        slope_s, _, jitter_s = _line(newest)
        if abs(slope_s - self._slope_s) > _GLIDE_DEVIATIONS * _uncertainty_s(jitter_s, _NEWEST):
            self._pulses = deque(newest, maxlen=KEPT)
            self._fit()

    def _suspect(self, at_s: float, late: float, missed: int) -> None:
        """Number a pulse that is off the line; when there are enough of them they are the line."""
        if late * self._side <= 0:
            self._strays.clear()
        if not self._strays:
            self._side, self._before = late, (self.number, self.lost)
        self.number += 1 + missed
        self._strays.append((self.number, at_s))
        if len(self._strays) == _IN_A_ROW:
            self._relearn()

    def _relearn(self) -> None:
        """Draw the line anew, through as many of the newest pulses as lie on one.

        If its period is the old one, they all come later or earlier than before, and the older ones are moved to them.
        """
        number, self.lost = self._before
        strays = [(number + i, at_s) for i, (_, at_s) in enumerate(self._strays, start=1)]
        self.number, self._owed = strays[-1][0], 0
        self._strays.clear()
        pulses = [*self._pulses, *strays]
        jitter_s = self._jitter_s
        length = len(strays)
        while length < len(pulses) and _line(pulses[-length - 1 :])[2] < _STRAIGHT * jitter_s:
            length += 1
        slope_s, _, _ = _line(pulses[-length:])
        older, newest = pulses[:-length], pulses[-length:]
        if len(older) >= FEWEST and abs(slope_s - self._slope_s) < 2 * _uncertainty_s(jitter_s, length):
            self._pulses = deque(older[-_REMEMBERED:], maxlen=KEPT)
            self._move(float(np.mean([at_s - self._time_of(number) for number, at_s in newest])))
            self._pulses.extend(newest)
        else:
            self._pulses = deque(newest, maxlen=KEPT)
        self._fit()

    def _move(self, by_s: float) -> None:
        """Have all pulses come later; the tempo stays."""
        self._owed = 0
        self._strays.clear()
        self._pulses = deque(((number, at_s + by_s) for number, at_s in self._pulses), maxlen=KEPT)
        self._origin_s += by_s

    def _fit(self) -> None:
        if len(self._pulses) < 2:
            self._is_known = False
            return
        self._slope_s, self._origin_s, self._jitter_s = _line(self._pulses)
        enough = len(self._pulses) >= (_IN_A_ROW if self._is_known else FEWEST)
        plausible = _SHORTEST_S <= self._slope_s <= _LONGEST_S and self._jitter_s <= _WILDEST * self._slope_s
        self._is_known = enough and plausible
        if not self._is_known:
            # What does not lie on a line is forgotten soon.
            self._pulses = deque(list(self._pulses)[-FEWEST + 1 :], maxlen=KEPT)


def _uncertainty_s(jitter_s: float, count: int) -> float:
    """Return the standard deviation of the period (s) of a line through so many pulses."""
    return jitter_s * math.sqrt(12 / count**3)


def _line(pulses: Sequence[_Pulse]) -> tuple[float, float, float]:
    """Return the period (s), the time of number 0 (s) and the standard deviation of the times around the line (s)."""
    numbers, times_s = np.array(pulses).T
    # Around their means, and times from the first: numbers are large after hours.
    x, y = numbers - numbers.mean(), times_s - times_s[0]
    slope_s = float(x @ y / (x @ x))
    residuals_s = y - y.mean() - slope_s * x
    known = len(pulses) - 2
    squares = float(residuals_s @ residuals_s) + _FIRST_PULSES * _FIRST_JITTER_S**2
    jitter_s = math.sqrt(squares / (known + _FIRST_PULSES))
    return slope_s, float(times_s.mean() - slope_s * numbers.mean()), jitter_s
