"""MIDI clock: tempo and beats through jitter, loss, bursts and whatever else a cable brings."""

import threading
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avserver.control.midi_clock import MidiClock

CLOCK, START, CONTINUE, STOP = b"\xf8", b"\xfa", b"\xfb", b"\xfc"
RECORDING = Path(__file__).parents[1] / "data" / "midi_clock.txt"
JITTERS = {
    "uniform": lambda rng, count: rng.uniform(-1e-3, 1e-3, count),
    # 95 % of it within a millisecond.
    "gaussian": lambda rng, count: rng.normal(0, 0.5e-3, count),
}


def period_s(bpm: float) -> float:
    return 60 / bpm / 24


def play(clock: MidiClock, times_s) -> None:
    for at_s in times_s:
        clock.take(CLOCK, float(at_s))


def started(bpm: float, beats: float, jitter_s=0.0) -> MidiClock:
    """Return a clock that was started and then heard so many beats, the first at 1 s and the last at its end."""
    clock = MidiClock()
    clock.take(START, 0.99)
    play(clock, 1.0 + np.arange(round(beats * 24) + 1) * period_s(bpm) + jitter_s)
    return clock


def position(beat: float) -> bytes:
    sixteenths = round(beat * 4)
    return bytes((0xF2, sixteenths & 0x7F, sixteenths >> 7))


@pytest.mark.parametrize("bpm", [60.0, 97.3, 120.0, 160.0, 200.0])
@pytest.mark.parametrize("jitter", JITTERS)
def test_the_tempo_is_known_after_two_beats(jitter: str, bpm: float):
    """No unbiased estimate is nearer than σ·√(12/n³) a clock with Gaussian jitter: 0.08 bpm at 200 bpm."""
    rng = np.random.default_rng(0)
    errors = {}
    for beats in (2, 4):
        clocks = (started(bpm, beats, JITTERS[jitter](rng, beats * 24 + 1)) for _ in range(40))
        errors[beats] = np.array([clock.reading(2.0).bpm - bpm for clock in clocks])
    assert np.sqrt((errors[2] ** 2).mean()) < 0.1
    if bpm <= 120:
        assert abs(errors[2]).max() < 0.1
    assert abs(errors[4]).max() < 0.1


def test_the_beat_is_smoother_than_the_clock():
    rng = np.random.default_rng(1)
    clock = started(120, 4, JITTERS["uniform"](rng, 97))
    assert clock.reading(3.0).beats == pytest.approx(4.0, abs=0.001)  # half a millisecond
    assert clock.reading(3.004).beats == pytest.approx(4.008, abs=0.001)


@pytest.mark.parametrize(("before", "after"), [(120, 126), (120, 140), (120, 100), (140, 70), (90, 180), (60, 200)])
def test_a_jump_of_the_tempo_is_followed_within_half_a_beat(before: float, after: float):
    rng = np.random.default_rng(2)
    clock = started(before, 4, JITTERS["uniform"](rng, 97))
    jump_s = 1.0 + 96 * period_s(before)
    times_s = jump_s + np.arange(1, 49) * period_s(after) + JITTERS["uniform"](rng, 48)
    play(clock, times_s[:12])
    assert clock.reading(times_s[11]).bpm == pytest.approx(after, rel=0.02)
    play(clock, times_s[12:])
    now = clock.reading(times_s[-1])
    assert now.bpm == pytest.approx(after, rel=0.003)
    assert now.beats == pytest.approx(6.0, abs=0.01)
    assert clock.lost == 0


def test_a_ramp_is_followed():
    clock, at_s, tempi = MidiClock(), 1.0, np.r_[np.full(96, 120.0), np.linspace(120, 140, 192), np.full(48, 140.0)]
    rng = np.random.default_rng(3)
    clock.take(START, 0.9)
    for number, bpm in enumerate(tempi):
        clock.take(CLOCK, at_s + rng.uniform(-1e-3, 1e-3))
        now = clock.reading(at_s)
        if now and number > 48:
            assert now.bpm == pytest.approx(bpm, abs=4)
            assert now.beats == pytest.approx(number / 24, abs=0.02)
        at_s += period_s(bpm)
    assert now.bpm == pytest.approx(140, abs=1)


def test_it_runs_on_through_a_dropout_and_counts_what_was_lost():
    rng = np.random.default_rng(4)
    clock = started(120, 4, JITTERS["uniform"](rng, 97))
    assert clock.state(3.01) == "locked"
    assert clock.state(4.0) == "free"
    free = clock.reading(4.9)
    assert free.beats == pytest.approx(7.8, abs=0.005)
    assert free.bpm == pytest.approx(120, abs=0.1)
    play(clock, 1.0 + np.arange(8 * 24, 9 * 24 + 1) * period_s(120) + JITTERS["uniform"](rng, 25))
    assert clock.lost == 4 * 24 - 1
    assert clock.state(5.5) == "locked"
    assert clock.reading(5.5).beats == pytest.approx(9.0, abs=0.005)


def test_a_late_burst_is_neither_lost_nor_a_new_tempo():
    clock = started(120, 4)
    late_s = 3.0 + 6 * period_s(120)
    play(clock, [late_s - 0.0003, late_s - 0.0002, late_s - 0.0001, late_s, late_s, late_s])
    play(clock, 3.0 + np.arange(7, 25) * period_s(120))
    assert clock.lost == 0
    assert clock.reading(3.5).bpm == pytest.approx(120, abs=0.05)
    assert clock.reading(3.5).beats == pytest.approx(5.0, abs=0.002)


