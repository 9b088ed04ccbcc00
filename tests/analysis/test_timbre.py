import numpy as np
import pytest
from sounds import listen, noise, seconds, sine


@pytest.mark.parametrize("hz", [200, 1000, 5000])
def test_a_tone_is_as_bright_as_it_is_high_and_not_noisy(hz):
    last = listen(sine(hz, 0.5))[-1]
    assert last.centroid_hz == pytest.approx(hz, rel=0.03)
    assert last.flatness < 0.01


def test_white_noise_is_flat_and_its_centre_is_in_the_middle():
    signals = listen(noise(1.0))
    assert np.mean([frame.flatness for frame in signals]) == pytest.approx(0.56, abs=0.04)  # exp(-0.577)
    assert np.mean([frame.centroid_hz for frame in signals]) == pytest.approx(11_025, rel=0.05)


def test_a_click_is_perfectly_flat():
    sound = np.zeros(22_050, np.float32)
    sound[10_000] = 0.9
    signals = listen(sound, fps=172)
    assert max(frame.flatness for frame in signals) == pytest.approx(1.0, abs=0.02)
    assert max(frame.flatness for frame in signals) <= 1.0


@pytest.mark.parametrize("sound", [0 * seconds(0.5), 0 * seconds(0.5) + 0.5])
def test_silence_and_a_constant_have_no_colour(sound):
    last = listen(sound)[-1]
    assert (last.centroid_hz, last.flatness) == (0.0, 0.0)
