from itertools import pairwise

import numpy as np
import pytest
from sounds import HOP_S, RATE, listen, noise

from avserver.analysis.analyser import Analyser
from avserver.analysis.segments import Segments
from avserver.audio.clicks import clicks
from avserver.audio.demo_score import truth
from avserver.audio.source import ArraySource


def beats(*tempi):
    """Return clicks of (bpm, seconds) after one another; every second one is softer."""
    start_s, loud, soft = 0.0, [], []
    for bpm, duration_s in tempi:
        times = np.arange(start_s, start_s + duration_s - 0.01, 30 / bpm)
        loud += list(times[::2])
        soft += list(times[1::2])
        start_s += duration_s
    return clicks(loud, start_s, level=0.8) + clicks(soft, start_s, level=0.2)


def changes(samples):
    """Return the times (s) at which the segment changed, and the highest novelty."""
    signals = listen(samples, fps=10)
    assert all(0 <= frame.novelty <= 1 for frame in signals)
    found = [frame.t_s for before, frame in pairwise(signals) if frame.segment != before.segment]
    return found, max(frame.novelty for frame in signals)


@pytest.mark.parametrize("bpm", [70, 100, 120, 160])
def test_a_steady_tempo_is_one_segment(bpm):
    found, novelty = changes(beats((bpm, 18)))
    assert found == []
    assert novelty < 0.4


@pytest.mark.parametrize(("before", "after"), [(100, 128), (128, 90), (120, 100), (90, 120)])
def test_a_new_tempo_is_a_new_segment(before, after):
    found, novelty = changes(beats((before, 12), (after, 12)))
    assert len(found) == 1
    assert 13 < found[0] < 19
    assert novelty > 0.4


@pytest.mark.parametrize(("before", "after"), [(60, 120), (120, 60)])
def test_twice_or_half_the_clicks_are_no_new_tempo(before, after):
    assert changes(beats((before, 12), (after, 12)))[0] == []


def test_a_pause_is_no_new_tempo():
    pause = np.zeros(8 * RATE, np.float32)
    assert changes(np.concatenate([beats((120, 10)), pause, beats((120, 10))]))[0] == []


@pytest.mark.parametrize("sound", [np.zeros(12 * RATE, np.float32), noise(12)])
def test_without_a_beat_there_is_one_segment(sound):
    assert changes(sound)[0] == []


def test_the_changes_of_the_demo_track_are_found(demo):
    steps_s = [frame.t_s for before, frame in pairwise(demo) if frame.segment > before.segment]
    true_s = [t_s for t_s, _ in truth().tempi[1:]]
    assert len(steps_s) == len(true_s) == 2
    for found_s, change_s in zip(steps_s, true_s, strict=True):
        assert 0 < found_s - change_s < 7


def test_reset_begins_again_with_segment_0():
    segments = Segments(HOP_S)
    sound = Analyser(ArraySource(beats((100, 10), (128, 10))))
    sound.until(20.0)
    assert sound._segments.index == 1
    sound.reset()
    assert (sound._segments.index, sound._segments.novelty) == (0, 0.0)
    sound.until(20.0)
    assert sound._segments.index == 1
    for _ in range(2000):
        segments(0.0)
    assert (segments.index, segments.novelty) == (0, 0.0)
