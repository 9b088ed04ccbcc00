"""Transport: the one beat clock. Oscillators, the signals of beat and bar and what is quantised all follow it.

It is led by what `/tempo/source` chooses: what is heard, Ableton Link, MIDI clock, taps, or a tempo set by hand. From
one to the other the tempo follows at once and the beat glides: the count never goes back or jumps, but runs at half to
one and a half times the tempo until it is where the new source is, within a bar. Sources that know of bars (Link, MIDI
clock that was started) bring theirs. Where the chosen source tells nothing, the beat goes on at the last tempo.

Only what asks for it makes the beat jump, forward: a start, a song position, the first of some taps, a downbeat.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping

from avserver.control.beat_line import BeatLine
from avserver.control.events import SHOW, Event
from avserver.control.moment import Moment
from avserver.control.params import ParamTable, Value
from avserver.control.patch import Patch
from avserver.control.tempo_source import AUDIO, LINK, MANUAL, TAP, Reading
from avserver.control.tempo_sources import TempoSources, Turned
from avserver.signals import Signals

# The count has arrived where the heard one is when it is this near (beats).
_ARRIVED = 1e-6


class Transport:
    """Leads the beat. At each frame `foretell` says where it will be, `turn` obeys, and `conduct` decides.

    Only the engine's thread uses it, but for `clock`. With the audio as its source and never another, what is heard
    passes unchanged but for its bars.

    Args:
        began_s: see TempoSources.
        latency_s: see TempoSources.
        complain: see TempoSources.
    """

    def __init__(
        self,
        *,
        began_s: Callable[[], float] | None = None,
        latency_s: Callable[[], float] = lambda: 0.0,
        complain: Callable[[str], None] = lambda _reason: None,
    ) -> None:
        self._sources = TempoSources(began_s, latency_s, complain)
        self._line = BeatLine()
        # From the beats that are heard to the count, None while they are apart.
        self._offset: int | None = 0
        self._shift = 0  # from the bars of the source to those that were asked for (beats)
        self._jumps: int | None = 0  # of the source, as they were; None: go to it at once
        self._bpm, self._told_bpm = 0.0, 0.0  # the last tempo that was known, and what the last frame was told
        self._rate = 0.0  # of the count (beats per second)
        self._beat_s = 0.0
        self._playing = True

    def clock(self, message: bytes, received_s: float, port: str = "") -> None:
        """Take a MIDI message, which may be about time, from any thread. `received_s` is of time.monotonic."""
        self._sources.midi.take(message, received_s, port)

    def close(self) -> None:
        """Leave the Link session."""
        self._sources.link.leave()

    @property
    def quantum(self) -> int:
        """Beats in a bar."""
        return self._sources.quantum

    def foretell(self, t_s: float) -> tuple[float, float]:
        """Return the tempo, 0 where there is none or the beat stands, and the count at a show time (s)."""
        if self._sources.chosen == AUDIO:
            return self._told_bpm, self._line.beats + self._rate * max(0.0, t_s - self._line.at_s)
        reading = self._sources.read(t_s)
        bpm = self._bpm if reading is None else reading.bpm * reading.runs
        return bpm, self._follow(reading, t_s)

    def events(self, moment: Moment, values: Mapping[str, Value]) -> list[Event]:
        """Put the knob of the tempo where Link or the taps have it. A `Hand`."""
        bpm = self._sources.knob_bpm(float(values["/tempo/bpm"]), moment.bpm)
        return [] if bpm is None else [Event("/tempo/bpm", (bpm,), SHOW, lambda *_: None)]

    def take(self, _patch: Patch, _table: ParamTable) -> None:
        """Do nothing: no patch has a beat of its own."""

    def turn(self, turned: Turned) -> None:
        """Obey what was turned."""
        before = self._sources.chosen
        self._sources.turn(turned, self._line, self._bpm)
        if self._sources.chosen != before:
            self._hand_over(turned.t_s)
        if "/tempo/start" in turned.fired and self._sources.chosen == LINK:
            # Alone in its session Link begins a bar now; among others nothing moves.
            self._jumps, self._shift = None, 0
        if "/tempo/downbeat" in turned.fired and self._sources.chosen not in (TAP, MANUAL):
            self._begin_bar()

    def conduct(self, signals: Signals) -> Signals:
        """Return what is heard with the one beat in it."""
        before, before_s = self._line.beats, self._line.at_s
        agrees = self._sources.chosen == AUDIO and self._offset is not None
        conducted = self._agree(signals) if agrees else self._lead(signals)
        if signals.t_s > before_s:
            self._rate = (self._line.beats - before) / (signals.t_s - before_s)
        self._told_bpm = conducted.tempo_bpm
        bars = self._line.beats / self.quantum
        return dataclasses.replace(conducted, bar=math.floor(bars), bar_phase=bars % 1.0, playing=self._playing)

    def status(self) -> dict[str, str | float | int]:
        """Return the figures of the beat."""
        sources = self._sources
        return {
            "tempo_source": sources.chosen,
            "tempo_error": sources.complaint,
            "beats": round(self._line.beats, 3),
            "playing": int(self._playing),
            "link_peers": sources.link.peers,
            "midi_clock": sources.midi_state(self._line.at_s),
            "midi_clock_lost": sources.midi.lost,
        }

    def _hand_over(self, t_s: float) -> None:
        self._offset, self._shift = None, 0
        reading = self._sources.read(t_s)
        self._jumps = reading.jumps if reading else 0
        if not self._bpm:
            self._jumps = None  # there is no beat yet that could glide

    def _begin_bar(self) -> None:
        """Have the nearest beat of who is followed begin a bar."""
        ahead = -round(self._line.beats) % self.quantum
        self._line.go(self._line.beats + ahead, self._line.at_s)
        self._shift += ahead
        if self._offset is not None:
            self._offset += ahead

    def _agree(self, signals: Signals) -> Signals:
        """Follow what is heard, beat for beat."""
        assert self._offset is not None
        self._bpm, self._playing, self._beat_s = signals.tempo_bpm or self._bpm, True, signals.beat_s
        self._line.go(signals.beats + self._offset, signals.t_s)
        beats = self._line.beats
        return signals if beats == signals.beats else dataclasses.replace(signals, beats=beats, beat_phase=beats % 1.0)

    def _lead(self, signals: Signals) -> Signals:
        """Follow the source, and put its beat where the one that is heard was."""
        t_s, before = signals.t_s, self._line.beats
        reading = _heard(signals) if self._sources.chosen == AUDIO else self._sources.read(t_s)
        if reading is not None:
            self._bpm, self._playing = reading.bpm, reading.playing
        self._line.go(self._follow(reading, t_s), t_s, waits=self._is_sent(reading))
        if reading is not None:
            self._jumps = reading.jumps
        beats = self._line.beats
        if reading is not None and self._sources.chosen == AUDIO:
            apart = beats - reading.beats
            self._offset = round(apart) if abs(apart - round(apart)) < _ARRIVED else None
        is_beat = math.floor(beats) > math.floor(before)
        if is_beat:
            self._beat_s = t_s - beats % 1.0 * 60 / self._bpm
        return dataclasses.replace(
            signals,
            tempo_bpm=self._bpm,
            beat_phase=beats % 1.0,
            beat=is_beat,
            beats=beats,
            beat_s=self._beat_s,
            beat_confidence=reading.confidence if reading else 0.0,
        )

    def _is_sent(self, reading: Reading | None) -> bool:
        return reading is not None and reading.jumps != self._jumps

    def _follow(self, reading: Reading | None, t_s: float) -> float:
        """Return the count at a show time (s), following the source."""
        if reading is None:
            return self._line.ahead(self._bpm, t_s)
        leader, period = reading.beats, 1
        if reading.in_bars:
            leader, period = leader + self._shift, self.quantum
        if self._is_sent(reading):
            return self._line.at_once(leader, period)
        return self._line.towards(leader, period, reading.bpm * reading.runs, t_s)


def _heard(signals: Signals) -> Reading | None:
    """Return the beat that is heard as a source."""
    if not signals.tempo_bpm:
        return None
    return Reading(signals.tempo_bpm, signals.beats, confidence=signals.beat_confidence)
