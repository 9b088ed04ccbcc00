"""Losses and penalties against numpy in float64, and the penalties of real networks against what must hold of them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from avserver.generator import backend
from avserver.generator.backend import ops
from avserver.generator.mapping_network import MappingNetwork
from avserver.generator.synthesis import make_synthesis
from avserver.training.autodiff import input_gradient, value_and_gradients
from avserver.training.losses import PATH_DECAY, discriminator_loss, generator_loss, path_penalty, r1_penalty
from avserver.training.state import begin, discriminator_of
from tests.training import tiny_runs

Doubles = np.ndarray


@pytest.fixture(autouse=True)
def uncompiled():
    """A step that is taken once is not worth compiling."""
    with backend.eagerly():
        yield


def tensor(array: Doubles) -> Any:
    return ops.convert_to_tensor(np.asarray(array, np.float32))


def slopes(function: Callable[[Doubles], float], at: Doubles, step: float = 1e-5) -> Doubles:
    """Return the gradient of a function of float64, by central differences."""
    gradient = np.empty_like(at)
    for i in np.ndindex(at.shape):
        moved = np.zeros_like(at)
        moved[i] = step
        gradient[i] = (function(at + moved) - function(at - moved)) / (2 * step)
    return gradient


def test_losses_are_the_logistic_ones() -> None:
    real, made = np.array([-3.0, 0.5, 2.0, 90.0]), np.array([-200.0, -1.0, 0.0, 7.0])
    got = backend.to_numpy(generator_loss(tensor(made)))
    np.testing.assert_allclose(got, np.logaddexp(0, -made).mean(), rtol=1e-6)
    got = backend.to_numpy(discriminator_loss(tensor(real), tensor(made)))
    np.testing.assert_allclose(got, np.logaddexp(0, made).mean() + np.logaddexp(0, -real).mean(), rtol=1e-6)


def test_what_a_loss_does_not_see_has_a_gradient_of_zeros() -> None:
    params = {"seen": tensor([1.0, 2.0]), "unseen": tensor([[3.0]])}
    value, besides, gradients = value_and_gradients(
        lambda params, factor: (factor * ops.sum(ops.square(params["seen"])), "told"), params, 3.0
    )
    assert (float(value), besides) == (15.0, "told")
    np.testing.assert_array_equal(backend.to_numpy(gradients["seen"]), [6, 12])
    np.testing.assert_array_equal(backend.to_numpy(gradients["unseen"]), [[0]])


def test_r1_and_its_gradient_are_those_of_differences() -> None:
    rng = np.random.default_rng(1)
    images, hidden, out = rng.normal(size=(3, 2, 2, 3)), rng.normal(size=(12, 5)), rng.normal(size=5)

    def scores(images: Doubles, hidden: Doubles) -> Doubles:
        return np.tanh(images.reshape(-1, 12) @ hidden) @ out

    def expected(hidden: Doubles) -> float:
        gradient = slopes(lambda images: scores(images, hidden).sum(), images, 1e-3)
        return 0.5 * (gradient**2).sum(axis=(1, 2, 3)).mean()

    def penalty(params: dict[str, Any]) -> tuple[Any, None]:
        def judge(images: Any) -> Any:
            return ops.matmul(ops.tanh(ops.matmul(ops.reshape(images, (3, 12)), params["hidden"])), tensor(out))

        return r1_penalty(judge, tensor(images)), None

    value, _, gradients = value_and_gradients(penalty, {"hidden": tensor(hidden)})
    np.testing.assert_allclose(backend.to_numpy(value), expected(hidden), rtol=1e-4)
    by_differences = slopes(expected, hidden, 1e-4)
    assert np.abs(by_differences).max() > 0.1
    np.testing.assert_allclose(backend.to_numpy(gradients["hidden"]), by_differences, rtol=2e-3, atol=2e-3)


def test_the_path_penalty_and_its_gradient_are_those_of_differences() -> None:
    rng = np.random.default_rng(2)
    ws, noise, brush = rng.normal(size=(3, 2, 4)), rng.normal(size=(3, 2, 2, 3)), rng.normal(size=(8, 12))
    before = 0.7

    def lengths(brush: Doubles) -> Doubles:
        def drawn(ws: Doubles) -> float:
            return (np.tanh(ws.reshape(3, 8) @ brush).reshape(3, 2, 2, 3) * noise).sum() / 2

        return np.sqrt((slopes(drawn, ws, 1e-3) ** 2).sum(axis=2).mean(axis=1))

    mean = before + PATH_DECAY * (lengths(brush).mean() - before)

    def expected(brush: Doubles) -> float:
        return ((lengths(brush) - mean) ** 2).mean()  # the mean is what lengths are measured by: it stands still

    def penalty(params: dict[str, Any]) -> tuple[Any, Any]:
        def draw(ws: Any) -> Any:
            return ops.reshape(ops.tanh(ops.matmul(ops.reshape(ws, (3, 8)), params["brush"])), (3, 2, 2, 3))

        return path_penalty(draw, tensor(ws), tensor(noise), tensor(before))

    value, moved, gradients = value_and_gradients(penalty, {"brush": tensor(brush)})
    np.testing.assert_allclose(backend.to_numpy(moved), mean, rtol=1e-4)
    np.testing.assert_allclose(backend.to_numpy(value), expected(brush), rtol=1e-4)
    by_differences = slopes(expected, brush, 1e-4)
    assert np.abs(by_differences).max() > 0.05
    np.testing.assert_allclose(backend.to_numpy(gradients["brush"]), by_differences, rtol=2e-3, atol=2e-3)


def test_the_discriminators_slope_is_that_of_its_scores() -> None:
    rng, recipe = np.random.default_rng(3), tiny_runs.recipe()
    judge = discriminator_of(recipe)
    params = {name: tensor(param) for name, param in judge.initialise(rng).items()}
    images = tiny_runs.pictures(rng, recipe)

    def score(images: Doubles) -> float:
        return float(backend.to_numpy(judge.scores(params, tensor(images))).sum())

    slope = backend.to_numpy(input_gradient(lambda images: ops.sum(judge.scores(params, images)), tensor(images)))
    for _ in range(4):
        # One leaky ReLU or another has its kink on any way: along the slope the differences are large beside that.
        way = slope / np.linalg.norm(slope) + rng.normal(0, 0.03, images.shape)
        difference = (score(images + 0.02 * way) - score(images - 0.02 * way)) / 0.04
        assert difference == pytest.approx((slope * way).sum(), rel=0.03)


def test_r1_of_a_discriminator_grows_with_the_square_of_each_of_its_last_layers() -> None:
    """Euler: of what scales with a layer's weights as their square, weights times gradient are twice as much."""
    rng, recipe = np.random.default_rng(4), tiny_runs.recipe()
    judge = discriminator_of(recipe)
    params = judge.initialise(rng)  # all biases are zero, so that scores scale with each of these layers
    images = tensor(tiny_runs.pictures(rng, recipe))
    value, _, gradients = value_and_gradients(
        lambda params: (r1_penalty(lambda images: judge.scores(params, images), images), None),
        {name: tensor(param) for name, param in params.items()},
    )
    assert float(value) > 1e-4
    for name in ("b4.out.weight", "b4.fc.weight", "b4.conv.weight"):
        along = (backend.to_numpy(gradients[name]) * params[name]).sum()
        assert along == pytest.approx(2 * float(value), rel=1e-3), name
    for name, gradient in gradients.items():
        # What is added behind the deviation tilts no slope.
        assert np.any(backend.to_numpy(gradient)) == (name not in ("b4.conv.bias", "b4.fc.bias", "b4.out.bias")), name


