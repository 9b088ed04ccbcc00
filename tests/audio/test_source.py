import numpy as np
import pytest

from avserver.audio.clicks import clicks
from avserver.audio.source import ArraySource, SilentSource, samples_before
from avserver.errors import AudioError


def test_sample_n_is_due_when_its_time_has_come():
    ramp = np.arange(100) / 100
    source = ArraySource(ramp, sample_rate=8000)
    np.testing.assert_allclose(source.read(10 / 8000), ramp[:10])  # sample 10 is at 10/8000 s: not before it
    np.testing.assert_allclose(source.read(10.5 / 8000), ramp[10:11])
    assert source.read(10.5 / 8000).size == 0
    assert source.read(0.0).size == 0


@pytest.mark.parametrize("fps", [24, 29.97, 30, 60, 1000])
def test_frame_times_that_are_sums_give_the_samples_that_products_give(fps):
    t_s = 0.0
    for frame in range(1, 3000):
        t_s += 1 / fps
        assert samples_before(t_s, 44_100) == samples_before(frame / fps, 44_100)


def test_an_array_ends_and_is_followed_by_silence():
    source = ArraySource(np.full(8000, 0.5), sample_rate=8000)
    assert not source.ended
    assert np.all(source.read(1.0) == 0.5)
    assert source.ended
    assert source.read(1.5).tolist() == [0.0] * 4000
    source.reset()
    assert not source.ended
    assert source.read(0.001)[0] == 0.5


def test_an_array_loops_without_a_seam():
    ramp = np.arange(1000, dtype=np.float32) / 1000
    source = ArraySource(ramp, sample_rate=8000, loop=True)
    heard = np.concatenate([source.read(t / 100) for t in range(1, 51)])
    np.testing.assert_array_equal(heard, np.tile(ramp, 4))
    assert not source.ended


def test_what_is_no_sound_becomes_silence_and_what_is_too_loud_is_clipped():
    source = ArraySource([np.nan, np.inf, -np.inf, 2.0, -3.0, 0.25], sample_rate=8000)
    block = source.read(1.0)[:6]
    assert block.tolist() == [0, 0, 0, 1, -1, 0.25]
    assert block.dtype == np.float32


def test_silence_never_ends():
    with SilentSource(sample_rate=48_000) as source:
        assert source.read(1.0).size == 48_000
        assert not source.ended
    with pytest.raises(ValueError, match="closed"):
        source.read(2.0)


@pytest.mark.parametrize("until_s", [float("nan"), float("inf")])
def test_a_time_that_is_none_is_refused(until_s):
    with pytest.raises(ValueError, match="finite"):
        SilentSource().read(until_s)


@pytest.mark.parametrize("rate", [0, -1, 4000, 1_000_000])
def test_a_sample_rate_that_makes_no_sense_is_refused(rate):
    with pytest.raises(AudioError, match="8000 to 192000"):
        SilentSource(sample_rate=rate)


def test_clicks_begin_on_their_sample():
    track = clicks([0.1, 0.25, 5.0], 0.5, sample_rate=8000, level=0.5)
    assert track.size == 4000
    starts = [800, 2000]
    for start in starts:
        assert track[start - 1] == 0.0
        assert track[start] == 0.5
    assert np.abs(track).max() <= 0.5
