import numpy as np
import pytest

from avserver.audio.catalogue import open_source
from avserver.audio.clicks import clicks
from avserver.audio.demo_score import truth
from avserver.audio.wav import write_wav
from avserver.offline.segments import find
from avserver.offline.tempo_segment import Segment

RATE = 44_100


def loop(*tempi):
    """Return (samples, changes): beats and soft quavers at (bpm, beats) after one another."""
    start_s, loud, soft, changes_s = 0.0, [], [], []
    for tempo, beats in tempi:
        changes_s.append(start_s)
        loud += [start_s + beat * 60 / tempo for beat in range(beats)]
        soft += [start_s + (beat + 0.5) * 60 / tempo for beat in range(beats)]
        start_s += beats * 60 / tempo
    return clicks(loud, start_s, level=0.8) + clicks(soft, start_s, level=0.2), changes_s


@pytest.mark.parametrize("after", [105, 95, 110, 128, 133.3, 75])
def test_a_change_is_found_where_it_is(after):
    samples, true_s = loop((100, 30), (after, 30))
    found = find(samples)
    assert [segment.start_s for segment in found] == pytest.approx(true_s, abs=1)
    assert [segment.bpm for segment in found] == pytest.approx([100, after if after >= 80 else 2 * after], rel=0.01)
    assert [segment.index for segment in found] == [0, 1]
    assert all(0.5 < segment.confidence <= 1 for segment in found)


def test_a_file_with_many_changes(tmp_path):
    samples, true_s = loop((100, 30), (128, 40), (90, 24), (100, 30))
    write_wav(tmp_path / "loop.wav", samples)
    found = find(tmp_path / "loop.wav")
    assert [segment.start_s for segment in found] == pytest.approx(true_s, abs=1)
    assert [segment.index for segment in found] == [0, 1, 2, 3]
    assert [segment.index for segment in find(samples, recurring=True)] == [0, 1, 2, 0]


def test_the_demo_track():
    with open_source("demo") as source:
        samples = source.read(truth().duration_s)
    found = find(samples)
    assert [segment.start_s for segment in found] == pytest.approx([t_s for t_s, _ in truth().tempi], abs=1)
    for segment, (_, tempo) in zip(found, truth().tempi, strict=True):
        assert segment.bpm in (pytest.approx(tempo, rel=0.015), pytest.approx(tempo * 2, rel=0.015))


def test_a_pause_is_no_change():
    part, _ = loop((120, 30))
    found = find(np.concatenate([part, np.zeros(4 * RATE, np.float32), part]))
    assert len(found) == 1


@pytest.mark.parametrize("count", [0, 1, 1000, RATE, 20 * RATE])
def test_silence_is_one_segment_without_a_tempo(count):
    assert find(np.zeros(count, np.float32)) == [Segment(0.0, 0.0, 0.0, 0)]


def test_noise_is_one_segment():
    noise = np.random.default_rng(3).uniform(-1, 1, 60 * RATE).astype(np.float32)
    assert len(find(noise)) == 1


def test_another_rate_says_the_same():
    times_s = np.concatenate([np.arange(0, 15, 0.6), np.arange(15, 30, 0.5)])
    found = find(clicks(times_s, 30, sample_rate=48_000), 48_000)
    assert [segment.bpm for segment in found] == pytest.approx([100, 120], rel=0.01)
