"""Networks so small that a step of learning is made and taken in seconds, and what a step is given."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np

from avserver.generator.architecture import StyleGAN2Config
from avserver.training.augment import draw
from avserver.training.learner import Learner
from avserver.training.recipe import Recipe
from avserver.training.shards import Encoded, encode, shard_path, write_shard
from avserver.training.state import State, discriminator_of

MODEL = StyleGAN2Config(resolution=8, z_dim=8, w_dim=8, channel_base=64, channel_max=8, mapping_layers=1)


def recipe(*, resolution: int = 8, **changes: Any) -> Recipe:
    """A recipe that regularises in every second step, on a network of up to 8 channels."""
    model = dataclasses.replace(MODEL, resolution=resolution)
    return Recipe(**{"model": model, "batch": 4, "r1_every": 2, "path_every": 2, "precision": "float32"} | changes)


def learner(recipe: Recipe, state: State) -> Learner:
    return Learner(recipe, discriminator_of(recipe), state.buffers)


def latents(rng: np.random.Generator, recipe: Recipe, state: State, first: int | None = None) -> dict[str, np.ndarray]:
    """A generator's random choices; from its layer `first` on (None: nowhere), pictures take the second w."""
    model, count = recipe.model, recipe.batch
    later = np.arange(model.num_ws) >= (model.num_ws if first is None else first)
    noise = {name.removesuffix(".noise_const"): of.shape for name, of in state.buffers.items() if "noise_c" in name}
    return {
        "z": rng.standard_normal((count, model.z_dim), np.float32),
        "z_mixed": rng.standard_normal((count, model.z_dim), np.float32),
        "mixed": np.tile(later.astype(np.float32), (count, 1)),
        **{name: rng.standard_normal((count, *shape), np.float32) for name, shape in noise.items()},
    }


def augmented(rng: np.random.Generator, recipe: Recipe, p: float = 0.0) -> dict[str, np.ndarray]:
    return draw(rng, recipe.batch, recipe.model.resolution, p)


def pictures(rng: np.random.Generator, recipe: Recipe) -> np.ndarray:
    size = recipe.model.resolution
    return rng.uniform(-1, 1, (recipe.batch, size, size, 3)).astype(np.float32)


def number(value: float) -> np.ndarray:
    return np.array(value, np.float32)


def stored(folder: Path, count: int, size_px: int, seed: int = 0) -> Path:
    """Write a dataset of soft blots of colour."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (count, 2, 2, 3)).repeat(size_px // 2, 1).repeat(size_px // 2, 2)
    folder.mkdir()
    (folder / "dataset.json").write_text(json.dumps({"size_px": size_px}))
    write_shard(shard_path(folder, 0), [Encoded(i, encode(of.astype(np.uint8)), {}) for i, of in enumerate(coarse)])
    return folder
