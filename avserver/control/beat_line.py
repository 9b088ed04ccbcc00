"""Beat line: the one count of beats, which follows whoever leads and never goes back."""

# Towards a leader who is elsewhere it runs at least at half the tempo and at most at one and a half times: half a bar,
# the furthest that a phase can be off, is made good in a bar.
SLOWEST, FASTEST = 0.5, 1.5
# Sums of frame times are off by less than this (beats); a beat must not come a frame late for it.
_DECIMALS = 9


class BeatLine:
    """Counts beats with a fraction.

    Attributes:
        beats: the count; never goes back.
        at_s: show time of the count (s).
    """

    def __init__(self) -> None:
        self.beats, self.at_s = 0.0, 0.0
        self._waits = False

    def ahead(self, bpm: float, at_s: float) -> float:
        """Return the count at a show time (s) at that tempo if nobody leads."""
        return round(self.beats + bpm / 60 * max(0.0, at_s - self.at_s), _DECIMALS)

    def towards(self, leader: float, period: float, bpm: float, at_s: float) -> float:
        """Return the count at a show time (s) on the way to a leader, and at the leader if it is near.

        Args:
            leader: the leader's count. What counts is where it is in its period.
            period: beats after which the leader's count begins again: 1, or those of a bar.
            bpm: the leader's tempo.
            at_s: show time (s).
        """
        step = bpm / 60 * max(0.0, at_s - self.at_s)
        goal = leader + period * round((self.beats + step - leader) / period)
        slowest = 0.0 if self._waits else SLOWEST
        return round(min(max(goal, self.beats + slowest * step), self.beats + FASTEST * step), _DECIMALS)

    def at_once(self, leader: float, period: float) -> float:
        """Return the count that is the leader's in its period, without a way there.

        It jumps ahead. Half a beat at most it stays where it is instead, and the leader comes after it.
        """
        ahead = (leader - self.beats + 0.5) % period - 0.5
        return round(self.beats + max(0.0, ahead), _DECIMALS)

    def go(self, beats: float, at_s: float, *, waits: bool = False) -> None:
        """Be there at a show time; not back. With `waits` it may stand still from now on until the leader is there."""
        self._waits = waits
        self.beats, self.at_s = max(self.beats, beats), at_s
