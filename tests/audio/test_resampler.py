import numpy as np
import pytest

from avserver.audio.resampler import Resampler


@pytest.mark.parametrize("rate_in", [44_100, 48_000, 96_000])
def test_a_tone_stays_the_tone_however_it_is_cut(rate_in):
    tone = np.sin(2 * np.pi * 1000 * np.arange(rate_in) / rate_in).astype(np.float32)
    resample = Resampler(rate_in, 44_100)
    rng = np.random.default_rng(1)
    cuts = np.sort(rng.integers(0, rate_in, 200))
    heard = np.concatenate([resample(block) for block in np.split(tone, cuts)])
    assert 44_100 - 45 <= heard.size <= 44_100  # less than a millisecond is held back
    expected = np.sin(2 * np.pi * 1000 * np.arange(heard.size) / 44_100)
    np.testing.assert_allclose(heard[500:], expected[500:], atol=1e-4)
