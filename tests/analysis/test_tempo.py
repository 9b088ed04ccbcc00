import numpy as np
import pytest
from sounds import bursts, f_measure, listen, noise, seconds, sine

from avserver.audio.clicks import clicks


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


def test_the_clock_runs_on_when_the_music_pauses():
    track = clicks(np.arange(0.5, 16, 0.5), 19.0)
    signals = listen(track, fps=60)
    beats_s = [frame.t_s for frame in signals if frame.beat and frame.t_s > 16]
    assert f_measure(beats_s, np.arange(16.5, 19, 0.5), 0.06) > 0.9


@pytest.mark.parametrize("sound", [0 * seconds(12), 0 * seconds(12) + 0.5, noise(12), sine(440, 12)])
def test_where_there_is_no_beat_there_is_no_tempo(sound):
    signals = listen(sound.astype(np.float32))
    assert {(frame.tempo_bpm, frame.beat_phase, frame.beat) for frame in signals} == {(0.0, 0.0, False)}


def test_beats_need_no_clicks():
    signals = listen(bursts(40, 400, np.arange(0.5, 15, 0.5), 15.0))
    assert signals[-1].tempo_bpm == pytest.approx(120, rel=0.02)
