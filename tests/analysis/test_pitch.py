import numpy as np
import pytest
from sounds import listen, noise, seconds, sine


@pytest.mark.parametrize("hz", [55, 82.41, 110, 220, 440, 880, 1760, 3000])
def test_a_sine_has_its_pitch(hz):
    for frame in listen(sine(hz, 0.6))[9:]:
        assert frame.pitch_hz == pytest.approx(hz, rel=0.005)
        assert frame.pitch_confidence > 0.9


@pytest.mark.parametrize("hz", [65.4, 130.8, 329.6])
def test_a_string_has_the_pitch_of_its_fundamental(hz):
    string = sum(sine(k * hz, 0.6, 0.3 / k) for k in range(1, 12))
    for frame in listen(string)[9:]:
        assert frame.pitch_hz == pytest.approx(hz, rel=0.005)


@pytest.mark.parametrize("sound", [noise(2.0), 0 * seconds(1.0), 0 * seconds(1.0) + 0.5, noise(1.0, 1e-4)])
def test_what_has_no_pitch_has_none(sound):
    signals = listen(sound.astype(np.float32))
    assert {frame.pitch_hz for frame in signals} == {0.0}


def test_a_new_note_is_known_within_60_ms():
    signals = listen(np.concatenate([sine(220, 0.5), sine(330, 0.5)]), fps=100)
    first = next(frame.t_s for frame in signals if frame.pitch_hz == pytest.approx(330, rel=0.01))
    assert 0.5 < first < 0.56


def test_it_is_unvoiced_again_after_the_note():
    signals = listen(np.concatenate([sine(220, 0.5), np.zeros(22_050, np.float32)]))
    assert signals[-1].pitch_hz == 0.0
    assert 0 <= signals[-1].pitch_confidence <= 1
