"""Steps of learning, on networks of 8 px."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from avserver.generator import backend, checkpoint, load
from avserver.generator.architecture import StyleGAN3Config
from avserver.generator.backend import ops
from avserver.generator.mapping_network import MappingNetwork
from avserver.training.adam import adam
from avserver.training.learner import BUFFERS, Learner, is_learnt
from avserver.training.recipe import Recipe
from avserver.training.state import State, begin, exported, save_state
from tests.training import tiny_runs

RECIPE = tiny_runs.recipe()


def arrays(held: Any) -> Any:
    """Return tensors, however they are held, as numpy's arrays."""
    if isinstance(held, dict):
        return {name: arrays(value) for name, value in held.items()}
    return backend.to_numpy(held)


def learner_and_choices(recipe: Recipe, state: State) -> tuple[Learner, dict[str, Any]]:
    """Return what each kind of step is given; the discriminator's lacks the pictures that were made."""
    rng, first, judge = np.random.default_rng(1), tiny_runs.number(1), state.discriminator
    drawn = tiny_runs.latents(rng, recipe, state, first=2)
    ways = [tiny_runs.augmented(rng, recipe, p=0.6) for _ in range(3)]
    real = tiny_runs.pictures(rng, recipe)
    direction = rng.standard_normal(real[:2].shape, np.float32)
    return tiny_runs.learner(recipe, state), {
        "generator": (state.generator, judge["params"], first, drawn, ways[0]),
        "path": (state.generator, tiny_runs.number(0.1), first, drawn, direction),
        "discriminator": (judge, first, real, *ways[1:]),
        "r1": (judge, first, real, ways[1]),
    }


def every_step(recipe: Recipe, state: State) -> dict[str, Any]:
    """Take each kind of step once, from the same state; return all that they return."""
    learner, args = learner_and_choices(recipe, state)
    generator, made, told = learner.generator_step(*args["generator"])
    evened, length, also = learner.path_step(*args["path"])
    judge, first, real, *ways = args["discriminator"]
    judged, of_both = learner.discriminator_step(judge, first, real, arrays(made), *ways)
    smoothed, of_real = learner.r1_step(*args["r1"])
    average = learner.averaged(state.average, generator["params"], tiny_runs.number(0.75))
    told = {**told, **also, **of_both, **of_real, "length": length}
    return arrays(
        {"generator": generator, "evened": evened, "judge": judged, "smoothed": smoothed, "made": made}
        | {"average": average, "told": told}
    )


