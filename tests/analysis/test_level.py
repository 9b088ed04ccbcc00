import numpy as np
import pytest
from sounds import listen, seconds, sine


def rms_db(samples):
    return listen(samples.astype(np.float32))[-1].rms_db


@pytest.mark.parametrize("hz", [50, 100, 440, 1000, 3000, 8000])
def test_a_full_scale_sine_has_minus_3_db_and_its_stems_make_it_up(hz):
    levels = rms_db(sine(hz, 1.0, 1.0))
    assert levels["mix"] == pytest.approx(-3.01, abs=0.2)
    stems = [levels[stem] for stem in ("drums", "bass", "melody")]
    assert max(stems) < -2.8
    assert 20 * np.log10(sum(10 ** (level / 20) for level in stems)) > -3.3


def test_levels_go_with_the_amplitude():
    loud, quiet = rms_db(sine(440, 1.0, 0.5)), rms_db(sine(440, 1.0, 0.05))
    for stem in ("mix", "melody"):
        assert loud[stem] - quiet[stem] == pytest.approx(20, abs=0.1)


def test_a_constant_and_a_square_have_their_power():
    assert rms_db(0 * seconds(1.0) + 0.5)["mix"] == pytest.approx(-6.02, abs=0.01)
    assert rms_db(np.sign(sine(100, 1.0)))["mix"] == pytest.approx(0, abs=0.1)


def test_silence_is_the_floor():
    assert rms_db(0 * seconds(0.2)) == dict.fromkeys(("mix", "drums", "bass", "melody"), -120.0)


def test_it_falls_by_half_its_smoothing_in_no_time():
    sound = np.concatenate([sine(440, 1.0), np.zeros(44_100, np.float32)])
    levels = [frame.rms_db["mix"] for frame in listen(sound, fps=100)]
    assert levels[99] - levels[104] == pytest.approx(4.3, abs=1.0)  # 50 ms: a factor of e
    assert levels[-1] < -80
