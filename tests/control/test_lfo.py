import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avserver.control.lfo import LFO_NAMES, LfoOptions, oscillate

# Values at 0, 1/4, 1/2 and 3/4 of the period.
SHAPES = {
    "beat.sine": (0.0, 0.5, 1.0, 0.5),
    "beat.triangle": (0.0, 0.5, 1.0, 0.5),
    "beat.saw": (0.0, 0.25, 0.5, 0.75),
    "beat.square": (1.0, 1.0, 0.0, 0.0),
    "free.saw": (0.0, 0.25, 0.5, 0.75),
}


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("beats", [1.0, 4.0, 0.5, 1.5])
def test_each_shape_stands_where_it_should_in_every_period(name, beats):
    for period in range(3):
        values = [oscillate(name, LfoOptions(beats), (period + x) * beats) for x in (0.0, 0.25, 0.5, 0.75)]
        assert values == pytest.approx(SHAPES[name])
    ahead = [oscillate(name, LfoOptions(beats, phase=0.25), x * beats) for x in (0.0, 0.25, 0.5)]
    assert ahead == pytest.approx(SHAPES[name][1:])


def test_random_holds_for_a_period_and_is_the_same_in_every_run():
    bars = [[oscillate("beat.random", LfoOptions(4.0), 4.0 * bar + at) for at in (0.0, 1.3, 3.9)] for bar in range(50)]
    assert all(len(set(bar)) == 1 for bar in bars)
    values = [bar[0] for bar in bars]
    assert len(set(values)) == 50
    assert 0.3 < np.mean(values) < 0.7
    assert values[7] == oscillate("beat.random", LfoOptions(4.0), 28.0)
    assert values[7] != oscillate("beat.random", LfoOptions(4.0, seed=1), 28.0)


@given(st.sampled_from(LFO_NAMES), st.floats(1 / 64, 256), st.floats(0, 1), st.floats(0, 1e6))
def test_all_stay_within_0_and_1(name, beats, phase, at):
    assert 0.0 <= oscillate(name, LfoOptions(beats, phase), at) <= 1.0
