"""The one beat clock: who leads it, how it goes from one to the other, and what is told of it."""

import dataclasses
from collections.abc import Callable, Iterable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avserver.control.fixed_params import FIXED
from avserver.control.params import ParamTable
from avserver.control.tempo_source import TEMPO_SOURCES
from avserver.control.tempo_sources import Turned
from avserver.control.transport import Transport
from avserver.signals import Signals
from tests.control.heard import heard

FPS = 30
TABLE = ParamTable(FIXED)


class Show:
    """Plays a transport frame by frame, to a music of `bpm` that is heard from 0.2 s on."""

    def __init__(self, bpm: float = 100.0, **arguments) -> None:
        self.said: list[str] = []
        self.transport = Transport(complain=self.said.append, **arguments)
        self.knobs = TABLE.defaults()
        self.bpm = bpm
        self.index = 0
        self.told: list[Signals] = []
        self.was_heard: list[Signals] = []
        self.each_frame: Callable[[float], None] = lambda _: None

    @property
    def t_s(self) -> float:
        return self.index / FPS

    @property
    def now(self) -> Signals:
        return self.told[-1]

    def turn(self, **knobs: object) -> None:
        for name, value in knobs.items():
            address = "/" + name.replace("_", "/", 1)
            self.knobs[address] = TABLE[address].coerce(value)

    def play(self, seconds: float, fired: Iterable[str] = (), taps_s: Iterable[float] = ()) -> list[Signals]:
        """Play on; what fires, fires in the first frame. Return its frames."""
        begin = len(self.told)
        for _ in range(round(seconds * FPS)):
            t_s = self.t_s
            self.each_frame(t_s)
            beats = max(0.0, (t_s - 0.2) * self.bpm / 60)
            music = dataclasses.replace(
                heard(t_s, beats=beats),
                tempo_bpm=self.bpm if t_s >= 0.2 else 0.0,
                beat_phase=beats % 1,
                beat_s=0.2 + int(beats) * 60 / self.bpm if self.bpm else 0.0,
                beat_confidence=0.7,
            )
            foretold = self.transport.foretell(t_s)
            self.transport.turn(
                Turned(t_s, self.knobs, frozenset(fired), [s for s in taps_s if t_s - 1 / FPS < s <= t_s])
            )
            fired = ()
            self.was_heard.append(music)
            self.told.append(self.transport.conduct(music))
            self.foretold = foretold
            self.index += 1
        return self.told[begin:]


def assert_seamless(frames: list[Signals]) -> None:
    """The count never goes back, and runs at no more than one and a half times the tempo that is told."""
    for before, after in pairwise(frames):
        step = (after.t_s - before.t_s) * after.tempo_bpm / 60
        assert 0 <= after.beats - before.beats <= 1.5 * step + 1e-6
        assert after.beat_phase == pytest.approx(after.beats % 1)


def test_what_is_heard_passes_as_it_is():
    show = Show()
    for told, music in zip(show.play(3.0), show.was_heard, strict=True):
        assert dataclasses.replace(told, bar=0, bar_phase=0.0, playing=True) == music
        assert told.bar + told.bar_phase == pytest.approx(music.beats / 4)


def test_the_manual_tempo_is_followed_at_once():
    show = Show()
    show.play(3.0)
    show.turn(tempo_source="manual", tempo_bpm=140)
    before = show.now.beats
    frames = show.play(2.0)
    assert {frame.tempo_bpm for frame in frames} == {140}
    assert frames[-1].beats == pytest.approx(before + 2 * 140 / 60)
    show.turn(tempo_bpm=60)
    before = show.now.beats
    assert show.play(1.0)[-1].beats == pytest.approx(before + 1)
    assert_seamless(show.told)


