"""Paintings: each family deterministic, different from the others, and fit for a dark room."""

import numpy as np
import pytest

from avserver.training.painting.painter import FAMILIES, family_of, paint
from avserver.training.painting.palette import draw_palette, oklch

SIZE = 48


@pytest.mark.parametrize("family", FAMILIES)
def test_a_seed_is_a_picture_and_no_other_seed_is_the_same(family: str) -> None:
    picture = paint(3, SIZE, family)
    assert picture.shape == (SIZE, SIZE, 3)
    assert picture.dtype == np.uint8
    assert np.array_equal(picture, paint(3, SIZE, family))
    assert np.abs(picture.astype(int) - paint(4, SIZE, family)).mean() > 5


@pytest.mark.parametrize("family", FAMILIES)
def test_there_is_something_to_see(family: str) -> None:
    for seed in range(4):
        levels = paint(seed, SIZE, family).astype(float).mean(axis=-1)
        assert levels.std() > 6, f"{family} {seed} is nearly one colour"


def test_most_pictures_are_dark() -> None:
    means = [paint(seed, 32, family_of(seed, ("folds", "figures", "contours", "crystal"))).mean() for seed in range(60)]
    assert np.median(means) < 110
    assert np.mean(np.array(means) > 150) < 0.2


def test_seeds_choose_all_families_and_only_the_allowed() -> None:
    assert {family_of(seed) for seed in range(200)} == set(FAMILIES)
    assert {family_of(seed, ("ink", "flow")) for seed in range(50)} == {"ink", "flow"}


def test_colours_are_in_gamut_and_what_they_are_called() -> None:
    # The primaries of sRGB in OKLCH, as its author gives them.
    assert oklch(0.628, 0.2577, 29.23) == pytest.approx([1, 0, 0], abs=0.01)
    assert oklch(1.0, 0.0, 0.0) == pytest.approx([1, 1, 1], abs=1e-3)
    for seed in range(50):
        palette = draw_palette(np.random.default_rng(seed))
        assert palette.ramp.min() >= 0
        assert palette.ramp.max() <= 1
        assert np.ptp(palette.ramp.sum(axis=1)) > 0.3, "light and dark differ"


def test_palette_levels_go_from_ground_to_the_last_ink() -> None:
    palette = draw_palette(np.random.default_rng(1))
    assert palette.at(np.array([0.0, 1.0])) == pytest.approx(np.stack([palette.ground, palette.inks[-1]]), abs=1e-6)
