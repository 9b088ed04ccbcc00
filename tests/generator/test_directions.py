"""Directions of w: what their papers promise, and that a renderer moves along them."""

import numpy as np
import pytest

from avserver.errors import ModelError, WireError
from avserver.frame_spec import Direction, FrameSpec, LatentTerm
from avserver.generator import checkpoint
from avserver.generator.directions import Directions, ganspace, sefa
from avserver.generator.renderer import Renderer

LAYERS, W_DIM = 6, 16  # of a network of 16 px


@pytest.fixture(scope="module")
def tensors(tiny_model):
    return checkpoint.read(tiny_model).tensors


@pytest.fixture(scope="module")
def renderer(tiny_model):
    return Renderer(tiny_model, directions=("sefa", "ganspace"))


@pytest.fixture(scope="module")
def samples():
    return (np.random.default_rng(0).standard_normal((500, W_DIM)) @ np.diag(2.0 ** np.arange(W_DIM))).astype("f")


def draw(renderer, *directions, psi=1.0):
    latents = (LatentTerm((0, LAYERS), (1,), (1.0,)),)
    spec = FrameSpec(index=0, t_s=0.0, latents=latents, truncation_psi=psi, directions=directions)
    return renderer.render(spec).astype(float)


def test_sefa_solves_its_eigenvalue_problem(tensors):
    affine = np.concatenate([tensor for name, tensor in tensors.items() if name.endswith("affine.weight")])
    directions = sefa(tensors)
    np.testing.assert_allclose(directions @ directions.T, np.eye(W_DIM), atol=1e-5)
    responses = np.square(affine @ directions.T).sum(axis=0)  # ‖A n‖², which SeFa makes large
    np.testing.assert_allclose((affine.T @ affine) @ directions.T, directions.T * responses, rtol=1e-3, atol=1e-3)
    assert (np.diff(responses) <= 0).all()
    random = np.random.default_rng(0).standard_normal((1000, W_DIM))
    random /= np.linalg.norm(random, axis=1, keepdims=True)
    assert responses[0] > np.square(affine @ random.T).sum(axis=0).max()


def test_ganspace_finds_the_axes_of_what_varies_most(samples):
    directions = ganspace(samples + 5)
    np.testing.assert_allclose(directions @ directions.T, np.eye(W_DIM), atol=1e-5)
    spread = (samples @ directions.T).std(axis=0)
    assert (np.diff(spread) <= 1e-4).all()
    assert directions[0, W_DIM - 1] > 0.9  # the axis that was stretched most, and its sign


def test_the_sign_does_not_depend_on_the_solver(tensors, samples):
    for directions in (sefa(tensors), ganspace(samples)):
        largest = np.abs(directions).argmax(axis=1)
        assert (directions[np.arange(W_DIM), largest] > 0).all()


def test_an_amount_is_in_standard_deviations_and_stays_on_its_layers(tensors, samples):
    directions = Directions(("ganspace",), tensors, lambda: samples)
    ws = np.zeros((1, LAYERS, W_DIM), "f")
    moved = directions.move(ws, [Direction("ganspace", 2, (1, 3), 2.0), Direction("ganspace", 2, (2, 3), 1.0)])
    unit = ganspace(samples)[1]
    spread = (samples @ unit).std()
    np.testing.assert_allclose(moved[0] @ unit / spread, [0, 2, 3, 0, 0, 0], atol=1e-5)
    np.testing.assert_allclose(moved[0, 1], 2 * spread * unit, rtol=1e-5)
    assert not ws.any()


def test_nothing_is_sampled_for_a_show_without_directions(tensors):
    def fail():
        raise AssertionError("sampled")

    Directions((), tensors, fail)


@pytest.mark.parametrize("kind", ["sefa", "ganspace"])
def test_the_picture_moves_with_the_amount_and_not_without(renderer, kind):
    still = draw(renderer)
    np.testing.assert_array_equal(draw(renderer, Direction(kind, 1, (0, LAYERS), 0.0)), still)
    little, far = (draw(renderer, Direction(kind, 1, (0, LAYERS), amount)) for amount in (0.1, 2.0))
    assert 0 < np.abs(little - still).mean() < np.abs(far - still).mean()


def test_truncation_comes_before_directions(renderer):
    still, moved = draw(renderer, psi=0.0), draw(renderer, Direction("sefa", 1, (0, LAYERS), 2.0), psi=0.0)
    assert np.abs(moved - still).mean() > 1


@pytest.mark.parametrize(
    ("direction", "error", "words"),
    [
        (Direction("sefa", 17, (0, LAYERS), 1.0), ModelError, "sefa directions 1 to 16, got 17"),
        (Direction("sefa", 0, (0, LAYERS), 1.0), ModelError, "sefa directions 1 to 16, got 0"),
        (Direction("sefa", 1, (0, LAYERS + 1), 1.0), WireError, r"layers lie in \[0, 6\), got \[0, 7\)"),
        (Direction("sefa", 1, (0, LAYERS), float("nan")), WireError, "finite number, got nan"),
    ],
)
def test_a_direction_that_makes_no_sense_is_refused(renderer, direction, error, words):
    with pytest.raises(error, match=words):
        draw(renderer, direction)


def test_a_kind_that_was_not_prepared_is_named(tiny_model):
    with pytest.raises(ModelError, match="'ganspace' directions were not prepared, prepared: sefa"):
        draw(Renderer(tiny_model, directions=("sefa",)), Direction("ganspace", 1, (0, LAYERS), 1.0))
    with pytest.raises(ModelError, match="unknown kind of directions 'sofa', did you mean 'sefa'"):
        Renderer(tiny_model, directions=("sofa",))
