"""Resampling against plain numpy: zeros between the samples, then a convolution."""

from pathlib import Path

import numpy as np
import pytest

from avserver.errors import ModelError
from avserver.generator import checkpoint, filters
from avserver.generator.backend import ops, to_numpy

# Of rank one but neither even nor equal along its axes, so that a flip or a swap of axes shows.
LOPSIDED = np.outer([1, 2, 4, 3], [5, 1, 2, 2]).astype("f") / 100


def full_convolution(x, kernel):
    """(H, W) with (h, w) to (H + h - 1, W + w - 1)."""
    out = np.zeros((x.shape[0] + kernel.shape[0] - 1, x.shape[1] + kernel.shape[1] - 1))
    for (i, j), tap in np.ndenumerate(kernel):
        out[i : i + x.shape[0], j : j + x.shape[1]] += tap * x
    return out


def spread(x, factor=2):
    """Put zeros between the samples: (H, W) to (2H - 1, 2W - 1)."""
    out = np.zeros((factor * (x.shape[0] - 1) + 1, factor * (x.shape[1] - 1) + 1))
    out[::factor, ::factor] = x
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


@pytest.mark.parametrize(("factor", "lead", "size"), [(2, 9, 26), (2, -6, 10), (4, 3, 41), (3, -7, 13), (1, 2, 12)])
def test_upsampling_is_zeros_between_samples_and_a_convolution(factor, lead, size):
    rng = np.random.default_rng(0)
    x, taps = rng.standard_normal((2, 9, 9, 3)).astype("f"), rng.standard_normal(6 * factor).astype("f")
    upsampling = filters.Upsampling(taps, factor, lead, (size, size))
    drawn = to_numpy(upsampling(upsampling.surround(x)))
    # The filter's last tap meets the first of `lead` zeros for the result's first sample.
    first = len(taps) - 1 - lead
    for n, c in np.ndindex(2, 3):
        full = np.zeros((100, 100))
        wide = factor**2 * full_convolution(spread(x[n, :, :, c], factor), np.outer(taps, taps))
        full[20 : 20 + len(wide), 20 : 20 + len(wide)] = wide
        expected = full[20 + first : 20 + first + size, 20 + first : 20 + first + size]
        np.testing.assert_allclose(drawn[n, :, :, c], expected, atol=1e-4)


def test_decimate_is_a_convolution_of_which_every_other_sample_is_kept():
    rng = np.random.default_rng(0)
    x, taps = rng.standard_normal((1, 15, 4, 2)).astype("f"), rng.standard_normal(6).astype("f")
    drawn = to_numpy(filters.decimate(x, 1, taps, 2))
    assert drawn.shape == (1, 5, 4, 2)
    for column, c in np.ndindex(4, 2):
        expected = np.convolve(x[0, :, column, c], taps, mode="valid")[::2]
        np.testing.assert_allclose(drawn[0, :, column, c], expected, atol=1e-5)


@pytest.mark.parametrize("kind", "tr")
def test_designed_filters_are_the_official_ones(kind):
    model = checkpoint.read(Path(__file__).parents[1] / "data" / f"stylegan3_{kind}_64.npz")
    radial = 0
    for layer in model.config.filtered_layers[:-1]:
        up, down = (model.tensors[f"synthesis.{layer.name}.{name}_filter"] for name in ("up", "down"))
        designed = filters.lowpass(layer.up_taps, layer.source.cutoff, layer.source.half_width, layer.inner_rate)
        np.testing.assert_allclose(designed, up, atol=1e-7)
        design = filters.radial_lowpass if layer.radial else filters.lowpass
        designed = design(layer.down_taps, layer.target.cutoff, layer.target.half_width, layer.inner_rate)
        np.testing.assert_allclose(designed, down, atol=1e-7)
        radial += layer.radial
    assert radial == (12 if kind == "r" else 0)


def test_a_radial_filter_is_a_sum_of_few_separable_ones():
    kernel = filters.radial_lowpass(12, 16.0, 20.0, 128.0)
    terms = filters.separable_terms(kernel)
    assert len(terms) <= 4
    total = sum(np.outer(vertical, horizontal) for vertical, horizontal in terms)
    np.testing.assert_allclose(total, kernel, atol=1e-5 * kernel.max())


@pytest.mark.parametrize("value", [0.0, float("nan")])
def test_a_radial_filter_that_is_none_is_refused(value):
    with pytest.raises(ModelError, match="finite taps"):
        filters.separable_terms(np.full((12, 12), value, "f"))


def test_an_odd_number_of_taps_meets_the_centre():
    kernel = filters.radial_lowpass(9, 16.0, 20.0, 128.0)
    assert np.isfinite(kernel).all()
    assert kernel[4, 4] == kernel.max()
    np.testing.assert_allclose(kernel.sum(), 1, atol=1e-6)
