import numpy as np
import pytest

from avserver.frame_spec import Grade
from avserver.generator.backend import to_numpy
from avserver.generator.grading import develop, grade_values


def developed(image, **grade):
    return to_numpy(develop(image, grade_values(Grade(**grade))))


@pytest.fixture
def image():
    return np.random.default_rng(0).normal(0, 0.8, (1, 64, 64, 3)).astype("f")


def test_neutral_is_the_official_conversion_to_bytes(image):
    expected = np.clip(image * np.float32(127.5) + 128, 0, 255).astype(np.uint8)
    np.testing.assert_array_equal(developed(image), expected)


def test_opacity_goes_to_black(image):
    assert not developed(image, opacity=0.0).any()
    half = developed(image, opacity=0.5).astype(float)
    assert np.abs(half - developed(image) / 2).max() <= 1


def test_contrast_moves_away_from_mid_grey(image):
    assert set(np.unique(developed(image, contrast=0.0))) == {127}
    plain, strong = developed(image).astype(float), developed(image, contrast=1.5).astype(float)
    inside = np.abs(plain - 127.5) < 70
    assert np.abs(strong - (127.5 + 1.5 * (plain - 127.5)))[inside].max() <= 2


def test_saturation_zero_is_grey_of_the_same_luma(image):
    grey = developed(image, saturation=0.0)
    assert (grey.max(axis=-1) - grey.min(axis=-1)).max() <= 1
    luma = developed(image) @ [0.2126, 0.7152, 0.0722]
    assert np.abs(grey[..., 1] - luma).max() <= 2


def test_a_third_of_the_hues_round_red_is_green_and_luma_stays(image):
    dim_red = np.array([[[[-0.8, -1.0, -1.0]]]], "f")
    turned = developed(dim_red, hue=120.0)[0, 0, 0].astype(int)
    assert turned[1] > max(turned[0], turned[2])
    # Little contrast, so that no colour leaves the cube.
    plain, turned = (developed(image, contrast=0.3, hue=hue) @ [0.2126, 0.7152, 0.0722] for hue in (0.0, 75.0))
    assert np.abs(plain - turned).max() <= 2
    grey = np.repeat(image[..., :1], 3, axis=-1)
    assert np.abs(developed(grey, hue=75.0).astype(float) - developed(grey)).max() <= 1


def test_all_at_once_in_plain_numpy(image):
    x = np.clip(image * 127.5 + 128, 0, 255).astype(float)
    luma = np.array([0.2126, 0.7152, 0.0722])
    # A turn around grey by 120 degrees makes red green, green blue and blue red; then each has its own luma back.
    turned = x[..., [2, 0, 1]]
    turned = turned + ((x - turned) @ luma)[..., None]
    grey = (turned @ luma)[..., None]
    saturated = grey + 1.5 * (turned - grey)
    expected = np.clip(127.5 + 1.2 * (saturated - 127.5), 0, 255) * 0.8
    got = developed(image, hue=120.0, saturation=1.5, contrast=1.2, opacity=0.8)
    assert np.abs(got - expected).max() <= 1
