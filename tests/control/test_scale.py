"""Scales: curves, steps and turning round. What ranges do is tested with the mapper."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avserver.control.scale import CURVES, MOST_STEPS, Scale, curved, straightened

curves = st.sampled_from(CURVES)
steps = st.one_of(st.just(0), st.integers(2, MOST_STEPS))
shares = st.floats(0.0, 1.0)
ends = st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))


@given(curves, steps, st.booleans(), ends)
def test_the_ends_are_exact(curve, steps, invert, ends):
    scale = Scale((0.0, 1.0), ends, curve, steps, invert)
    assert (scale.mapped(0.0), scale.mapped(1.0)) == (ends[::-1] if invert else ends)


@given(curves, steps, st.booleans(), shares, shares)
def test_what_goes_up_comes_out_higher_or_lower_if_it_is_turned_round(curve, steps, invert, one, other):
    low, high = (Scale((0.0, 1.0), (2.0, 5.0), curve, steps, invert).mapped(share) for share in sorted((one, other)))
    rounding = 1e-12
    assert min(low, high) >= 2.0 - rounding
    assert max(low, high) <= 5.0 + rounding
    assert (low - high if invert else high - low) >= -rounding


@pytest.mark.parametrize(
    ("curve", "halfway"), [("linear", 0.5), ("exp", 0.1502), ("log", 0.8089), ("s", 0.5)], ids=CURVES
)
def test_each_curve_has_its_shape(curve, halfway):
    assert Scale((0.0, 1.0), curve=curve).mapped(0.5) == pytest.approx(halfway, abs=1e-4)
    assert Scale((0.0, 1.0), curve="s").mapped(0.25) < 0.25 < 0.75 < Scale((0.0, 1.0), curve="s").mapped(0.75)


@given(st.integers(2, MOST_STEPS))
def test_so_many_steps_so_many_numbers_each_as_wide_as_the_others(steps):
    scale = Scale((0.0, 1.0), steps=steps)
    numbers = [scale.mapped((place + 0.5) / (4 * steps)) for place in range(4 * steps)]
    assert [numbers.count(number) for number in sorted(set(numbers))] == [4] * steps


@pytest.mark.parametrize(
    ("scale", "value", "expected"),
    [
        (Scale(invert=True), 0.2, 0.8),
        (Scale(invert=True), 1.5, -0.5),  # no input given: no clamp
        (Scale((100.0, 400.0), invert=True), 100.0, 400.0),
        (Scale((-60.0, 0.0), curve="exp"), -60.0, -60.0),
        (Scale(curve="exp"), 7.0, 1.0),  # a curve has ends
        (Scale(curve="log"), -7.0, 0.0),
        (Scale(output_range=(1.0, 3.0), steps=3), 0.5, 2.0),
    ],
)
def test_without_a_range_it_stays_in_that_of_the_input(scale, value, expected):
    assert scale.mapped(value) == pytest.approx(expected)


@given(curves, st.floats(0.0, 1.0))
def test_a_curve_is_undone(curve, share):
    assert straightened(curve, curved(curve, share)) == pytest.approx(share, abs=1e-6)
