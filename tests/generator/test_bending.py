"""Affine warps against what one would see: a mark that moves where it should."""

import numpy as np
import pytest

from avserver.errors import ModelError, WireError
from avserver.frame_spec import Bend
from avserver.generator.backend import to_numpy
from avserver.generator.bending import compose, find_places, warp

SIZE = 16


def warped(x, *bends):
    return to_numpy(warp(x, find_places(compose(bends, ("b16",))[0], SIZE)))


def bend(transform, *values):
    return Bend("b16", transform, values)


@pytest.fixture
def noise():
    return np.random.default_rng(0).standard_normal((1, SIZE, SIZE, 5)).astype("f")


def mark(row, column):
    """A picture with one bright sample."""
    x = np.zeros((1, SIZE, SIZE, 1), "f")
    x[0, row, column] = 1
    return x


def brightest(x):
    return np.unravel_index(x[0, :, :, 0].argmax(), (SIZE, SIZE))


def test_neutral_values_change_nothing_at_all(noise):
    neutral = [bend("zoom", 1.0), bend("translate", 0.0, 0.0), bend("rotate", 0.0)]
    np.testing.assert_array_equal(warped(noise, *neutral), noise)


def test_translate_moves_right_and_down():
    assert brightest(warped(mark(4, 4), bend("translate", 2 / 16, 0.0))) == (4, 6)
    assert brightest(warped(mark(8, 4), bend("translate", 0.0, 5 / 16))) == (13, 4)


def test_a_margin_is_no_part_of_the_width():
    matrix = compose([bend("translate", 2 / 8, 0.0)], ("b16",))[0]
    moved = to_numpy(warp(mark(4, 4), find_places(matrix, SIZE, 8)))
    assert brightest(moved) == (4, 6)


def test_translate_by_half_a_sample_is_bilinear():
    moved = warped(mark(4, 4), bend("translate", 0.5 / 16, 0.0))
    np.testing.assert_allclose(moved[0, 4, 3:7, 0], [0, 0.5, 0.5, 0], atol=1e-6)


def test_borders_are_reflected(noise):
    moved = warped(noise, bend("translate", 3 / 16, 0.0))
    np.testing.assert_allclose(moved[0, :, :3], noise[0, :, 2::-1], atol=1e-5)
    np.testing.assert_allclose(moved[0, :, 3:], noise[0, :, :-3], atol=1e-5)


def test_zoom_below_one_moves_away_from_the_centre():
    # The centre of sample 9 lies 1.5 to the right of the middle; at half the view it is seen twice as far, at 10.5.
    near = warped(mark(9, 9), bend("zoom", 0.5))
    np.testing.assert_allclose(np.sort(near[0, 10:12, 10, 0]), np.sort(near[0, 10, 10:12, 0]))
    assert near[0, 10:12, 10:12, 0].min() > 0.5
    assert warped(mark(9, 9), bend("zoom", 2.0))[0, 8, 8, 0] > 0.2


def test_rotate_turns_anticlockwise():
    right = mark(8, 15)
    assert brightest(warped(right, bend("rotate", 90.0))) in {(0, 8), (0, 7)}
    assert brightest(warped(right, bend("rotate", -90.0))) in {(15, 8), (15, 7)}
    upside_down = np.rot90(right, 2, axes=(1, 2))
    np.testing.assert_allclose(warped(right, bend("rotate", 180.0)), upside_down, atol=1e-4)


def test_quarter_turns_are_exact_pictures(noise):
    np.testing.assert_allclose(warped(noise, bend("rotate", 90.0)), np.rot90(noise, 1, axes=(1, 2)), atol=1e-4)


def test_bends_of_a_layer_act_in_their_order():
    turned_then_moved = warped(mark(8, 12), bend("rotate", 90.0), bend("translate", 2 / 16, 0.0))
    moved_then_turned = warped(mark(8, 12), bend("translate", 2 / 16, 0.0), bend("rotate", 90.0))
    assert brightest(turned_then_moved) == (3, 10)
    assert brightest(moved_then_turned) == (1, 8)


def test_pictures_of_a_batch_move_alike(noise):
    batch = np.concatenate([noise, -noise])
    moved = warped(batch, bend("rotate", 33.0), bend("zoom", 0.7))
    np.testing.assert_allclose(moved[0], -moved[1])


def test_many_zooms_stay_finite(noise):
    assert np.isfinite(warped(noise, *[bend("zoom", 4.0)] * 40)).all()


def test_errors_name_what_was_got():
    with pytest.raises(ModelError, match="layer 'b32' was not prepared for bending, prepared: b16"):
        compose([Bend("b32", "zoom", (1.0,))], ("b16",))
    with pytest.raises(ModelError, match="unknown transform 'zom', did you mean 'zoom'"):
        compose([bend("zom", 1.0)], ("b16",))
    with pytest.raises(WireError, match=r"translate takes finite values \(x, y\), got \(1.0,\)"):
        compose([bend("translate", 1.0)], ("b16",))
    with pytest.raises(WireError, match="zoom takes finite values"):
        compose([bend("zoom", float("nan"))], ("b16",))
