"""Projection with a network of 16 px: a picture that it has drawn itself is found again."""

from itertools import pairwise

import numpy as np
import pytest

from avserver.errors import ModelError
from avserver.generator import backend, load
from avserver.generator.projection import Projector, pyramid_loss


@pytest.fixture(scope="module")
def generator(tiny_model):
    return load(tiny_model)


@pytest.fixture(scope="module")
def projector(generator):
    return Projector(generator)


@pytest.fixture(scope="module")
def target(generator):
    """What a user would have: a picture of bytes, without what the model says beyond black and white."""
    z = np.random.RandomState(123_456).randn(1, generator.z_dim)
    return np.clip(generator.synthesis(generator.mapping(z), noise="none")[0], -1, 1)


def last(attempts):
    return list(attempts)[-1]


def apart(generator, ws, target):
    return np.abs(np.clip(generator.synthesis(ws, noise="none")[0], -1, 1) - target).mean()


def test_the_loss_falls_and_the_picture_nears(projector, generator, target):
    attempts = list(projector.project(target, steps=100, candidates=20))
    assert len(attempts) == 120
    assert all(later.loss <= earlier.loss for earlier, later in pairwise(attempts))
    found = attempts[-1]
    assert found.nearer > 0.9
    assert found.nearer == pytest.approx(1 - found.loss / attempts[0].average_loss)
    assert found.ws.shape == (1, generator.num_ws, generator.w_dim)
    assert np.ptp(found.ws, axis=1).max() < 1e-6  # one w for all layers
    average = generator.mapping(np.zeros((1, generator.z_dim)), truncation_psi=0.0)
    assert apart(generator, found.ws, target) < 0.4 * apart(generator, average, target)


def test_a_w_for_every_layer_comes_nearer(projector, target):
    one = last(projector.project(target, steps=60, candidates=1))
    each = last(projector.project(target, steps=60, candidates=1, plus=True))
    assert each.loss < one.loss
    assert np.ptp(each.ws, axis=1).max() > 0.01


def test_the_same_seed_finds_the_same(projector, target):
    first, again, other = (last(projector.project(target, steps=3, candidates=3, seed=seed)).ws for seed in (1, 1, 2))
    np.testing.assert_allclose(first, again, atol=1e-4)
    assert np.abs(first - other).max() > 1e-2


def test_the_loss_is_that_of_plain_numpy():
    a, b = np.random.default_rng(0).standard_normal((2, 1, 8, 8, 3)).astype("f")
    small = (a - b).reshape(1, 4, 2, 4, 2, 3).mean(axis=(2, 4))
    expected = np.mean(
        [
            np.square(d).mean() + np.square(np.diff(d, axis=1)).mean() + np.square(np.diff(d, axis=2)).mean()
            for d in (a - b, small)
        ]
    )
    assert float(backend.to_numpy(pyramid_loss(backend.ops.convert_to_tensor(a - b)))) == pytest.approx(expected)


def test_the_gradient_is_the_slope_of_the_loss(projector, generator, target):
    ws = generator.mapping(np.random.RandomState(0).randn(1, generator.z_dim))
    loss, gradient = projector.loss_and_gradient(ws, target)
    assert loss == pytest.approx(projector.loss(ws, target), rel=1e-4)
    slope = np.linalg.norm(gradient)
    step = 1e-2 * gradient / slope
    ahead, behind = projector.loss(ws + step, target), projector.loss(ws - step, target)
    assert (ahead - behind) / 2e-2 == pytest.approx(slope, rel=0.02)


def test_what_lies_beyond_black_and_white_is_right(projector, generator):
    ws = generator.mapping(np.random.RandomState(0).randn(1, generator.z_dim))
    image = generator.synthesis(ws, noise="none")[0]
    assert np.abs(image).max() > 1
    assert projector.loss(ws, np.clip(image, -1, 1)) < 1e-6


def test_a_target_of_another_size_is_named(projector):
    with pytest.raises(ModelError, match=r"pictures of shape \(16, 16, 3\), got a target of \(8, 8, 3\)"):
        next(projector.project(np.zeros((8, 8, 3), "f"), steps=1))
