import math

import numpy as np
import pytest
from heard import heard
from hypothesis import given
from hypothesis import strategies as st

from avserver.control.told import RELEASE_S, ROOT, Told, refusals
from avserver.errors import ParamError


def told():
    return Told(heard(rms_db=-120.0))


def tell(listener, name, *arguments):
    listener.commands()[ROOT + name].run(arguments)


def at(listener, t_s):
    listener.fetch(t_s)
    return listener.until(t_s)


def test_where_nothing_is_told_it_is_quiet():
    signals = at(told(), 1.5)
    assert (signals.t_s, signals.heard_s, signals.onsets, signals.beat) == (1.5, 1.5, (), False)
    assert signals.rms_db["mix"] == -120
    assert signals.chroma.sum() == pytest.approx(1)


def test_every_onset_is_heard_once_at_its_frame():
    listener = told()
    for _ in range(3):
        tell(listener, "onset", "drums", "low", 0.8)
    tell(listener, "onset", "bass", "full")
    signals = at(listener, 2.0)
    assert [(o.t_s, o.stem, o.band, o.strength) for o in signals.onsets] == [(2.0, "drums", "low", 0.8)] * 3 + [
        (2.0, "bass", "full", 1.0)
    ]
    assert signals.onset_strength["drums", "low"] == pytest.approx(0.8)
    later = at(listener, 2.0 + RELEASE_S)
    assert later.onsets == ()
    assert later.onset_strength["drums", "low"] == pytest.approx(0.8 / math.e)


def test_what_is_fetched_before_its_time_waits():
    """With a delay the listener is asked for a time that is past."""
    listener = told()
    tell(listener, "onset", "mix", "full", 0.5)
    listener.fetch(1.0)
    tell(listener, "rms_db", "mix", -10.0)
    listener.fetch(1.1)
    assert listener.until(0.9).onsets == ()
    signals = listener.until(1.05)
    assert len(signals.onsets) == 1
    assert signals.rms_db["mix"] == -120
    assert listener.until(1.1).rms_db["mix"] == -10


def test_levels_stay_until_they_are_told_anew():
    listener = told()
    tell(listener, "rms_db", "drums", -12)
    tell(listener, "pitch", 440.0, 0.9)
    tell(listener, "chroma", *([0.0] * 9), 1.0, 0.0, 3.0)
    tell(listener, "segment", 3.0)
    tell(listener, "novelty", 0.25)
    for t_s in (0.5, 100.0):
        signals = at(listener, t_s)
        assert signals.rms_db["drums"] == -12
        assert (signals.pitch_hz, signals.pitch_confidence, signals.segment, signals.novelty) == (440, 0.9, 3, 0.25)
        np.testing.assert_allclose(signals.chroma[9:], [0.25, 0, 0.75])


def test_beats_set_the_phase_and_tell_a_tempo():
    listener = told()
    assert at(listener, 0.5).tempo_bpm == 0
    beats = []
    for frame in range(60, 240):
        t_s = frame / 60
        if frame % 30 == 0:
            tell(listener, "beat")
        signals = at(listener, t_s)
        beats.append(signals.beat)
        if frame >= 90:
            assert signals.tempo_bpm == pytest.approx(120)
            assert signals.beat_phase == pytest.approx(frame % 30 / 30, abs=1e-9)
    assert sum(beats) == 6


def test_beats_are_counted_and_the_count_never_goes_back():
    listener = told()
    tell(listener, "tempo", 120)
    counts = []
    for frame in range(120):  # two seconds at 60 frames a second, and beats that come a little early or late
        if frame in (29, 62, 89):
            tell(listener, "beat")
        counts.append(at(listener, frame / 60).beats)
    assert counts == sorted(counts)
    assert counts[-1] == pytest.approx(3 + 30 / 30, abs=0.1)


def test_a_tempo_that_is_told_runs_on_without_a_jump():
    listener = told()
    tell(listener, "tempo", 60.0)
    at(listener, 1.0)
    assert at(listener, 1.25).beat_phase == pytest.approx(0.25)
    tell(listener, "tempo", 120.0)
    assert at(listener, 1.5).beat_phase == pytest.approx(0.5)
    assert at(listener, 1.75).beat_phase == pytest.approx(0.0, abs=1e-9)
    tell(listener, "beat")
    tell(listener, "beat")
    assert at(listener, 2.0).tempo_bpm == 120, "what was told counts for more than what beats tell"


