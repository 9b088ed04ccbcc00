"""What a training run knows at a moment: enough to go on from there as if nothing had happened."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from avserver.errors import ConfigError, ModelError
from avserver.generator import backend, filters, stylegan3_initialisation
from avserver.generator.architecture import NetworkConfig, StyleGAN2Config, StyleGAN3Config, from_plain, to_plain
from avserver.generator.checkpoint import Checkpoint, Tensors, write_tensors
from avserver.generator.initialisation import W_AVG_SAMPLES
from avserver.generator.mapping_network import LEARNING_RATE, MappingNetwork
from avserver.training.discriminator import Discriminator
from avserver.training.learner import Optimised, is_learnt
from avserver.training.recipe import Recipe

_METADATA_KEY = "avserver.training"
_PARTS = ("params", "mean", "square")


@dataclass(slots=True)
class Counts:
    """Where a run is.

    Attributes:
        pictures: real ones that were learnt from.
        step: batches.
        generator_steps, discriminator_steps: of Adam, those that regularise among them.
        augment_p: probability of augmentations.
        path_length: mean length of the generator's paths.
        dataset: fingerprint of the pictures.
    """

    pictures: int = 0
    step: int = 0
    generator_steps: int = 0
    discriminator_steps: int = 0
    augment_p: float = 0.0
    path_length: float = 0.0
    dataset: str = ""


@dataclass(slots=True)
class State:
    """All numbers of a run.

    Attributes:
        generator, discriminator: parameters and Adam's moments.
        average: the averaged generator, the one to play.
        buffers: what of the generator is not learnt.
        counts: where the run is.
    """

    generator: Optimised
    discriminator: Optimised
    average: Tensors
    buffers: Tensors
    counts: Counts = field(default_factory=Counts)


def discriminator_of(recipe: Recipe) -> Discriminator:
    """Return the discriminator that a recipe asks for."""
    model, share = recipe.model, recipe.discriminator_share
    return Discriminator(
        resolution=model.resolution,
        channel_base=max(round(model.channel_base * share), model.resolution),
        channel_max=max(round(model.channel_max * share), 1),
        precision=recipe.precision,
    )


def begin(recipe: Recipe, model: Checkpoint | None = None) -> State:
    """Return a run's first state: of an untrained network, or of `model`, grown if it is smaller than the recipe's.

    Raises ModelError if the model cannot become the recipe's.
    """
    rng = np.random.default_rng((recipe.seed, 0))
    tensors = untrained(recipe.model, recipe.seed)
    if model is not None:
        tensors = _grown(model, tensors, recipe)
    learnt = {name: tensor for name, tensor in tensors.items() if is_learnt(name)}
    buffers = {name: tensor for name, tensor in tensors.items() if not is_learnt(name)}
    judge = discriminator_of(recipe).initialise(rng)
    return State(_still(learnt), _still(judge), dict(learnt), buffers)


def grown(state: State, before: Recipe, recipe: Recipe) -> State:
    """Return a run's state at a larger resolution: what is drawn, and how it is judged, stays the same at first.

    Raises ModelError unless all but the resolution is as it was.
    """
    model = Checkpoint(before.model, {**state.buffers, **state.generator["params"]})
    new = begin(recipe, model)
    average = Checkpoint(before.model, {**state.buffers, **state.average})
    tensors = _grown(average, untrained(recipe.model, recipe.seed), recipe)
    new.average = {name: tensors[name] for name in new.average}
    judge = dict(new.discriminator["params"])
    for name, param in judge.items():
        known = state.discriminator["params"].get(name)
        if known is not None:
            if known.shape != param.shape:
                kept, got = before.discriminator_share, recipe.discriminator_share
                raise ModelError(f"what was judged with a discriminator_share of {kept} goes on with it, got {got}")
            judge[name] = known
        elif name.endswith((".conv1.weight", ".skip.weight")):
            judge[name] = np.zeros_like(param)  # the block adds nothing to what the known ones see
    new.discriminator = _still(judge)
    # Adam's moments begin anew, and so must what makes up for their beginning at zero.
    new.counts = dataclasses.replace(state.counts, generator_steps=0, discriminator_steps=0)
    return new


def untrained(config: NetworkConfig, seed: int) -> Tensors:
    """Return a network as training begins with it: unit normal weights, for the equalised learning rate."""
    if isinstance(config, StyleGAN3Config):
        return stylegan3_initialisation.initialise(config, seed).tensors
    assert isinstance(config, StyleGAN2Config)
    rng = np.random.default_rng((seed, 1))
    tensors: Tensors = {}
    for name, shape in config.parameter_shapes().items():
        drawn = name.endswith((".weight", ".const", ".noise_const"))
        tensors[name] = np.asarray(rng.standard_normal(shape) if drawn else np.zeros(shape), np.float32)
        if name.endswith(".affine.bias"):
            tensors[name][:] = 1
        elif name.endswith(".resample_filter"):
            tensors[name] = filters.binomial_filter()
        elif name.startswith("mapping.fc") and drawn:
            tensors[name] /= LEARNING_RATE
    return tensors


def exported(recipe: Recipe, state: State) -> Checkpoint:
    """Return the averaged generator, as a model to play."""
    tensors = {**state.buffers, **state.average}
    z = np.random.default_rng(0).standard_normal((W_AVG_SAMPLES, recipe.model.z_dim)).astype(np.float32)
    w = backend.to_numpy(MappingNetwork(recipe.model, tensors)(z))
    return Checkpoint(recipe.model, {**tensors, "mapping.w_avg": w.mean(axis=0)})


def save_state(path: Path, recipe: Recipe, state: State) -> None:
    """Write a run's state; the file before it stays until this one is whole.

    Raises ModelError for numbers that are not finite, which are not written, and if the file cannot be written.
    """
    tensors = {name: np.asarray(tensor, np.float32, order="C") for name, tensor in _flat(state).items()}
    broken = [name for name, tensor in tensors.items() if not np.isfinite(tensor).all()]
    if broken:
        raise ModelError(f"{len(broken)} tensors are not finite, {broken[0]} among them")
    plain = {**dataclasses.asdict(recipe), "model": to_plain(recipe.model)}
    metadata = {_METADATA_KEY: json.dumps({"recipe": plain, "counts": dataclasses.asdict(state.counts)})}
    write_tensors(path, tensors, metadata)


def is_state(path: Path) -> bool:
    """Return whether a file is the state of a run, not a model alone."""
    try:
        with safe_open(path, framework="numpy") as file:
            return _METADATA_KEY in (file.metadata() or {})
    except (OSError, SafetensorError):
        return False


def load_state(path: Path) -> tuple[Recipe, State]:
    """Read what `save_state` wrote. Raises ConfigError if it is no state of a run."""
    try:
        with safe_open(path, framework="numpy") as file:
            plain = json.loads((file.metadata() or {})[_METADATA_KEY])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        recipe = Recipe(**{**plain["recipe"], "model": from_plain(plain["recipe"]["model"])})
        return recipe, _deep(tensors, recipe, Counts(**plain["counts"]))
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as err:
        raise ConfigError(f"{path} is not the state of a training run: {err}") from err


def _resolution(name: str) -> int:
    """Return the resolution (px) of a StyleGAN2's tensor, `synthesis.b64.conv0.…`."""
    return int(name.split(".")[1].removeprefix("b"))


