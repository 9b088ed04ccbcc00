import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avserver.analysis.beat_clock import BeatClock

HOP_S = 256 / 44_100
STEERED = st.lists(st.tuples(st.floats(0.28, 1.1), st.floats(0, 0.999)), min_size=1, max_size=60)


def steered(commands, hops=4):
    """Yield a clock after every hop; it is steered by a command at every fourth."""
    clock = BeatClock()
    clock.start(0.5, 0.25)
    for number in range(len(commands) * hops):
        clock.advance((number + 1) * HOP_S)
        if number % hops == 0:
            clock.steer(*commands[number // hops])
        yield clock


@given(STEERED)
def test_the_count_never_goes_back_and_beats_are_when_it_is_whole(commands):
    counts, beats_s = [], []
    for clock in steered(commands):
        for part in (0, 0.3, 0.999):
            t_s = clock.now_s + part * HOP_S
            counts.append(clock.count_until(t_s))
            beats_s.append(clock.beat_until(t_s))
            assert beats_s[-1] <= t_s + 1e-9
    assert np.diff(counts).min() >= 0
    assert np.diff(beats_s).min() >= 0
    assert len(set(np.floor(counts))) == len(set(np.round(beats_s, 9)))  # before the first it is 0


@given(STEERED)
def test_asking_changes_nothing(commands):
    asked = list(steered(commands))[-1].count_until(9.0)
    clock = None
    for clock in steered(commands):
        clock.count_until(clock.now_s + 0.003)
        clock.beat_until(clock.now_s + 0.003)
    assert clock.count_until(9.0) == asked


@pytest.mark.parametrize("late", [-0.5, -0.3, -0.05, 0.1, 0.4])
def test_it_comes_into_step_within_two_beats(late):
    clock = BeatClock()
    clock.start(0.5, 0.0)
    for number in range(1, round(1.0 / HOP_S)):
        clock.advance(number * HOP_S)
        clock.steer(0.5, (number * HOP_S / 0.5 + late) % 1)
    away = (clock.count_until(1.0) - late + 0.5) % 1 - 0.5
    assert abs(away) < 0.03


def test_it_stands_still_before_it_is_started_and_soon_when_nothing_comes():
    clock = BeatClock()
    clock.advance(1.0)
    assert (clock.count_until(2.0), clock.beat_until(2.0)) == (0, 0)
    clock.start(0.5, 0.5)
    assert clock.count_until(100.0) < 3
    assert clock.beat_until(1.0) == 0
    assert clock.beat_until(1.3) == 1.25
