"""Ableton Link: a session of tempo, beat, bar and start with every other program of the network that has Link.

Calls take microseconds: Link answers from what its own threads have heard. Nothing of it is imported before it is used.
"""

import time
from typing import TYPE_CHECKING

from avserver.control.tempo_source import Reading
from avserver.errors import TempoError

if TYPE_CHECKING:
    import link

# Link's own limits (bpm).
SLOWEST_BPM, FASTEST_BPM = 20.0, 999.0
# Two clocks are compared that closely (s), or after so many tries as well as it went.
_CLOSE_S, _TRIES = 50e-6, 3


class AbletonLink:
    """A peer of the session, once it has joined. Times are those of time.monotonic."""

    def __init__(self) -> None:
        self._link: link.Link | None = None
        self._start_stop = False

    @property
    def is_joined(self) -> bool:
        """Whether it takes part."""
        return self._link is not None and self._link.enabled

    @property
    def peers(self) -> int:
        """How many others take part."""
        return self._link.numPeers() if self._link is not None and self.is_joined else 0

    @property
    def start_stop(self) -> bool:
        """Whether start and stop are shared with the peers that want that too."""
        return self._start_stop

    @start_stop.setter
    def start_stop(self, shared: bool) -> None:
        self._start_stop = shared
        if self._link is not None:
            self._link.startStopSyncEnabled = shared

    def join(self, bpm: float, beats: float, at_s: float, quantum: float) -> None:
        """Take part. A session that there is keeps its tempo and its beat; one that begins with us has these.

        Raises TempoError if Link is not installed.
        """
        try:
            import link  # noqa: PLC0415  (an extra)
        except ImportError as err:
            raise TempoError("Ableton Link is not installed; it comes with the extra avserver[link]") from err
        # A new peer each time: one that was in a session before would bring that one's tempo into this.
        self._link = link.Link(min(max(bpm, SLOWEST_BPM), FASTEST_BPM))
        self._link.startStopSyncEnabled = self._start_stop
        self.align(beats, at_s, quantum)
        self._link.enabled = True

    def align(self, beats: float, at_s: float, quantum: float) -> None:
        """Have that count at that time (s), so that nothing changes for us in a session that begins with us.

        Where there are others it is their phase in the bar that counts, and only our number of bars follows.
        """
        if self._link is not None:
            state = self._link.captureAppSessionState()
            state.requestBeatAtTime(beats, self._micros(at_s), quantum)
            self._link.commitAppSessionState(state)

    def leave(self) -> None:
        """Take part no longer; the session goes on without us."""
        if self._link is not None:
            self._link.enabled = False
        self._link = None

    def reading(self, at_s: float, quantum: float) -> Reading | None:
        """Return where the session's beat is at a time (s), in bars of `quantum` beats; None if we take no part."""
        if self._link is None:
            return None
        state = self._link.captureAppSessionState()
        micros = self._micros(at_s)
        # A start or a stop may be yet to come.
        playing = state.isPlaying() == (micros >= state.timeForIsPlaying())
        return Reading(
            bpm=state.tempo(),
            beats=state.beatAtTime(micros, quantum),
            playing=playing if self._start_stop else True,
            in_bars=True,
        )

    def set_tempo(self, bpm: float, at_s: float) -> None:
        """Give the session another tempo from that time (s) on."""
        if self._link is not None:
            state = self._link.captureAppSessionState()
            state.setTempo(min(max(bpm, SLOWEST_BPM), FASTEST_BPM), self._micros(at_s))
            self._link.commitAppSessionState(state)

    def play(self, playing: bool, at_s: float, quantum: float) -> None:
        """Start or stop the session, if that is shared. Alone, a start begins a bar; else it is in their bars."""
        if self._link is None or not self._start_stop:
            return
        state = self._link.captureAppSessionState()
        if playing:
            state.setIsPlayingAndRequestBeatAtTime(True, self._micros(at_s), 0.0, quantum)
        else:
            state.setIsPlaying(False, self._micros(at_s))
        self._link.commitAppSessionState(state)

    def _micros(self, at_s: float) -> int:
        """Return a time of time.monotonic (s) on Link's clock (µs).

        They drift apart: Link's is the raw one, which nobody disciplines. So they are compared anew each time.
        """
        assert self._link is not None
        clock = self._link.clock()
        best_s, offset_s = float("inf"), 0.0
        for _ in range(_TRIES):
            before_s = time.monotonic()
            link_s = clock.micros() / 1e6
            took_s = time.monotonic() - before_s
            if took_s < best_s:
                best_s, offset_s = took_s, link_s - before_s - took_s / 2
            if best_s <= _CLOSE_S:
                break
        return round((at_s + offset_s) * 1e6)
