from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sounds import HOP_S, RATE, listen, noise

from avserver.analysis.analyser import BEATEN, Analyser, Listening
from avserver.analysis.flux import Flux
from avserver.analysis.segments import Segments
from avserver.analysis.spectrum import Spectrum
from avserver.analysis.stems import RANGES_HZ
from avserver.analysis.tempogram import CLASSES, bpm, distance
from avserver.audio.clicks import clicks
from avserver.audio.demo_score import truth
from avserver.audio.source import ArraySource


def loop(*tempi, swing=0.5):
    """Return (samples, changes): a loop of loud beats and soft quavers at (bpm, beats) after one another."""
    start_s, loud, soft, changes_s = 0.0, [], [], []
    for tempo, beats in tempi:
        changes_s.append(start_s)
        period_s = 60 / tempo
        loud += [start_s + beat * period_s for beat in range(beats)]
        soft += [start_s + (beat + swing) * period_s for beat in range(beats)]
        start_s += beats * period_s
    return clicks(loud, start_s, level=0.8) + clicks(soft, start_s, level=0.2), changes_s[1:]


def changes(samples, *, recurring=False):
    """Return the (emitted_s, t_s, index) of each change, having checked that all is in range."""
    spectrum = Spectrum(RATE)
    flux = Flux(spectrum, {name: RANGES_HZ[name] for name in BEATEN}, HOP_S)
    segments = Segments(HOP_S, len(BEATEN), recurring=recurring)
    found, index = [], 0
    for hop, start in enumerate(range(0, len(samples) - 255, 256), 1):
        flux(np.abs(spectrum(samples[start : start + 256])))
        segments([flux.normalised[name] for name in BEATEN])
        assert 0 <= segments.novelty <= 1
        assert 0 <= segments.confidence <= 1
        assert 0 <= segments.start_s <= hop * HOP_S
        if segments.index != index:
            index = segments.index
            found.append((hop * HOP_S, segments.start_s, index))
    return found


@pytest.mark.parametrize(("tempo", "swing"), [(70, 0.5), (100, 0.5), (120, 0.62), (160, 2 / 3)])
def test_a_steady_tempo_is_one_segment(tempo, swing):
    assert changes(loop((tempo, 32), swing=swing)[0]) == []


@pytest.mark.parametrize(
    ("before", "after"), [(100, 105), (105, 100), (120, 108), (100, 128), (128, 90), (90, 120), (120, 90), (96, 144)]
)
def test_a_new_tempo_is_a_new_segment(before, after):
    samples, true_s = loop((before, 24), (after, 20))
    found = changes(samples)
    assert len(found) == 1
    emitted_s, start_s, index = found[0]
    assert index == 1
    assert abs(start_s - true_s[0]) < 1.5
    assert 0 < emitted_s - true_s[0] < 6


@pytest.mark.parametrize(("before", "after"), [(60, 120), (120, 60)])
def test_twice_or_half_the_beats_are_no_new_tempo(before, after):
    assert changes(loop((before, 20), (after, 24))[0]) == []


def test_a_tempo_that_drifts_is_followed():
    times_s = np.cumsum(60 / np.linspace(120, 100, 100))
    assert changes(clicks(times_s, times_s[-1])) == []


@pytest.mark.parametrize("pause", [np.zeros(4 * RATE, np.float32), np.zeros(20 * RATE, np.float32), noise(4, 0.05)])
def test_a_pause_is_no_new_tempo(pause):
    part, _ = loop((120, 24))
    assert changes(np.concatenate([part, pause, part])) == []


@pytest.mark.parametrize(
    "sound", [np.zeros(30 * RATE, np.float32), np.ones(30 * RATE, np.float32), noise(30), noise(30, 1.0, seed=2)]
)
def test_without_a_beat_there_is_one_segment(sound):
    assert changes(sound) == []


def test_a_tempo_that_comes_back_may_have_its_old_index():
    samples, true_s = loop((100, 30), (128, 36), (100, 30))
    assert [index for _, _, index in changes(samples)] == [1, 2]
    recurring = changes(samples, recurring=True)
    assert [index for _, _, index in recurring] == [1, 0]
    assert [start_s for _, start_s, _ in recurring] == pytest.approx(true_s, abs=1.5)


def test_whether_tempi_recur_is_chosen_with_the_listening():
    samples, _ = loop((100, 20), (128, 20), (100, 16))
    analyser = Analyser(ArraySource(samples), Listening(recurring_segments=True))
    assert [analyser.until(t_s).segment for t_s in (12.0, 21.0, 31.0)] == [0, 1, 0]


def test_the_changes_of_the_demo_track_are_found(demo):
    steps = [after for before, after in pairwise(demo) if after.segment > before.segment]
    true_s = [t_s for t_s, _ in truth().tempi[1:]]
    assert len(steps) == len(true_s) == 2
    for step, change_s in zip(steps, true_s, strict=True):
        assert abs(step.segment_s - change_s) < 1.5
        assert 0 < step.heard_s - change_s < 6


def test_reset_equals_fresh():
    samples, _ = loop((100, 18), (128, 14))
    analyser = Analyser(ArraySource(samples))

    def told():
        frame = analyser.until(len(samples) / RATE)
        return frame.segment, frame.segment_s, frame.segment_confidence, frame.novelty

    first = told()
    assert first[0] == 1
    analyser.reset()
    assert told() == first


def test_how_time_is_cut_makes_no_difference():
    samples, _ = loop((100, 18), (128, 14))
    coarse, fine = listen(samples, fps=2), listen(samples, fps=60)
    assert [frame.segment_s for frame in coarse] == [frame.segment_s for frame in fine[29::30]]
    assert [frame.novelty for frame in coarse] == [frame.novelty for frame in fine[29::30]]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.002, 0.1), st.booleans())
def test_whatever_comes_all_is_in_range(seed, hop_s, recurring):
    segments = Segments(hop_s, 2, recurring=recurring)
    rng = np.random.default_rng(seed)
    index = 0
    for strengths in rng.uniform(0, 1, (round(30 / hop_s), 2)) ** rng.uniform(0.2, 20):
        segments(strengths)
        assert 0 <= segments.confidence <= 1
        assert 0 <= segments.novelty <= 1
        assert recurring or index <= segments.index <= index + 1
        index = segments.index
    assert segments.bpm == 0 or 80 <= segments.bpm < 160


def test_tempi_an_octave_apart_are_one_class():
    assert [bpm(0), bpm(CLASSES)] == [100, 100]
    assert bpm(CLASSES / 2) == pytest.approx(100 * 2**0.5)
    assert distance(1, CLASSES - 1) == 2
    assert distance(CLASSES - 1, 1) == -2


def test_the_tempo_of_a_segment_is_known():
    segments = Segments(HOP_S, 1)
    period = round(0.5 / HOP_S)
    for hop in range(20 * period):
        segments([float(hop % period == 0)])
    assert segments.bpm == pytest.approx(60 / (period * HOP_S), rel=0.01)
