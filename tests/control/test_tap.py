"""Taps: a tempo in spite of hands."""

import numpy as np
import pytest

from avserver.control.tap import Tap


def tapped(times_s) -> Tap:
    tap = Tap()
    for at_s in times_s:
        tap.tap(at_s)
    return tap


def test_one_tap_tells_no_tempo_and_two_do():
    assert tapped([1.0]).bpm == 0
    assert tapped([1.0, 1.5]).bpm == pytest.approx(120)


@pytest.mark.parametrize("bpm", [40.0, 93.0, 128.0, 180.0])
def test_shaky_hands_are_smoothed(bpm: float):
    rng = np.random.default_rng(0)
    times_s = np.arange(8) * 60 / bpm + rng.normal(0, 0.015, 8)
    assert tapped(times_s).bpm == pytest.approx(bpm, rel=0.01)


def test_a_tap_too_few_and_one_that_bounces_do_no_harm():
    assert tapped([0.0, 0.5, 1.0, 1.02, 2.0, 2.5, 3.0]).bpm == pytest.approx(120, rel=0.01)


def test_only_the_last_taps_count():
    slower = np.arange(8) * 0.8
    assert tapped([*slower, *(slower[-1] + np.arange(1, 9) * 0.4)]).bpm == pytest.approx(150)


def test_after_a_pause_taps_begin_anew():
    tap = tapped([0.0, 0.5, 1.0])
    assert tap.tap(4.0)
    assert tap.bpm == 0
    assert not tap.tap(4.6)
    assert tap.bpm == pytest.approx(100)
