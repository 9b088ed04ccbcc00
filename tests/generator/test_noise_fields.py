import numpy as np
import pytest

from avserver.frame_spec import NoiseLevel
from avserver.generator.noise_fields import FIELDS, SMOOTH_PACE, coefficients, make_fields


def field(phase, strength=1.0, grain=0.5, resolution=32):
    weights = coefficients(NoiseLevel(resolution, phase, strength, grain))
    return np.tensordot(weights, make_fields("synthesis.b32.conv0", resolution, resolution), axes=1)


@pytest.mark.parametrize("resolution", [4, 8, 64])
def test_fields_are_orthogonal_and_of_unit_deviation(resolution):
    fields = make_fields("synthesis.b8.conv1", resolution, resolution).reshape(FIELDS, -1)
    np.testing.assert_allclose(fields.mean(axis=1), 0, atol=1e-5)
    np.testing.assert_allclose(fields @ fields.T / resolution**2, np.eye(FIELDS), atol=1e-5)


@pytest.mark.parametrize("grain", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("phase", [0.0, 1.0, 1000.0])
def test_strength_is_the_deviation_whatever_else(grain, phase):
    assert field(phase, strength=0.7, grain=grain).std() == pytest.approx(0.7, rel=1e-4)
    assert not field(phase, strength=0.0, grain=grain).any()


def test_it_moves_smoothly_and_comes_around():
    a_frame = np.abs(field(0.1) - field(0.0)).max()
    far = np.abs(field(np.pi) - field(0.0)).max()
    assert 0 < a_frame < 0.5 < far
    period = 2 * np.pi * 15  # the smooth fields have turned seven times
    assert SMOOTH_PACE * period == pytest.approx(2 * np.pi * 7)
    np.testing.assert_allclose(field(period), field(0.0), atol=1e-4)


def test_grain_goes_from_smooth_to_rough():
    def roughness(grain):
        x = field(0.3, grain=grain)
        return np.square(x - np.roll(x, 1, axis=0)).mean()

    # White noise differs from its neighbour by a variance of 2.
    assert roughness(0.0) < 0.75 * roughness(1.0)
    assert roughness(1.0) == pytest.approx(2, rel=0.15)


def test_every_layer_has_its_own_and_always_the_same():
    np.testing.assert_array_equal(make_fields("synthesis.b8.conv1", 8, 8), make_fields("synthesis.b8.conv1", 8, 8))
    assert not np.allclose(make_fields("synthesis.b8.conv1", 8, 8), make_fields("synthesis.b8.conv0", 8, 8))