def test_beats_are_told_in_the_first_frame_at_or_after_them():
    show = Show()
    show.turn(tempo_source="manual", tempo_bpm=110)
    frames = show.play(12.0)
    beats = [frame for frame in frames if frame.beat]
    # The clock began a frame before the first it was asked for.
    expected_s = [beat * 60 / 110 for beat in range(1, 22)]
    assert [frame.beat_s for frame in beats] == pytest.approx(expected_s)
    assert all(0 <= frame.t_s - frame.beat_s < 1 / FPS for frame in beats)
    assert [frame.t_s for frame in frames if frame.t_s == 6.0 and frame.beat] == [6.0], "beat 11 is exactly there"
    assert [frame.bar for frame in beats] == [beat // 4 for beat in range(1, 22)]


def test_back_to_the_audio_the_beat_glides_to_what_is_heard():
    show = Show()
    show.play(3.0)
    show.turn(tempo_source="manual", tempo_bpm=137)
    show.play(2.3)
    show.turn(tempo_source="audio")
    show.play(3.0)
    assert_seamless(show.told)
    apart = show.now.beats - show.was_heard[-1].beats
    assert apart == round(apart)
    assert show.now.tempo_bpm == 100
    assert show.now.beat_confidence == 0.7


def test_without_a_source_the_last_tempo_goes_on():
    show = Show()
    show.play(2.0)
    show.turn(tempo_source="midi")
    frames = show.play(2.0)
    assert {frame.tempo_bpm for frame in frames} == {100}
    assert frames[-1].beats == pytest.approx(3.8 * 100 / 60, abs=0.06)
    assert_seamless(show.told)
    assert len(show.said) == 1, "a song that is rendered has no MIDI clock, and says so once"
    assert show.transport.status()["tempo_error"] == show.said[0]
    show.turn(tempo_source="audio")
    show.play(0.1)
    assert show.transport.status()["tempo_error"] == ""


def clocked(show: Show, bpm: float, at_s: float, beats: float) -> None:
    """Have a MIDI clock come, its start at `at_s`."""
    messages = [(at_s - 0.001, b"\xfa"), *((at_s + n * 2.5 / bpm, b"\xf8") for n in range(round(beats * 24)))]

    def deliver(t_s: float) -> None:
        while messages and messages[0][0] <= t_s:
            when_s, message = messages.pop(0)
            show.transport.clock(message, when_s)

    show.each_frame = deliver


def test_midi_clock_brings_tempo_and_bars():
    show = Show(began_s=lambda: 0.0)
    clocked(show, 126, at_s=1.3, beats=40)
    show.play(3.0)
    show.turn(tempo_source="midi")
    show.play(4.0)
    assert show.now.tempo_bpm == pytest.approx(126)
    assert show.now.bar_phase * 4 == pytest.approx((show.now.t_s - 1.3) * 126 / 60 % 4, abs=1e-3)
    assert show.transport.status()["midi_clock"] == "locked"
    assert_seamless(show.told)


def test_a_midi_start_is_the_bar_at_once_and_a_stop_holds_the_beat():
    show = Show(began_s=lambda: 0.0)
    show.turn(tempo_source="midi")
    clocked(show, 120, at_s=1.0, beats=8)
    show.play(2.5)
    clocked(show, 120, at_s=2.82, beats=8)  # started again, elsewhere in the bar
    before = show.now
    show.play(0.6)
    assert show.now.bar == before.bar + 1
    assert show.now.bar_phase * 4 == pytest.approx((show.now.t_s - 2.82) * 2, abs=1e-3)
    show.transport.clock(b"\xfc", show.t_s)
    frames = show.play(1.0)
    assert len({frame.beats for frame in frames}) <= 2
    assert not frames[-1].playing
    assert show.foretold[0] == 0


def test_frames_are_told_where_midi_clock_will_be_when_they_are_shown():
    show = Show(began_s=lambda: 0.0, latency_s=lambda: 0.05)
    show.turn(tempo_source="midi", tempo_nudge_ms=20)
    clocked(show, 120, at_s=0.5, beats=20)
    show.play(4.0)
    assert show.now.beats % 4 == pytest.approx((show.now.t_s + 0.07 - 0.5) * 2 % 4, abs=1e-3)


def test_taps_lead():
    show = Show()
    show.play(1.0)
    show.turn(tempo_source="tap")
    taps_s = [1.52 + number * 0.44 for number in range(8)]
    show.play(5.0, taps_s=taps_s)
    assert show.now.tempo_bpm == pytest.approx(60 / 0.44)
    beats = (show.now.t_s - taps_s[-1]) / 0.44
    assert show.now.beat_phase == pytest.approx(beats % 1, abs=1e-6)
    # A single one later is a beat, now, at the same tempo.
    frames = show.play(2.0, taps_s=[show.t_s + 0.3])
    assert frames[-1].tempo_bpm == pytest.approx(60 / 0.44)
    assert frames[-1].beat_phase == pytest.approx((frames[-1].t_s - frames[0].t_s - 0.3) / 0.44 % 1, abs=1e-6)


@pytest.mark.parametrize("source", ["audio", "manual"])
def test_a_downbeat_begins_a_bar(source: str):
    show = Show()
    show.turn(tempo_source=source, tempo_quantum=3)
    show.play(3.1)
    before = show.now
    show.play(0.3, fired=["/tempo/downbeat"])
    assert show.now.beats > before.beats
    beats_since = show.now.bar_phase * 3
    if source == "manual":
        assert beats_since == pytest.approx((show.now.t_s - before.t_s - 1 / FPS) * 2)
    else:  # the music's beat stays where it is heard; 4.83 beats after the first, its fifth is the nearest
        assert beats_since == pytest.approx(show.was_heard[-1].beats - 5)
    assert show.now.bar == before.bar + 1 or beats_since < 1


def test_stop_holds_the_manual_beat_and_start_begins_a_bar():
    show = Show()
    show.turn(tempo_source="manual")
    show.play(1.7)
    stopped = show.play(1.0, fired=["/tempo/stop"])
    assert len({frame.beats for frame in stopped}) == 1
    assert not stopped[-1].playing
    started = show.play(0.25, fired=["/tempo/start"])
    assert started[0].bar_phase == 0
    assert started[0].beats > stopped[-1].beats
    assert started[-1].bar_phase * 4 == pytest.approx((started[-1].t_s - started[0].t_s) * 2)


def test_a_nudge_moves_the_beat_without_a_jump():
    show = Show()
    show.turn(tempo_source="manual")
    show.play(2.0)
    show.turn(tempo_nudge_ms=150)
    show.play(2.0)
    assert show.now.beats == pytest.approx((show.now.t_s + 0.15) * 2, abs=1e-6)
    assert_seamless(show.told)


turns = st.one_of(
    st.tuples(st.just("tempo_source"), st.sampled_from(["audio", "midi", "tap", "manual"])),
    st.tuples(st.just("tempo_bpm"), st.floats(20, 400)),
    st.tuples(st.just("tempo_quantum"), st.integers(1, 16)),
    st.tuples(st.just("tempo_nudge_ms"), st.floats(-500, 500)),
)
fires = st.sets(st.sampled_from(["/tempo/downbeat", "/tempo/start", "/tempo/stop", "/panic"]), max_size=1)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(turns, fires, st.integers(1, 20)), max_size=12))
def test_whatever_is_turned_the_count_never_goes_back_and_is_foretold(script):
    show = Show(began_s=lambda: 0.0)
    clocked(show, 128, at_s=-1.0, beats=200)  # started before anybody followed it
    show.play(0.3)  # until there is a beat
    for (name, value), fired, frames in script:
        show.turn(**{name: value})
        show.play(frames / FPS, fired=fired)
        show.play(1 / FPS)
        # Of what was not turned in between, the next frame's count was known before.
        assert show.foretold[1] == pytest.approx(show.now.beats, abs=0.35 if show.now.tempo_bpm == show.bpm else 1e-6)
        if not fired:
            assert_seamless(show.told[-frames:])
    assert all(after.beats >= before.beats for before, after in pairwise(show.told))
    assert set(TEMPO_SOURCES) == {"audio", "link", "midi", "tap", "manual"}
