import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sounds import listen, noise, sine

from avserver.analysis.loudness import Loudness, _k_weighting


def measured(samples, rate=44_100):
    loudness = Loudness(rate)
    for start in range(0, len(samples) - 255, 256):
        loudness(samples[start : start + 256].astype(np.float32))
    return loudness


def tone(hz, level_db, duration_s, rate=44_100):
    return 10 ** (level_db / 20) * np.sin(2 * np.pi * hz * np.arange(round(duration_s * rate)) / rate)


def test_the_filters_are_those_of_the_standard():
    (b, a), (high_b, high_a) = _k_weighting(48_000)
    np.testing.assert_allclose(b, [1.53512485958697, -2.69169618940638, 1.19839281085285], atol=1e-8)
    np.testing.assert_allclose(a, [1, -1.69065929318241, 0.73248077421585], atol=1e-8)
    np.testing.assert_allclose(high_b, [1, -2, 1])
    np.testing.assert_allclose(high_a, [1, -1.99004745483398, 0.99007225036621], atol=1e-8)


@pytest.mark.parametrize("rate", [22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("level_db", [-23, -33])
def test_the_tones_of_ebu_tech_3341_read_as_they_should(rate, level_db):
    # Cases 1 and 2 are the tone in both channels of a stereo pair; one channel of it reads 3.01 LU less.
    loudness = measured(tone(1000, level_db, 4.0, rate), rate)
    assert loudness.momentary_lufs == pytest.approx(level_db - 3.01, abs=0.1)
    assert loudness.short_term_lufs == pytest.approx(level_db - 3.01, abs=0.1)


def test_it_hears_bass_less_and_treble_more():
    levels = [measured(tone(hz, -20, 2.0)).momentary_lufs for hz in (40, 1000, 10_000)]
    assert levels[0] < levels[1] - 5
    assert levels[2] == pytest.approx(levels[1] + 3.3, abs=0.3)


def test_momentary_forgets_in_0_4_s_and_short_term_in_3_s():
    signals = listen(np.concatenate([sine(997, 3.5, 0.1), np.zeros(4 * 44_100, np.float32)]))
    at = {t_s: signals[round(t_s * 30) - 1] for t_s in (0.2, 3.4, 3.8, 4.0, 5.0, 7.0)}
    assert at[0.2].loudness_lufs == pytest.approx(-26.0, abs=0.2)  # half of the window
    assert at[3.4].loudness_lufs == pytest.approx(-23.0, abs=0.1)
    assert at[4.0].loudness_lufs == -120
    assert at[5.0].loudness_short_lufs == pytest.approx(-23.0 - 3.01, abs=0.1)
    assert at[7.0].loudness_short_lufs == -120


@settings(max_examples=5, deadline=None)
@given(st.sampled_from([64, 128, 512, 1024]), st.integers(0, 99))
def test_blocks_of_any_length_weigh_alike(hop, seed):
    samples = noise(0.5, seed=seed)
    one, other = Loudness(44_100, hop=hop), Loudness(44_100, hop=16)
    for start in range(0, samples.size - hop + 1, hop):
        one(samples[start : start + hop])
        for at in range(start, start + hop, 16):
            other(samples[at : at + 16])
    assert one.momentary_lufs == pytest.approx(other.momentary_lufs, abs=0.05)


def test_reset_equals_fresh():
    loudness = measured(noise(1.0))
    loudness.reset()
    assert (loudness.momentary_lufs, loudness.short_term_lufs) == (-120, -120)
    loudness(noise(256 / 44_100))
    assert loudness.momentary_lufs == measured(noise(256 / 44_100)).momentary_lufs