def test_a_generators_paths_lengthen_with_its_colours_and_not_with_its_demodulated_weights() -> None:
    rng, recipe = np.random.default_rng(5), tiny_runs.recipe()
    state = begin(recipe)
    learnt = {name: tensor(param) for name, param in state.generator["params"].items()}
    ws = MappingNetwork(recipe.model, state.buffers | learnt)(rng.normal(size=(4, 8)).astype(np.float32))
    ws = ops.repeat(ws[:, None], recipe.model.num_ws, axis=1)
    noise = tensor(rng.normal(size=(4, 8, 8, 3)))

    def penalty(params: dict[str, Any]) -> tuple[Any, Any]:
        network = make_synthesis(recipe.model, {**state.buffers, **params})
        return path_penalty(lambda ws: network.draw(ws, {}), ws, noise, tensor(0))

    value, mean, gradients = value_and_gradients(penalty, learnt)
    value, mean = float(value), float(mean)

    def along(ending: str) -> float:
        names = [name for name in learnt if name.endswith(ending)]
        return sum(float(ops.sum(gradients[name] * learnt[name])) for name in names)

    # From the mean of (length - mean)², that of length².
    length = mean / PATH_DECAY
    squared = value + 2 * mean * length - mean**2
    assert along("torgb.weight") == pytest.approx(2 * (squared - mean * length), rel=1e-3)
    assert abs(along("conv1.weight")) < 1e-4 * value
    assert abs(along("conv0.weight")) < 1e-4 * value
