"""Beat clock: a count of beats that never goes back, steered towards what is heard."""

STEERING_S = 0.15  # in which most of a difference between clock and music is made good
SLOWEST, FASTEST = 0.25, 2.0  # of the music's tempo, while the clock catches up with it or waits for it
# How far ahead of the last hop the clock may be asked (beats), so that it stands still when nothing arrives.
FURTHEST = 1.999


class BeatClock:
    """Counts beats with a fraction.

    Between two calls the count grows by a rate that was settled at the first of them, so that the count at any time
    is the same however often it is asked for.

    Attributes:
        period_s: of a beat of the music (s), 0 until the clock is started.
        now_s: show time of the last call.
        beat_s: show time of the newest beat, 0 before the first.
    """

    period_s: float
    now_s: float
    beat_s: float

    def __init__(self) -> None:
        self.reset()

    def start(self, period_s: float, phase: float) -> None:
        """Begin to count, at that phase in [0, 1): beat number 1 is the next, for no beat is told too late."""
        self._count = phase
        self._run(period_s, 1.0)

    def advance(self, now_s: float) -> None:
        """Run on to a show time."""
        self.beat_s = self.beat_until(now_s)
        self._count += self._rate * (now_s - self.now_s)
        self.now_s = now_s

    def steer(self, period_s: float, phase: float) -> None:
        """Go on with the tempo of the music, a little faster or slower until the phase is the music's."""
        behind = (phase - self._count + 0.5) % 1.0 - 0.5
        self._run(period_s, min(FASTEST, max(SLOWEST, 1.0 + behind * period_s / STEERING_S)))

    def count_until(self, t_s: float) -> float:
        """Return the beats until a show time, not before that of the last call; 0 until the clock is started."""
        return self._count + min(FURTHEST, max(0.0, (t_s - self.now_s) * self._rate))

    def beat_until(self, t_s: float) -> float:
        """Return the show time (s) of the newest beat until `t_s`."""
        whole = int(self.count_until(t_s))
        return self.beat_s if whole == int(self._count) else self.now_s + (whole - self._count) / self._rate

    def reset(self) -> None:
        """Stop, and forget all beats."""
        self._count = self._rate = 0.0
        self.period_s = self.now_s = self.beat_s = 0.0

    def _run(self, period_s: float, speed: float) -> None:
        self.period_s = period_s
        self._rate = speed / period_s
