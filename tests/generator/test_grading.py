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
