import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avserver.control.follower import Follower, FollowerOptions


def followed(options, levels, step_s=0.1):
    follower = Follower(options)
    return [follower.update(level, number * step_s) for number, level in enumerate(levels)]


def test_it_rises_by_its_attack_and_falls_by_its_release():
    values = followed(FollowerOptions(attack_s=0.1, release_s=0.5), [0.0, 1.0, 1.0, 0.0, 0.0])
    assert values[1] == pytest.approx(1 - math.exp(-1))
    assert values[2] == pytest.approx(1 - math.exp(-2))
    assert values[3] == pytest.approx(values[2] * math.exp(-0.2))
    assert values[4] == pytest.approx(values[2] * math.exp(-0.4))


def test_without_times_it_is_the_level():
    levels = [3.0, -120.0, 0.5, 440.0]
    assert followed(FollowerOptions(), levels) == levels


@given(st.lists(st.floats(0.001, 1.0), min_size=1, max_size=30), st.floats(0.001, 5.0), st.floats(0.001, 5.0))
def test_however_time_is_cut_it_goes_the_same_way(steps_s, attack_s, release_s):
    for start, level in ((0.0, 1.0), (1.0, 0.0)):
        once, often = (Follower(FollowerOptions(attack_s, release_s)) for _ in range(2))
        for follower in (once, often):
            follower.update(start, 0.0)
        t_s = 0.0
        for step_s in steps_s:
            t_s += step_s
            value = often.update(level, t_s)
            assert 0.0 <= value <= 1.0
        assert value == pytest.approx(once.update(level, t_s), abs=1e-9)


def test_reset_forgets_and_time_that_stands_still_changes_nothing():
    follower = Follower(FollowerOptions(1.0, 1.0))
    follower.update(0.0, 5.0)
    assert follower.update(1.0, 5.0) == 0.0
    follower.reset()
    assert follower.update(0.7, 0.0) == 0.7
