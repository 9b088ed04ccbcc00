import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sounds import HOP_S, listen, seconds, sine

from avserver.analysis.notes import SHORTEST_S, Notes


def hz(midi):
    return 440 * 2 ** ((midi - 69) / 12)


def played(pitches, struck=None, delay_s=0.0):
    """Return the events of a pitch given hop by hop."""
    notes = Notes("mix", delay_s)
    hits = struck or {}
    return [
        event
        for number, pitch in enumerate(pitches)
        for event in notes((number + 1) * HOP_S, hz(pitch) if pitch else 0.0, 0.5, hits.get(number, 0.0))
    ]


def names(events):
    return [(event.midi, event.on) for event in events]


def test_a_note_begins_and_ends_where_its_pitch_does():
    on, off = played([None] * 50 + [60] * 100 + [None] * 50)
    assert (on.midi, on.on, off.midi, off.on) == (60, True, 60, False)
    assert on.t_s == pytest.approx(51 * HOP_S)
    assert off.t_s == pytest.approx(150 * HOP_S)
    assert (on.strength, off.strength) == (0.5, 0.0)


def test_a_melody_is_told_note_by_note_and_without_holes():
    events = played([60] * 40 + [62] * 40 + [64] * 40)
    assert names(events) == [(60, True), (60, False), (62, True), (62, False), (64, True)]
    assert events[1].t_s == events[2].t_s


def test_blips_gaps_and_vibrato_make_no_notes():
    blips = [60] * 40 + [72] * 3 + [60] * 40 + [None] * 5 + [60] * 40
    assert names(played(blips)) == [(60, True)]
    assert names(played(60 + 0.6 * np.sin(np.arange(400) / 5))) == [(60, True)]


def test_the_same_note_struck_again_is_another_but_not_when_the_pitch_changes():
    events = played([60] * 200, {0: 1.0, 100: 0.8, 103: 0.1})
    assert names(events) == [(60, True), (60, False), (60, True)]
    assert events[2].t_s == pytest.approx(101 * HOP_S)
    assert [event.strength for event in events] == [1.0, 0.0, 0.8]
    changing = played([60] * 105 + [62] * 100, {100: 0.8})
    assert names(changing) == [(60, True), (60, False), (62, True)]
    assert changing[2].strength == 0.8


def test_a_pitch_that_is_told_late_makes_notes_that_are_not():
    late, now = played([None] * 60 + [60] * 60, delay_s=0.05), played([None] * 60 + [60] * 60)
    assert late[0].t_s == pytest.approx(now[0].t_s - 0.05)


@given(
    st.lists(st.tuples(st.sampled_from([None, 40, 40.5, 41, 52, 60]), st.integers(1, 30)), max_size=30),
    st.dictionaries(st.integers(0, 300), st.floats(0, 1), max_size=40),
)
def test_every_beginning_has_its_end(pieces, struck):
    events = played([pitch for pitch, hops in pieces for _ in range(hops)] + [None] * 30, struck)
    assert len(events) % 2 == 0
    for on, off in zip(events[::2], events[1::2], strict=True):
        assert (on.on, off.on, off.midi) == (True, False, on.midi)
        assert off.t_s - on.t_s >= SHORTEST_S - 1e-9
    times_s = [event.t_s for event in events]
    assert times_s == sorted(times_s)


def test_a_played_tune_is_heard_as_its_notes():
    tune = [57, 60, 64, 64, 69]
    fall = np.exp(-seconds(0.4) / 0.15)
    signals = listen(np.concatenate([*(sine(hz(midi), 0.4) * fall for midi in tune), np.zeros(22_050)]))
    events = [event for frame in signals for event in frame.notes if event.stem == "mix"]
    assert [event.midi for event in events if event.on] == tune
    begun_s = [event.t_s for event in events if event.on]
    assert begun_s == pytest.approx(np.arange(5) * 0.4, abs=0.06)
    assert len(events) == 10