def _still(params: Tensors) -> Optimised:
    """Return a network that Adam has not moved yet."""
    zeros = {name: np.zeros_like(param) for name, param in params.items()}
    return {"params": params, "mean": zeros, "square": dict(zeros)}


def _grown(model: Checkpoint, tensors: Tensors, recipe: Recipe) -> Tensors:
    """Return a model's tensors, and untrained ones for the resolutions it lacks, which draw nothing yet.

    What is given no noise in training has none to draw when it plays.
    """
    config = recipe.model
    if dataclasses.replace(model.config, resolution=config.resolution) != config:
        raise ModelError(f"a model grows in resolution and in nothing else, got {model.config} to become {config}")
    if model.config.resolution > config.resolution:
        raise ModelError(f"a model of {model.config.resolution} px cannot become one of {config.resolution} px")
    if isinstance(config, StyleGAN3Config) and model.config != config:
        raise ModelError("a StyleGAN3 cannot grow: each of its layers is made for one resolution")
    if isinstance(config, StyleGAN2Config) and config.block_architecture != "skip" and model.config != config:
        raise ModelError(f"a StyleGAN2 grows if its blocks are 'skip', got {config.block_architecture!r}")
    larger = {
        name: model.tensors.get(name, np.zeros_like(tensor) if name.endswith("torgb.weight") else tensor)
        for name, tensor in tensors.items()
    }
    for name, tensor in larger.items():
        if name.endswith(".noise_strength") and _resolution(name) < recipe.noise_from:
            larger[name] = np.zeros_like(tensor)
    return larger


def _flat(state: State) -> Tensors:
    flat = {f"average/{name}": tensor for name, tensor in state.average.items()}
    flat |= {f"buffers/{name}": tensor for name, tensor in state.buffers.items()}
    for network in ("generator", "discriminator"):
        for part in _PARTS:
            flat |= {f"{network}/{part}/{name}": t for name, t in getattr(state, network)[part].items()}
    return flat


def _deep(flat: Tensors, recipe: Recipe, counts: Counts) -> State:
    """Return the state of flat tensors. Raises KeyError and ValueError if one lacks or has another size."""

    def under(prefix: str, shapes: Mapping[str, tuple[int, ...]]) -> Tensors:
        # A tensor of another size does not take the shape, and is refused with that.
        return {name: flat[f"{prefix}/{name}"].reshape(shape) for name, shape in shapes.items()}

    shapes = recipe.model.parameter_shapes()
    learnt = {name: shape for name, shape in shapes.items() if is_learnt(name)}
    buffers = {name: shape for name, shape in shapes.items() if not is_learnt(name)}
    judged = discriminator_of(recipe).parameter_shapes()
    generator = {part: under(f"generator/{part}", learnt) for part in _PARTS}
    discriminator = {part: under(f"discriminator/{part}", judged) for part in _PARTS}
    return State(generator, discriminator, under("average", learnt), under("buffers", buffers), counts)
