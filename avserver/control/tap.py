"""Tap: a tempo from taps. Robust by medians: a tap too many or too few, or one that is late, does no harm."""

from collections import deque
from itertools import pairwise
from statistics import median

# As many taps as two bars of four; older ones are another tempo.
KEPT = 8
# After such a pause (s) a tap is the first of new ones. It is two beats at the slowest tempo that is tapped, 60 bpm
# or one at 30.
PAUSE_S = 2.0
# What is nearer to the tap before than this (s) is a switch that bounces: 600 bpm.
_BOUNCE_S = 0.1


class Tap:
    """Holds the last taps."""

    def __init__(self) -> None:
        self._taps_s: deque[float] = deque(maxlen=KEPT)

    @property
    def bpm(self) -> float:
        """The tempo of the last taps, 0 with fewer than two."""
        if len(self._taps_s) < 2:
            return 0.0
        taps_s = list(self._taps_s)
        beat_s = median(after - before for before, after in pairwise(taps_s))
        # Between taps that are further apart than a beat and a half one was left out. With the beats numbered, the
        # median of the slopes between any two taps (Theil 1950, Sen 1968) is finer than that between neighbours.
        beats = [0]
        for before, after in pairwise(taps_s):
            beats.append(beats[-1] + round((after - before) / beat_s))
        slopes_s = [
            (taps_s[j] - taps_s[i]) / (beats[j] - beats[i])
            for i in range(len(taps_s))
            for j in range(i + 1, len(taps_s))
            if beats[j] > beats[i]
        ]
        return 60 / median(slopes_s)

    def tap(self, at_s: float) -> bool:
        """Take in a tap at a time (s), and tell whether it is the first after a pause."""
        if self._taps_s and at_s - self._taps_s[-1] < _BOUNCE_S:
            return False
        first = not self._taps_s or at_s - self._taps_s[-1] > PAUSE_S
        if first:
            self._taps_s.clear()
        self._taps_s.append(at_s)
        return first
