"""The sources of tempo beside what is heard: Ableton Link, MIDI clock, taps, a tempo set by hand. One of them leads."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from avserver.control.ableton_link import AbletonLink
from avserver.control.beat_line import BeatLine
from avserver.control.free_run import FreeRun
from avserver.control.midi_clock import MidiClock
from avserver.control.params import Value
from avserver.control.tap import Tap
from avserver.control.tempo_source import AUDIO, LINK, MANUAL, MIDI, TAP, TEMPO_SOURCES, Reading
from avserver.errors import TempoError

# A knob is where the tempo is if it is this near (bpm); Link rounds beats to microseconds.
_SAME_BPM = 0.01
_START_BPM = 120.0  # of a Link session that begins with us, before any tempo is known


@dataclass(frozen=True, slots=True)
class Turned:
    """What was turned until a frame.

    Attributes:
        t_s: show time of the frame (s).
        knobs: where the knobs stand.
        fired: addresses of the triggers that fired.
        taps_s: show times of taps (s).
    """

    t_s: float
    knobs: Mapping[str, Value]
    fired: frozenset[str] = frozenset()
    taps_s: Sequence[float] = ()


class TempoSources:
    """Holds the sources and has them obey. Times are show times (s).

    Args:
        began_s: tells when show time 0 was (s, time.monotonic). Without it there is neither Link nor MIDI clock: a song
            that is rendered has no present.
        latency_s: tells how long a frame takes from its tick until it is shown (s). Link and MIDI clock tell where they
            will be by then.
        complain: told of a source that cannot be had.

    Attributes:
        chosen: the name of the source that leads.
        quantum: beats in a bar.
        complaint: why the chosen source cannot be had, or empty.
    """

    def __init__(
        self, began_s: Callable[[], float] | None, latency_s: Callable[[], float], complain: Callable[[str], None]
    ) -> None:
        self._began_s, self._latency_s, self._complain = began_s, latency_s, complain
        self.link, self.midi = AbletonLink(), MidiClock()
        self._tap, self._own = Tap(), FreeRun()
        self.chosen, self.quantum, self.complaint = AUDIO, 4, ""
        self._nudge_s = 0.0
        self._bpm_knob: Value | None = None  # where it stood, and where it was put to follow the source
        self._followed_bpm: Value | None = None
        self._wants_link = False

    def read(self, t_s: float) -> Reading | None:
        """Return where the beat of the chosen source is in the frame of that time, None if it has no tempo to tell."""
        t_s += self._nudge_s
        if self.chosen in (TAP, MANUAL):
            return self._own.reading(t_s)
        if self._began_s is None:
            return None
        if self.chosen == LINK:
            return self.link.reading(self._shown_s(t_s), self.quantum)
        return self.midi.reading(self._shown_s(t_s)) if self.chosen == MIDI else None

    def turn(self, turned: Turned, line: BeatLine, bpm: float) -> None:
        """Obey. Who begins to lead goes on from the line, at `bpm` if it has no tempo of its own."""
        knobs = turned.knobs
        self.quantum, self._nudge_s = int(knobs["/tempo/quantum"]), float(knobs["/tempo/nudge_ms"]) / 1e3
        source = TEMPO_SOURCES[int(knobs["/tempo/source"])]
        self._share_start_stop(bool(knobs["/link/start_stop"]))
        self._take_part(source == LINK or bool(knobs["/link/enable"]), line, bpm)
        if source != self.chosen:
            self._choose(source, line, bpm, float(knobs["/tempo/bpm"]))
        elif self._bpm_knob is not None and knobs["/tempo/bpm"] not in (self._bpm_knob, self._followed_bpm):
            self._turn_tempo(float(knobs["/tempo/bpm"]), line.at_s)
        self._bpm_knob, self._followed_bpm = knobs["/tempo/bpm"], None
        for at_s in turned.taps_s:
            self._take_tap(at_s)
        if "/tempo/stop" in turned.fired:
            self._stop(turned.t_s)
        if "/tempo/start" in turned.fired:
            self._start(turned.t_s)
        if "/tempo/downbeat" in turned.fired and self.chosen in (TAP, MANUAL):
            self._own.bar(turned.t_s)

    def knob_bpm(self, knob_bpm: float, bpm: float) -> float | None:
        """Return where the knob of the tempo belongs while Link or taps lead at `bpm`, None if it is there.

        So a hand turns it from where the tempo is, and a tempo by hand goes on from there.
        """
        if self.chosen not in (LINK, TAP) or not bpm or abs(knob_bpm - bpm) < _SAME_BPM:
            return None
        self._followed_bpm = round(min(max(bpm, 20.0), 400.0), 3)
        return None if self._followed_bpm == knob_bpm else self._followed_bpm

    def midi_state(self, t_s: float) -> str:
        """Return in a word how MIDI clock is."""
        return self.midi.state(self._began_s() + t_s) if self._began_s else "none"

    def _choose(self, source: str, line: BeatLine, bpm: float, knob_bpm: float) -> None:
        self.chosen = source
        if source in (LINK, MIDI) and self._began_s is None:
            self._fail(f"{source} leads live shows only; a song that is rendered follows audio, tap or manual")
        elif source == LINK:
            if not self.link.peers:
                self.link.align(line.beats, self._shown_s(line.at_s + self._nudge_s), self.quantum)
        else:
            self.complaint = ""
        if source in (TAP, MANUAL):
            self._own.begin(line.beats, line.at_s + self._nudge_s)
            self._own.bpm = knob_bpm if source == MANUAL else self._tap.bpm or bpm
            self._own.playing = True

    def _turn_tempo(self, bpm: float, t_s: float) -> None:
        """Have another tempo since the last frame."""
        if self.chosen == MANUAL:
            self._own.turn(bpm, t_s + self._nudge_s)
        elif self.chosen == LINK and self._began_s:
            self.link.set_tempo(bpm, self._began_s() + t_s)

    def _take_tap(self, at_s: float) -> None:
        """Taps are heard whoever leads, so that there is a tempo when they are to."""
        first = self._tap.tap(at_s)
        if self.chosen == TAP:
            self._own.beat(at_s, at_once=first)
            self._own.turn(self._tap.bpm or self._own.bpm, at_s)

    def _start(self, t_s: float) -> None:
        if self.chosen in (TAP, MANUAL):
            self._own.play(t_s)
        elif self.chosen == LINK and self._began_s:
            self.link.play(True, self._began_s() + t_s, self.quantum)

    def _stop(self, t_s: float) -> None:
        if self.chosen in (TAP, MANUAL):
            self._own.stop(t_s + self._nudge_s)
        elif self.chosen == LINK and self._began_s:
            self.link.play(False, self._began_s() + t_s, self.quantum)

    def _shown_s(self, t_s: float) -> float:
        """Return when the frame of a show time is shown (s, time.monotonic)."""
        assert self._began_s is not None
        return self._began_s() + t_s + self._latency_s()

    def _share_start_stop(self, shared: bool) -> None:
        if shared != self.link.start_stop:
            self.link.start_stop = shared

    def _take_part(self, wanted: bool, line: BeatLine, bpm: float) -> None:
        """Join the Link session or leave it. What cannot be had is said once, not at every frame."""
        if wanted == self._wants_link:
            return
        self._wants_link = wanted
        if not wanted:
            self.link.leave()
        elif self._began_s is not None:
            try:
                at_s = self._shown_s(line.at_s + self._nudge_s)
                self.link.join(bpm or _START_BPM, line.beats, at_s, self.quantum)
                self.complaint = ""
            except TempoError as err:
                self._fail(str(err))

    def _fail(self, reason: str) -> None:
        self.complaint = reason
        self._complain(reason)
