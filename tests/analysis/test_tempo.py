import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sounds import RATE, bursts, f_measure, listen, matches, noise, seconds, sine

from avserver.analysis.analyser import Analyser
from avserver.analysis.knobs import Knobs
from avserver.analysis.spectrum import Spectrum
from avserver.analysis.tempo import Beats
from avserver.audio.clicks import clicks
from avserver.audio.source import ArraySource


def beats_of(signals, after_s):
    """Return when (s) each beat was, of those that were told after a time."""
    return [frame.beat_s for frame in signals if frame.beat and frame.t_s > after_s]


@pytest.fixture(scope="module", params=[90, 120, 150])
def steady(request):
    """The tempo (bpm), and the signals of 24 s of clicks at it, sixty frames a second."""
    bpm = request.param
    return bpm, listen(clicks(np.arange(0.5, 24, 60 / bpm), 24.0), fps=60)


def test_a_click_track_has_its_tempo(steady):
    bpm, signals = steady
    for frame in signals[12 * 60 :]:
        assert frame.tempo_bpm == pytest.approx(bpm, rel=0.02)


def test_beats_are_on_the_clicks_and_each_is_told_once(steady):
    bpm, signals = steady
    beats_s = [frame.t_s for frame in signals if frame.beat and frame.t_s > 12]
    true_s = [t_s for t_s in np.arange(0.5, 24, 60 / bpm) if t_s > 12]
    assert f_measure(beats_s, true_s, 0.05) > 0.95
    assert np.diff(beats_s).min() > 0.8 * 60 / bpm


def test_the_phase_runs_evenly_from_0_to_1(steady):
    bpm, signals = steady
    phases = np.array([frame.beat_phase for frame in signals[12 * 60 :]])
    assert phases.min() >= 0
    assert phases.max() < 1
    steps = np.diff(phases) % 1.0
    assert np.median(steps) == pytest.approx(bpm / 60 / 60, rel=0.03)
    assert np.mean(np.abs(steps - bpm / 60 / 60) < 0.05) > 0.98


def test_a_beat_is_told_in_the_frame_it_falls_into(steady):
    bpm, signals = steady
    for before, frame in itertools.pairwise(signals):
        assert frame.beat == (int(frame.beats) > int(before.beats))
        if frame.beat:
            assert before.t_s < frame.beat_s <= frame.t_s
    late_s = [pair[0] - pair[1] for pair in matches(beats_of(signals, 5), np.arange(0.5, 24, 60 / bpm))]
    assert abs(np.median(late_s)) < 0.02


def test_the_clock_runs_on_for_two_bars_without_music():
    times_s = np.arange(0.5, 20, 0.5)
    signals = listen(clicks(times_s[(times_s < 12) | (times_s >= 16)], 20.0), fps=60)
    found = matches(beats_of(signals, 11.8), times_s[times_s >= 12])
    assert len(found) == 16
    assert max(abs(found_s - true_s) for found_s, true_s in found) < 0.05 * 0.5


@pytest.mark.parametrize(("before_s", "after_s"), [(0.5, 0.4), (0.4, 0.5), (0.6, 0.45)])
def test_another_tempo_is_followed_within_four_beats(before_s, after_s):
    new_s = np.arange(12, 20, after_s)
    signals = listen(clicks([*np.arange(0.5, 12, before_s), *new_s], 20.0), fps=60)
    assert f_measure(beats_of(signals, 12 + 4.5 * after_s), new_s[5:], 0.06) > 0.9
    assert signals[-1].tempo_bpm == pytest.approx(60 / after_s, rel=0.03)


def test_a_slowing_tempo_is_followed():
    true_s = np.cumsum(0.5 * 1.015 ** np.arange(30))
    signals = listen(clicks(true_s, true_s[-1] + 0.3), fps=60)
    assert f_measure(beats_of(signals, 5), true_s[true_s > 5], 0.07) > 0.9


def test_half_or_double_is_for_the_user_to_say():
    analyser = Analyser(ArraySource(clicks(np.arange(0.5, 16, 0.5), 16.0)))
    analyser.turn(Knobs(slowest_bpm=55, fastest_bpm=100))
    assert analyser.until(16.0).tempo_bpm == pytest.approx(60, rel=0.03)


@pytest.mark.parametrize("sound", [0 * seconds(12), 0 * seconds(12) + 0.5, noise(12), sine(440, 12)])
def test_where_there_is_no_beat_there_is_no_tempo(sound):
    signals = listen(sound.astype(np.float32))
    assert {(frame.tempo_bpm, frame.beats, frame.beat_phase, frame.beat) for frame in signals} == {(0, 0, 0, False)}
    assert max(frame.beat_confidence for frame in signals) < 0.2


def test_beats_need_no_clicks():
    signals = listen(bursts(40, 400, np.arange(0.5, 15, 0.5), 15.0))
    assert signals[-1].tempo_bpm == pytest.approx(120, rel=0.02)


def test_the_clock_does_not_drift():
    spectrum = Spectrum(RATE)
    beats = Beats(spectrum, 256 / RATE)
    # Three hops in four are silent: one spectrum of a click, again and again, at 120.19 bpm.
    click = np.abs(np.fft.rfft(clicks([0.0], 1024 / RATE) * np.hanning(1024))).astype(np.float32) / 256
    for hop in range(10_000):
        beats(click if hop % 86 < 3 else 0 * click)
    first = beats.beats_until(10_000 * 256 / RATE)
    for hop in range(10_000, 20_000):
        beats(click if hop % 86 < 3 else 0 * click)
    assert beats.beats_until(20_000 * 256 / RATE) - first == pytest.approx(10_000 / 86, abs=0.1)


@settings(max_examples=5, deadline=None)
@given(st.lists(st.floats(0.001, 1.5), min_size=4, max_size=12))
def test_the_clock_is_the_same_however_often_it_is_asked(steps_s):
    track = clicks(np.arange(0.2, 6, 0.4), 6.0)
    often, once = Analyser(ArraySource(track)), Analyser(ArraySource(track))
    times_s = [t_s for t_s in np.cumsum(steps_s).tolist() if t_s < 6]
    found = [often.until(t_s) for t_s in times_s]
    for before, after in itertools.pairwise(found):
        assert after.beats >= before.beats
        assert 0 <= after.beat_phase < 1
        assert 0 <= after.beat_confidence <= 1
    if found:
        last = once.until(times_s[-1])
        assert (found[-1].beats, found[-1].beat_s, found[-1].tempo_bpm) == (last.beats, last.beat_s, last.tempo_bpm)


def test_reset_equals_fresh():
    analyser = Analyser(ArraySource(clicks(np.arange(0.2, 6, 0.4), 6.0)))
    fresh = analyser.until(6.0)
    analyser.reset()
    again = analyser.until(6.0)
    assert (again.beats, again.beat_s, again.beat_confidence) == (fresh.beats, fresh.beat_s, fresh.beat_confidence)