def assert_same_step(got: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    """Compare what steps return, but for rounding.

    Adam's first step goes by the gradient's sign only, and of some gradients there is nothing but rounding: moments are
    compared, and not parameters.
    """
    assert got.keys() == expected.keys()
    for name, value in expected.items():
        if "/params/" not in name and not name.startswith("average/"):
            least = 1e-6 if "/square/" in name else 1e-4
            atol = 2e-3 * max(np.abs(value).max(), least)
            np.testing.assert_allclose(got[name], value, atol=atol, err_msg=name)


def flat(held: dict[str, Any], name: str = "") -> dict[str, np.ndarray]:
    pairs = [(f"{name}{key}", value) for key, value in held.items()]
    return {
        key: value
        for path, of in pairs
        for key, value in (flat(of, f"{path}/").items() if isinstance(of, dict) else [(path, of)])
    }


def noisy_state(recipe: Recipe) -> State:
    """A state whose noise is seen."""
    state = begin(recipe)
    for name in state.generator["params"]:
        if name.endswith("noise_strength"):
            state.generator["params"][name] = np.asarray(0.1, np.float32)
    return state


@pytest.fixture(scope="module")
def stepped() -> dict[str, Any]:
    """What one step of each kind returns, taken without compiling it, which takes longer than all else here."""
    with backend.eagerly():
        return every_step(RECIPE, noisy_state(RECIPE))


# What is compiled and used once had better be compiled soon.
QUICKLY = {"XLA_FLAGS": "--xla_backend_optimization_level=0", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
OTHER = """
import sys
import numpy as np
from avserver.training.state import load_state
from tests.training.test_learner import every_step, flat
np.savez(sys.argv[2], **flat(every_step(*load_state(sys.argv[1]))))
"""


# JAX is there for the tests; PyTorch is asked too where somebody has installed it.
@pytest.mark.parametrize("other", ["tensorflow", "jax", *(["torch"] if importlib.util.find_spec("torch") else [])])
def test_every_framework_takes_the_same_compiled_step(stepped: dict[str, Any], other: str, tmp_path: Path) -> None:
    save_state(tmp_path / "state", RECIPE, noisy_state(RECIPE))
    done = subprocess.run(
        [sys.executable, "-c", OTHER, str(tmp_path / "state"), str(tmp_path / "out.npz")],
        env={**os.environ, "KERAS_BACKEND": other, **QUICKLY},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "out.npz") as there:
        assert_same_step(dict(there), flat(stepped))


def test_a_step_moves_all_that_is_learnt_by_its_rate(stepped: dict[str, Any]) -> None:
    before = noisy_state(RECIPE)
    rate = RECIPE.learning_rate * 2 / 3  # every second step is followed by one that regularises
    for moved, at in (("generator", before.generator), ("judge", before.discriminator)):
        for name, param in stepped[moved]["params"].items():
            step = np.abs(param - at["params"][name]).max()
            assert step == pytest.approx(rate, rel=0.02), name
        assert all(mean.any() for mean in stepped[moved]["mean"].values())


def test_what_is_not_learnt_is_no_parameter() -> None:
    state = begin(RECIPE)
    assert not [name for name in state.generator["params"] if name.endswith(BUFFERS)]
    assert {name.rsplit(".", 1)[-1] for name in state.buffers} == {"noise_const", "resample_filter", "w_avg"}
    assert is_learnt("synthesis.b8.conv0.noise_strength")
    assert state.generator["params"].keys() | state.buffers.keys() == RECIPE.model.parameter_shapes().keys()


def test_the_average_keeps_its_share(stepped: dict[str, Any]) -> None:
    before = begin(RECIPE).average  # made before its noise was
    for name, param in stepped["generator"]["params"].items():
        np.testing.assert_allclose(stepped["average"][name], 0.75 * before[name] + 0.25 * param, rtol=1e-5, atol=1e-6)


def test_adam_is_the_papers() -> None:
    rng = np.random.default_rng(2)
    at = rng.normal(size=5)
    param, moments = at.copy(), (np.zeros(5), np.zeros(5))
    tensors = {"p": ops.convert_to_tensor(at.astype(np.float32))}
    both = ({"p": ops.zeros(5)}, {"p": ops.zeros(5)})
    for step in range(1, 5):
        gradient = rng.normal(size=5) * 10.0 ** np.arange(-2, 3)
        moments = (0.5 * moments[0] + 0.5 * gradient, 0.9 * moments[1] + 0.1 * gradient**2)
        mean, square = moments[0] / (1 - 0.5**step), moments[1] / (1 - 0.9**step)
        param -= 0.01 * mean / (np.sqrt(square) + 1e-8)
        tensors, both = adam(
            tensors,
            {"p": ops.convert_to_tensor(gradient.astype(np.float32))},
            both,
            ops.convert_to_tensor(tiny_runs.number(step)),
            rate=0.01,
            betas=(0.5, 0.9),
        )
        np.testing.assert_allclose(backend.to_numpy(tensors["p"]), param, atol=2e-5 * 0.01 * step + 3e-7)


def test_frozen_blocks_of_the_discriminator_stay_bit_for_bit() -> None:
    recipe = tiny_runs.recipe(resolution=16, frozen=1)
    state = begin(recipe)
    with backend.eagerly():
        stepped = every_step(recipe, state)
    for moved in (stepped["judge"], stepped["smoothed"]):
        stay = {
            name
            for name, param in moved["params"].items()
            if np.array_equal(param, state.discriminator["params"][name])
        }
        assert {name for name in stay if "weight" in name} == {
            f"b16.{part}.weight" for part in ("fromrgb", "conv0", "conv1", "skip")
        }
        assert {name for name in moved["params"] if name.startswith("b16.")} <= stay
    assert not any(
        np.array_equal(param, state.generator["params"][name]) for name, param in stepped["generator"]["params"].items()
    )


def test_mixed_styles_change_from_the_crossover_on() -> None:
    state = noisy_state(RECIPE)
    rng, learner = np.random.default_rng(3), tiny_runs.learner(RECIPE, state)
    drawn = tiny_runs.latents(rng, RECIPE, state, first=1)
    drawn["mixed"][:] = [[0, 0, 0, 0], [0, 1, 1, 1], [0, 0, 0, 1], [1, 1, 1, 1]]
    swapped = {**drawn, "z": drawn["z_mixed"], "z_mixed": drawn["z"], "mixed": 1 - drawn["mixed"]}
    way = tiny_runs.augmented(rng, RECIPE)
    step, judge = tiny_runs.number(1), state.discriminator["params"]
    with backend.eagerly():
        ws = arrays(learner._ws(state.generator["params"], drawn))
        mapping = MappingNetwork(RECIPE.model, state.buffers | state.generator["params"])
        one, two = (arrays(mapping(drawn[name]))[:, None] for name in ("z", "z_mixed"))
        images, same = (
            arrays(learner.generator_step(state.generator, judge, step, choice, way)[1]) for choice in (drawn, swapped)
        )
    expected = np.where(drawn["mixed"][:, :, None] == 1, two, one)
    np.testing.assert_allclose(ws, expected, rtol=1e-6)
    assert np.abs(one - two).min() > 0
    np.testing.assert_allclose(images, same, atol=1e-5)


def test_the_pictures_are_those_of_the_model_that_plays(tmp_path: Path) -> None:
    state = noisy_state(RECIPE)
    state.average = state.generator["params"]
    checkpoint.write(tmp_path / "model.safetensors", exported(RECIPE, state))
    z = np.random.default_rng(4).standard_normal((4, 8), np.float32)
    generator = load(tmp_path / "model.safetensors")
    with backend.eagerly():
        drawn = arrays(tiny_runs.learner(RECIPE, state).pictures(state.average, z))
        played = generator.synthesis(generator.mapping(z), noise="const")
        still = generator.synthesis(generator.mapping(z), noise="none")
    np.testing.assert_allclose(drawn, played, atol=1e-4)
    assert np.abs(played - still).max() > 0.01
    w = generator.mapping(np.random.default_rng(0).standard_normal((10_000, 8)))[:, 0]
    np.testing.assert_allclose(
        generator.mapping(z, truncation_psi=0.0)[:, 0], np.tile(w.mean(axis=0), (4, 1)), atol=1e-5
    )


@pytest.mark.parametrize("kind", [{}, {"conv_kernel": 1, "use_radial_filters": True}], ids=["t", "r"])
def test_a_stylegan3_learns(kind: dict[str, Any]) -> None:
    model = StyleGAN3Config(
        resolution=16, z_dim=8, w_dim=8, channel_base=128, channel_max=8, mapping_layers=1, num_layers=4, **kind
    )
    recipe = Recipe.of(model, batch=4)
    state = begin(recipe)
    with backend.eagerly():
        stepped = every_step(recipe, state)
        drawn = arrays(tiny_runs.learner(recipe, state).pictures(state.average, np.ones((1, 8), np.float32)))
    for name, param in stepped["generator"]["params"].items():
        assert not np.array_equal(param, state.generator["params"][name]), name
    assert all(np.isfinite(value).all() for value in flat(stepped).values())
    assert drawn.shape == (1, 16, 16, 3)
    assert drawn.std() > 0.01
