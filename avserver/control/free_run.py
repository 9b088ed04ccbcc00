"""Free run: a beat that nobody else gives: at a tempo that is turned by hand or tapped."""

from avserver.control.tempo_source import Reading


class FreeRun:
    """Counts beats at its tempo, from where it was put.

    Attributes:
        bpm: the tempo, 0 until there is one.
        playing: whether it goes on.
    """

    def __init__(self) -> None:
        self.bpm = 0.0
        self.playing = True
        self._beats, self._since_s = 0.0, 0.0
        self._jumps = 0

    def begin(self, beats: float, at_s: float) -> None:
        """Go on from that count at that time."""
        self._beats, self._since_s = beats, at_s

    def turn(self, bpm: float, at_s: float) -> None:
        """Have another tempo from that time on."""
        self.begin(self._beats_at(at_s), at_s)
        self.bpm = bpm

    def beat(self, at_s: float, *, at_once: bool) -> None:
        """Have the nearest beat at that time; `at_once` for all who follow, else they glide there."""
        self.begin(float(round(self._beats_at(at_s))), at_s)
        self._jumps += at_once

    def bar(self, at_s: float) -> None:
        """Have a bar begin at that time."""
        self.begin(0.0, at_s)
        self._jumps += 1

    def play(self, at_s: float) -> None:
        """Go on, with a bar that begins at that time."""
        self.playing = True
        self.bar(at_s)

    def stop(self, at_s: float) -> None:
        """Stand where it is at that time."""
        self.begin(self._beats_at(at_s), at_s)
        self.playing = False

    def reading(self, at_s: float) -> Reading | None:
        """Return where the beat is at a time (s), None without a tempo."""
        if not self.bpm:
            return None
        return Reading(
            self.bpm,
            self._beats_at(at_s),
            playing=self.playing,
            runs=self.playing,
            in_bars=True,
            jumps=self._jumps,
        )

    def _beats_at(self, at_s: float) -> float:
        return self._beats + (at_s - self._since_s) * self.bpm / 60 * self.playing
