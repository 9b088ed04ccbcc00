"""Resampling against plain numpy: zeros between the samples, then a convolution."""

import numpy as np
import pytest

from avserver.generator import filters
from avserver.generator.backend import ops, to_numpy

# Of rank one but neither even nor equal along its axes, so that a flip or a swap of axes shows.
LOPSIDED = np.outer([1, 2, 4, 3], [5, 1, 2, 2]).astype("f") / 100


def full_convolution(x, kernel):
    """(H, W) with (h, w) to (H + h - 1, W + w - 1)."""
    out = np.zeros((x.shape[0] + kernel.shape[0] - 1, x.shape[1] + kernel.shape[1] - 1))
    for (i, j), tap in np.ndenumerate(kernel):
        out[i : i + x.shape[0], j : j + x.shape[1]] += tap * x
    return out


def spread(x):
    """Put zeros between the samples: (H, W) to (2H - 1, 2W - 1)."""
    out = np.zeros((2 * x.shape[0] - 1, 2 * x.shape[1] - 1))
    out[::2, ::2] = x
    return out


@pytest.fixture
def picture():
    return np.random.default_rng(0).standard_normal((2, 5, 6, 3)).astype("f")


@pytest.mark.parametrize("kernel", [filters.binomial_filter(), LOPSIDED])
def test_double_is_zeros_between_samples_and_a_convolution(picture, kernel):
    doubled = to_numpy(filters.double(picture, kernel))
    expected = np.zeros((2, 10, 12, 3))
    for n in range(2):
        for c in range(3):
            expected[n, :, :, c] = 4 * full_convolution(spread(picture[n, :, :, c]), kernel)[1:11, 1:13]
    np.testing.assert_allclose(doubled, expected, atol=1e-5)


def test_double_keeps_a_plain_field_plain(picture):
    doubled = to_numpy(filters.double(np.ones_like(picture), filters.binomial_filter()))
    np.testing.assert_allclose(doubled[:, 1:-1, 1:-1], 1, atol=1e-6)


@pytest.mark.parametrize("kernel", [filters.binomial_filter(), LOPSIDED])
def test_blur_is_a_convolution(kernel):
    x = np.random.default_rng(0).standard_normal((1, 9, 7, 2)).astype("f")
    blurred = to_numpy(filters.blur_doubled(x, kernel))
    for c in range(2):
        expected = 4 * full_convolution(x[0, :, :, c], kernel)[2:10, 2:8]
        np.testing.assert_allclose(blurred[0, :, :, c], expected, atol=1e-5)
    assert blurred.shape == (1, 8, 6, 2)
    apart = to_numpy(filters.blur_depthwise(x, kernel))[:, :8, :6]
    np.testing.assert_allclose(apart, blurred, atol=1e-5)


@pytest.mark.parametrize("kernel", [filters.binomial_filter(), LOPSIDED])
def test_combine_folds_the_blur_into_the_weights(kernel):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1, 5, 6, 3)).astype("f")
    weight = rng.standard_normal((3, 3, 3, 4)).astype("f")
    transposed = ops.conv_transpose(x, weight.transpose(0, 1, 3, 2).copy(), strides=2, padding="valid")
    expected = to_numpy(filters.blur_doubled(transposed, kernel))
    combined = ops.conv(x, filters.combine(weight, kernel), padding="same")
    np.testing.assert_allclose(to_numpy(filters.interleave(combined)), expected, atol=1e-4)


def test_a_filter_that_is_no_outer_product_is_refused():
    with pytest.raises(ValueError, match="outer product"):
        filters.separate(np.eye(4, dtype="f"))
