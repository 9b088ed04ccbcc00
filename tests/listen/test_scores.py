import numpy as np
import pytest

from avserver.listen.scores import f_measure, matches, si_sdr_db


def test_each_time_is_used_once():
    assert matches([1.0, 1.02, 3.0], [1.01, 2.0], 0.05) == [(0, 0)]
    assert f_measure([1.0, 1.02, 3.0], [1.01, 2.0], 0.05) == pytest.approx(2 / 5)


def test_order_makes_no_difference_and_the_tolerance_does():
    assert f_measure([2.04, 1.0], [1.0, 2.0], 0.05) == 1.0
    assert f_measure([2.06, 1.0], [1.0, 2.0], 0.05) == 0.5


def test_nothing_found_where_nothing_is_is_right():
    assert f_measure([], [], 0.05) == 1.0
    assert f_measure([1.0], [], 0.05) == 0.0


def test_si_sdr_is_that_of_the_noise_whatever_the_scale():
    rng = np.random.default_rng(0)
    target = rng.normal(size=44_100).astype(np.float32)
    noise = rng.normal(size=44_100).astype(np.float32)
    noise -= target * (noise @ target / (target @ target))
    noisy = target + 0.1 * noise * np.linalg.norm(target) / np.linalg.norm(noise)
    assert si_sdr_db(noisy, target) == pytest.approx(20, abs=0.01)
    assert si_sdr_db(7 * noisy, target) == pytest.approx(20, abs=0.01)
