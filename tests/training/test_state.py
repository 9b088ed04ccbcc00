"""What a run knows, kept in a file and grown to larger pictures."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from avserver.errors import ConfigError, ModelError
from avserver.generator import backend, checkpoint, filters
from avserver.generator.architecture import StyleGAN3Config
from avserver.training.recipe import Recipe
from avserver.training.state import (
    Counts,
    State,
    begin,
    discriminator_of,
    exported,
    grown,
    is_state,
    load_state,
    save_state,
    untrained,
)
from tests.training import tiny_runs


@pytest.fixture(autouse=True)
def uncompiled():
    with backend.eagerly():
        yield


def lived(recipe: Recipe, seed: int = 1) -> State:
    """A state in which no two numbers are alike."""
    rng, state = np.random.default_rng(seed), begin(recipe)
    for network in (state.generator, state.discriminator):
        for part in network.values():
            for name, value in part.items():
                part[name] = np.asarray(value + rng.normal(0, 0.1, value.shape), np.float32)
    for held in (state.average, state.buffers):
        for name, value in held.items():
            if not name.endswith("filter"):
                held[name] = np.asarray(value + rng.normal(0, 0.1, value.shape), np.float32)
    state.counts = Counts(1000, 250, 375, 300, 0.25, 0.5, "abc")
    return state


def drawn(recipe: Recipe, state: State, params: dict[str, Any]) -> np.ndarray:
    z = np.random.default_rng(2).standard_normal((3, recipe.model.z_dim), np.float32)
    return backend.to_numpy(tiny_runs.learner(recipe, state).pictures(params, z))


def test_what_is_kept_is_what_was_there(tmp_path: Path) -> None:
    recipe = tiny_runs.recipe(symmetry="square", r1_gamma=0.1)
    state = lived(recipe)
    save_state(tmp_path / "state.safetensors", recipe, state)
    again, back = load_state(tmp_path / "state.safetensors")
    assert again == recipe
    assert back.counts == state.counts
    for network in ("generator", "discriminator"):
        for part, tensors in getattr(state, network).items():
            assert_same(getattr(back, network)[part], tensors)
    assert_same(back.average, state.average)
    assert_same(back.buffers, state.buffers)
    assert [path.name for path in tmp_path.iterdir()] == ["state.safetensors"]


def assert_same(got: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert got.keys() == expected.keys()
    for name, value in expected.items():
        assert got[name].shape == value.shape
        assert got[name].tobytes() == value.tobytes(), name


def test_a_state_whose_tensors_are_not_its_recipes_is_refused(tmp_path: Path) -> None:
    recipe, path = tiny_runs.recipe(), tmp_path / "state"
    for change in ({"resolution": 16}, {"w_dim": 4}):
        other = dataclasses.replace(recipe, model=dataclasses.replace(recipe.model, **change))
        save_state(path, other, begin(recipe))
        with pytest.raises(ConfigError, match="is not the state of a training run"):
            load_state(path)


def test_a_stylegan3s_recipe_is_kept_too(tmp_path: Path) -> None:
    recipe = Recipe.of(
        StyleGAN3Config(resolution=16, z_dim=8, w_dim=8, channel_base=64, channel_max=4, mapping_layers=1, num_layers=4)
    )
    save_state(tmp_path / "state", recipe, begin(recipe))
    assert load_state(tmp_path / "state")[0] == recipe


def test_a_model_and_a_broken_file_are_no_states(tmp_path: Path) -> None:
    recipe = tiny_runs.recipe()
    state, model = tmp_path / "state.safetensors", tmp_path / "model.safetensors"
    save_state(state, recipe, begin(recipe))
    checkpoint.write(model, exported(recipe, begin(recipe)))
    assert (is_state(state), is_state(model), is_state(tmp_path / "none")) == (True, False, False)
    whole = state.read_bytes()
    for broken in (whole[:-1], whole[: len(whole) // 2], whole[:100], b"", b"no state"):
        state.write_bytes(broken)
        with pytest.raises(ConfigError, match="is not the state of a training run"):
            load_state(state)
    for other in (model, tmp_path / "none"):
        with pytest.raises(ConfigError, match="is not the state of a training run"):
            load_state(other)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_not_written_over_what_is(tmp_path: Path, bad: float) -> None:
    recipe, path = tiny_runs.recipe(), tmp_path / "state.safetensors"
    state = begin(recipe)
    save_state(path, recipe, state)
    before = path.read_bytes()
    state.discriminator["square"]["b4.out.bias"] = np.array([bad], np.float32)
    with pytest.raises(ModelError, match=r"1 tensors are not finite, discriminator/square/b4\.out\.bias among them"):
        save_state(path, recipe, state)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_disk_that_takes_nothing_leaves_the_state_before(tmp_path: Path) -> None:
    recipe, path = tiny_runs.recipe(), tmp_path / "state.safetensors"
    save_state(path, recipe, begin(recipe))
    before = path.read_bytes()
    (tmp_path / "state.safetensors.part").symlink_to("/dev/full")  # where it is written meanwhile
    with pytest.raises(ModelError, match="cannot be written"):
        save_state(path, recipe, lived(recipe))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_an_untrained_network_has_unit_weights_and_draws_with_contrast() -> None:
    recipe = tiny_runs.recipe(resolution=32)
    tensors = untrained(recipe.model, 1)
    assert {name: tensor.shape for name, tensor in tensors.items()} == recipe.model.parameter_shapes()
    assert tensors["synthesis.b8.conv1.weight"].std() == pytest.approx(1, rel=0.1)
    assert tensors["mapping.fc0.weight"].std() == pytest.approx(100, rel=0.2)  # its rate of learning is a hundredth
    state = begin(recipe)
    assert 0.1 < drawn(recipe, state, state.average).std() < 10
    assert_same(begin(recipe).average, state.average)
    other = begin(dataclasses.replace(recipe, seed=1))
    assert not np.array_equal(other.average["synthesis.b4.const"], state.average["synthesis.b4.const"])


@pytest.fixture
def small() -> tuple[Recipe, State]:
    recipe = tiny_runs.recipe(resolution=16)
    return recipe, lived(recipe)


def test_what_a_grown_one_draws_is_the_small_picture_at_twice_the_size(small: tuple[Recipe, State]) -> None:
    recipe, state = small
    larger = tiny_runs.recipe(resolution=32)
    new = grown(state, recipe, larger)
    for params, before in ((new.average, state.average), (new.generator["params"], state.generator["params"])):
        pictures = drawn(recipe, state, before)
        doubled = backend.to_numpy(filters.double(backend.ops.convert_to_tensor(pictures), filters.binomial_filter()))
        assert doubled.std() > 0.1
        np.testing.assert_allclose(drawn(larger, new, params), doubled, atol=1e-5)
    assert not np.array_equal(drawn(larger, new, new.average), drawn(larger, new, new.generator["params"]))


def test_what_a_grown_discriminator_says_is_what_the_small_one_says_of_the_averaged_picture(
    small: tuple[Recipe, State],
) -> None:
    recipe, state = small
    larger = tiny_runs.recipe(resolution=32)
    new = grown(state, recipe, larger)
    images = np.random.default_rng(3).uniform(-1, 1, (8, 32, 32, 3)).astype(np.float32)
    averaged = images.reshape(8, 16, 2, 16, 2, 3).mean(axis=(2, 4))

    def scores(recipe: Recipe, state: State, images: np.ndarray) -> np.ndarray:
        params = {name: backend.ops.convert_to_tensor(value) for name, value in state.discriminator["params"].items()}
        return backend.to_numpy(discriminator_of(recipe).scores(params, backend.ops.convert_to_tensor(images)))

    expected = scores(recipe, state, averaged)
    assert expected.std() > 1e-3
    np.testing.assert_allclose(scores(larger, new, images), expected, rtol=1e-4, atol=1e-5)


def test_what_is_grown_can_learn_in_all_its_parts(small: tuple[Recipe, State]) -> None:
    recipe, state = small
    new = grown(state, recipe, tiny_runs.recipe(resolution=32))
    # Adam has seen nothing of the new networks: it begins anew, and so does what makes up for its beginning.
    moments = [new.generator["mean"], new.generator["square"], new.discriminator["mean"], new.discriminator["square"]]
    assert not any(value.any() for part in moments for value in part.values())
    assert new.counts == dataclasses.replace(state.counts, generator_steps=0, discriminator_steps=0)


@pytest.mark.parametrize(
    ("change", "got"),
    [
        ({"resolution": 8}, "a model of 16 px cannot become one of 8 px"),
        ({"w_dim": 16}, "grows in resolution and in nothing else"),
        ({"channel_max": 4}, "grows in resolution and in nothing else"),
    ],
)
def test_other_growth_is_refused(small: tuple[Recipe, State], change: dict[str, int], got: str) -> None:
    recipe, state = small
    other = dataclasses.replace(recipe, model=dataclasses.replace(recipe.model, **change))
    with pytest.raises(ModelError, match=got):
        grown(state, recipe, other)


def test_a_discriminator_of_other_channels_is_not_grown(small: tuple[Recipe, State]) -> None:
    recipe, state = small
    with pytest.raises(ModelError, match=r"discriminator_share of 1\.0 goes on with it, got 0\.5"):
        grown(state, recipe, tiny_runs.recipe(resolution=32, discriminator_share=0.5))


@pytest.mark.parametrize("kind", ["orig", "resnet"])
def test_what_draws_in_its_last_block_only_does_not_grow(kind: str) -> None:
    model = dataclasses.replace(tiny_runs.MODEL, block_architecture=kind)
    recipe = tiny_runs.recipe(model=model)
    larger = tiny_runs.recipe(model=dataclasses.replace(model, resolution=16))
    with pytest.raises(ModelError, match=f"blocks are 'skip', got '{kind}'"):
        grown(begin(recipe), recipe, larger)


def test_a_stylegan3_goes_on_at_its_resolution_only() -> None:
    model = StyleGAN3Config(
        resolution=16, z_dim=8, w_dim=8, channel_base=64, channel_max=4, mapping_layers=1, num_layers=4
    )
    recipe = Recipe.of(model)
    state = begin(recipe)
    assert_same(grown(state, recipe, recipe).average, state.average)
    with pytest.raises(ModelError, match="a StyleGAN3 cannot grow"):
        grown(state, recipe, Recipe.of(dataclasses.replace(model, resolution=32)))


def test_what_is_given_no_noise_draws_none_when_it_plays() -> None:
    before = tiny_runs.recipe(resolution=16)
    known = begin(before)
    for tensors in (known.generator["params"], known.average):
        tensors |= {name: np.float32(0.5) * np.ones((), np.float32) for name in tensors if "noise_strength" in name}
    new = grown(known, before, tiny_runs.recipe(resolution=32, noise_from=16))
    for tensors in (new.generator["params"], new.average):
        strengths = {name.split(".")[1]: float(tensors[name]) for name in tensors if "noise_strength" in name}
        assert strengths == {"b4": 0.0, "b8": 0.0, "b16": 0.5, "b32": 0.0}  # the last is new, and begins at none
