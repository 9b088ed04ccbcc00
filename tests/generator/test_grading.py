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
    x = np.clip(image * 127.5 + 128, 0.5, 255.5).astype(float)  # half a level above, which bytes cut off
    luma = np.array([0.2126, 0.7152, 0.0722])
    # A turn around grey by 120 degrees makes red green, green blue and blue red; then each has its own luma back.
    turned = x[..., [2, 0, 1]]
    turned = turned + ((x - turned) @ luma)[..., None]
    grey = (turned @ luma)[..., None]
    saturated = grey + 1.5 * (turned - grey)
    expected = np.clip(127.5 + 1.2 * (saturated - 127.5), 0, 255) * 0.8
    got = developed(image, hue=120.0, saturation=1.5, contrast=1.2, opacity=0.8)
    assert np.abs(got - expected).max() <= 1


def test_lift_gamma_and_gain_in_plain_numpy(image):
    u = np.clip(image.astype(float) * 0.5 + 0.5, 0, 1)
    lift, gamma, gain = np.array([0.1, -0.2, 0.0]), np.array([2.0, 0.5, 1.0]), np.array([0.8, 1.3, 1.0])
    expected = 255 * np.clip(np.maximum(gain * (u + lift * (1 - u)), 0) ** (1 / gamma), 0, 1)
    got = developed(image, lift=tuple(lift), gamma=tuple(gamma), gain=tuple(gain))
    assert np.abs(got - expected).max() <= 1
    # What none of the three touches is untouched.
    np.testing.assert_array_equal(got[..., 2], developed(image)[..., 2])


def test_they_come_after_contrast(image):
    u = np.clip(image.astype(float) * 0.5 + 0.5, 0, 1)
    strong = 127 / 255 + 1.5 * (u - 127 / 255)
    expected = 255 * np.clip(np.maximum(strong + 0.2 * (1 - strong), 0) ** (1 / 1.4), 0, 1)
    got = developed(image, contrast=1.5, lift=(0.2,) * 3, gamma=(1.4,) * 3)
    assert np.abs(got - expected).max() <= 1


def test_gamma_leaves_black_and_white():
    ends = np.array([[[[-1.0, -1.0, -1.0], [1.0, 1.0, 1.0], [-3.0, 3.0, 0.0]]]], "f")
    for gamma in (0.25, 4.0):
        got = developed(ends, gamma=(gamma,) * 3)[0, 0]
        assert got[:2].tolist() == [[0, 0, 0], [255, 255, 255]]
        assert got[2, :2].tolist() == [0, 255]


def test_temperature_and_tint_keep_the_luma_of_white_and_move_its_colour():
    white = np.full((1, 1, 1, 3), 0.2, "f")
    luma = developed(white)[0, 0, 0] @ [0.2126, 0.7152, 0.0722]
    for name, (up, down) in {"temperature": (0, 2), "tint": (0, 1)}.items():
        warm, cold = (developed(white, **{name: end})[0, 0, 0].astype(int) for end in (0.5, -0.5))
        assert warm[up] - warm[down] > 20
        assert cold[down] - cold[up] > 20
        for colour in (warm, cold):
            assert abs(colour @ [0.2126, 0.7152, 0.0722] - luma) <= 1.5