@pytest.mark.parametrize(
    ("name", "arguments", "read", "value"),
    [
        ("onset", ("mix", "full", 7.0), lambda s: s.onsets[0].strength, 1.0),
        ("onset", ("mix", "full", -1), lambda s: s.onsets[0].strength, 0.0),
        ("rms_db", ("mix", 20.0), lambda s: s.rms_db["mix"], 0.0),
        ("pitch", (1e9, 3.0), lambda s: (s.pitch_hz, s.pitch_confidence), (20_000, 1)),
        ("pitch", (0,), lambda s: (s.pitch_hz, s.pitch_confidence), (0, 0)),
        ("tempo", (1.0,), lambda s: s.tempo_bpm, 20.0),
        ("segment", (-3,), lambda s: s.segment, 0),
        ("novelty", (1e300,), lambda s: s.novelty, 1.0),
        ("chroma", (0.0,) * 12, lambda s: s.chroma[0], 1 / 12),
    ],
)
def test_values_are_clamped(name, arguments, read, value):
    listener = told()
    tell(listener, name, *arguments)
    assert read(at(listener, 1.0)) == pytest.approx(value)


@pytest.mark.parametrize(
    ("name", "arguments", "sentence"),
    [
        ("onset", ("drum", "low", 1.0), "/input/onset knows no stem 'drum'; allowed: mix, drums, bass, melody"),
        ("onset", ("drums", "treble", 1.0), "/input/onset knows no band 'treble'; allowed: full, low, mid, high"),
        ("onset", ("drums",), "takes a stem, a band and a strength, got 1 arguments"),
        ("onset", (1.0, 2.0, 3.0), "knows no stem '1.0'"),
        ("onset", ("mix", "full", float("nan")), "takes numbers from 0 to 1, got nan"),
        ("rms_db", ("drums",), "takes a stem and a level"),
        ("pitch", ("high",), "takes numbers from 0 to 20000, got 'high'"),
        ("pitch", (), "takes a frequency"),
        ("chroma", (1.0,) * 11, "takes 12 numbers, got 11"),
        ("tempo", (), "takes one number, got 0 arguments"),
        ("segment", (True,), "takes numbers from 0 to 127, got True"),
        ("novelty", (float("inf"),), "takes numbers from 0 to 1, got inf"),
    ],
)
def test_what_cannot_be_told_says_what_can(name, arguments, sentence):
    listener = told()
    with pytest.raises(ParamError, match=sentence):
        tell(listener, name, *arguments)
    assert at(listener, 1.0).onsets == ()


ARGUMENTS = st.one_of(
    st.floats(), st.integers(), st.text(max_size=5), st.sampled_from(["mix", "full"]), st.binary(), st.booleans()
)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([address.removeprefix(ROOT) for address in refusals()]), st.lists(ARGUMENTS, max_size=12)
        ),
        max_size=20,
    )
)
def test_signals_stay_finite_and_in_range_whatever_is_told(messages):
    listener = told()
    for number, (name, arguments) in enumerate(messages):
        try:
            tell(listener, name, *arguments)
        except ParamError:
            continue
        signals = at(listener, number / 10)
        assert all(0 <= value <= 1 for value in signals.onset_strength.values())
        assert 0 <= signals.beat_phase < 1
        assert signals.chroma.sum() == pytest.approx(1)
        assert np.isfinite([signals.pitch_hz, signals.tempo_bpm, *signals.rms_db.values()]).all()


def test_reset_forgets():
    listener = told()
    for name, arguments in (("onset", ("mix", "full")), ("tempo", (120,)), ("beat", ()), ("rms_db", ("mix", -5))):
        tell(listener, name, *arguments)
    at(listener, 1.0)
    listener.reset()
    signals, fresh = at(listener, 0.3), at(told(), 0.3)
    assert (signals.tempo_bpm, signals.beat_phase, signals.rms_db) == (0, 0, fresh.rms_db)
    assert signals.onset_strength == fresh.onset_strength


def test_a_show_that_listens_refuses_to_be_told():
    assert set(refusals()) == set(told().commands())
    with pytest.raises(ParamError, match=r'allowed with source = "osc" in \[audio\]'):
        refusals()["/input/beat"].run(())