def test_the_first_clock_after_start_is_beat_0():
    clock = started(120, 2)
    clock.take(STOP, 2.005)
    play(clock, [2.0 + n * period_s(120) for n in range(1, 30)])  # clocks go on while it is stopped
    stopped = clock.reading(2.7)
    assert (stopped.playing, stopped.runs) == (False, False)
    assert stopped.beats == pytest.approx(2 + 1 / 24)  # where the next clock would go on
    assert stopped.bpm == pytest.approx(120)
    clock.take(START, 2.61)
    assert clock.reading(2.62).beats == 0
    play(clock, [2.625, 2.625 + period_s(120)])
    now = clock.reading(2.625 + period_s(120))
    assert now.beats == pytest.approx(1 / 24)
    assert (now.playing, now.runs, now.in_bars) == (True, True, True)


def test_a_start_after_a_silence_is_on_its_first_clock():
    clock = started(120, 4)
    clock.take(STOP, 3.0)
    clock.take(START, 9.0)
    play(clock, 9.123 + np.arange(13) * period_s(120))
    assert clock.reading(9.123 + 12 * period_s(120)).beats == pytest.approx(0.5, abs=1e-6)
    assert clock.lost == 0


def test_continue_goes_on_from_the_position():
    clock = started(120, 2)
    jumps = clock.reading(2.0).jumps
    clock.take(STOP, 2.01)
    clock.take(CONTINUE, 5.0)
    play(clock, [5.1])
    assert clock.reading(5.1).beats == pytest.approx(2 + 1 / 24)
    clock.take(STOP, 5.11)
    clock.take(position(8.5), 5.2)
    assert clock.reading(5.3).beats == 8.5
    clock.take(CONTINUE, 5.4)
    play(clock, 6.0 + np.arange(25) * period_s(120))
    assert clock.reading(6.5).beats == pytest.approx(9.5)
    assert clock.reading(6.5).jumps > jumps


def test_a_sender_that_never_said_start_is_followed():
    clock = MidiClock()
    play(clock, 1.0 + np.arange(49) * period_s(90))
    now = clock.reading(1.0 + 48 * period_s(90))
    assert now.bpm == pytest.approx(90)
    assert now.beats == pytest.approx(2)
    assert (now.playing, now.in_bars) == (True, False)


def test_one_sender_is_followed_at_a_time():
    clock = MidiClock()
    for number in range(49):
        clock.take(CLOCK, 1.0 + number * period_s(120), "a")
        clock.take(CLOCK, 1.007 + number * period_s(93), "b")
    assert clock.reading(2.0).bpm == pytest.approx(120)
    for number in range(49):
        clock.take(CLOCK, 9.0 + number * period_s(93), "b")
    assert clock.reading(10.0).bpm == pytest.approx(93)


def test_a_recorded_clock_with_jitter_a_dropout_and_a_burst():
    clock, first_s = MidiClock(), 1.0
    lines = [line.split(maxsplit=1) for line in RECORDING.read_text().splitlines()]
    stop_s = next(float(at_s) for at_s, message in lines if message == "fc")
    worst = 0.0
    for at_s, message in lines:
        clock.take(bytes.fromhex(message), float(at_s))
        now = clock.reading(float(at_s))
        if now and 3.0 < float(at_s) < stop_s:
            assert now.bpm == pytest.approx(124, abs=0.3)
            worst = max(worst, abs(now.beats - (float(at_s) - first_s) * 124 / 60))
    assert worst * 60 / 124 < 0.002
    assert clock.lost == 36
    end = clock.reading(float(lines[-1][0]))
    assert not end.playing
    assert end.beats == pytest.approx(12)


messages = st.one_of(
    st.sampled_from([CLOCK] * 6 + [START, CONTINUE, STOP, position(2), b"\xf2", b"\xf2\x80\x00", b"", b"\x90\x40\x40"]),
    st.binary(max_size=4),
)
gaps_s = st.one_of(
    st.sampled_from([0.0, 0.02, 0.0208, 0.0212, 0.01]), st.floats(-0.1, 3.0), st.floats(50, 1e6), st.just(float("nan"))
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(messages, gaps_s), max_size=150))
def test_nothing_that_comes_raises_or_sets_the_beat_back(told):
    clock, at_s, told_now = MidiClock(), 10.0, []
    for message, gap_s in told:
        clock.take(message, at_s + gap_s)
        at_s = max(at_s, at_s + gap_s) if gap_s == gap_s else at_s
        is_sent = message[:1] in (START, CONTINUE, STOP) or message[:1] == b"\xf2"
        now = clock.reading(at_s)
        told_now = [] if is_sent or now is None or not now.runs else [*told_now, now]
        assert all(
            before.beats <= after.beats for before, after in pairwise(told_now[-2:]) if before.jumps == after.jumps
        )
        if now:
            assert 10 < now.bpm < 1000


def test_one_thread_gives_messages_while_another_reads():
    clock = MidiClock()
    sender = threading.Thread(target=play, args=(clock, 1.0 + np.arange(2000) * period_s(120)))
    sender.start()
    beats = [0.0]
    while sender.is_alive():
        now = clock.reading(1.0)
        beats.append(now.beats if now else 0.0)
    sender.join()
    assert all(before <= after for before, after in pairwise(beats))
    assert clock.reading(1.0 + 1999 * period_s(120)).beats == pytest.approx(1999 / 24)
