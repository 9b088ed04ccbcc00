"""Generators of rosinality/stylegan2-pytorch: StyleGAN2 with the skip architecture, as a dictionary of tensors.

What differs from the official PyTorch networks:

- weights of convolutions are scaled by 1 / √(in · rows · columns) when they are used (demodulation evens it out, but
  for its ε);
- the kernels that smooth after doubling are stored four times as strong;
- several tensors have axes of length 1 in front;
- the mean of w is in the file only if it was converted from NVIDIA's; otherwise it is measured here.
"""

import math
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from avserver.errors import ModelError
from avserver.generator.architecture import NetworkConfig
from avserver.generator.importing.found import Found, Read, Step, apply, as_it_is, first, first_channel
from avserver.generator.importing.values import Numbers, Tensor
from avserver.generator.official import config_of

LATENTS = 10_000  # that the mean of w is measured with; StyleGAN's authors take as many
DOUBLING_GAIN = 4.0
LEARNING_RATE, LEAK = 0.01, 0.2  # of the mapping network
WIDTH = 4096  # of it, at most, for the mean to be measured; all known models have 512


def find_rosinality(tree: Any) -> dict[str, Tensor] | None:
    """Return the tensors of the averaged generator by their names there; None if this is no such file."""
    if not isinstance(tree, dict):
        return None
    state = tree.get("g_ema", tree)
    if not isinstance(state, dict) or "input.input" not in state:
        return None
    tensors = {key: tensor for key, tensor in state.items() if isinstance(key, str) and isinstance(tensor, Tensor)}
    if isinstance(tree.get("latent_avg"), Tensor):
        tensors["latent_avg"] = tree["latent_avg"]
    return tensors


def read_rosinality(tensors: Mapping[str, Tensor], read: Read) -> Found:
    """Return a generator's configuration and tensors.

    Raises ModelError for tensors that make no such network.
    """
    config = _config(tensors)
    found: dict[str, Callable[[], Numbers]] = {}
    for name in config.parameter_shapes():
        theirs, step = ("latent_avg", _flat) if name == "mapping.w_avg" else _source(name)
        if theirs in tensors:
            found[name] = partial(apply, read, tensors[theirs], step)
    if "mapping.w_avg" not in found:
        found["mapping.w_avg"] = partial(_mean_w, config, found)
    return Found("rosinality's PyTorch file", config, found, tensors)


def _config(tensors: Mapping[str, Tensor]) -> NetworkConfig:
    """Read the sizes off the tensors."""
    layers = sum(1 for name in tensors if re.fullmatch(r"style\.\d+\.weight", name))
    doublings = sum(1 for name in tensors if re.fullmatch(r"to_rgbs\.\d+\.bias", name))
    resolution = 4 * 2 ** min(doublings, 20)
    last = f"convs.{2 * doublings - 1}.conv.weight"
    for name, axes in (("style.1.weight", 2), ("conv1.conv.weight", 5), (last, 5)):
        if name not in tensors or len(tensors[name].shape) != axes:
            raise ModelError(f"it looks like rosinality's StyleGAN2, but its tensor {name} is missing or odd")
    w_dim, z_dim = tensors["style.1.weight"].shape
    channels, widest = tensors[last].shape[1], tensors["conv1.conv.weight"].shape[1]
    return config_of(
        "stylegan2",
        {
            "z_dim": z_dim,
            "w_dim": w_dim,
            "img_resolution": resolution,
            "channel_base": resolution * channels,
            "channel_max": widest,
            "conv_clamp": None,
            "mapping_kwargs": {"num_layers": layers},
        },
    )


def _mean_w(config: NetworkConfig, tensors: Mapping[str, Callable[[], Numbers]]) -> Numbers:
    """Return the mean of w over z from numpy's RandomState(0), through the mapping network in numpy."""
    if max(config.z_dim, config.w_dim) > WIDTH:
        raise ModelError(f"it lacks latent_avg, which is measured for up to {WIDTH} features, it has {config.w_dim}")
    x: Numbers = np.random.RandomState(0).standard_normal((LATENTS, config.z_dim)).astype(np.float32)
    x /= np.sqrt(np.square(x).mean(axis=1, keepdims=True) + 1e-8)
    for i in range(config.mapping_layers):
        weight, bias = (tensors.get(f"mapping.fc{i}.{part}", _nothing)() for part in ("weight", "bias"))
        if weight.shape != (config.w_dim, x.shape[1]) or bias.shape != (config.w_dim,):
            raise ModelError(f"its layer style.{i + 1} is missing, or does not fit the one before")
        x = x @ (weight.T * np.float32(LEARNING_RATE / math.sqrt(x.shape[1]))) + bias * np.float32(LEARNING_RATE)
        x = np.maximum(x, x * np.float32(LEAK)) * np.float32(math.sqrt(2))
    return x.mean(axis=0)


def _nothing() -> Numbers:
    return np.zeros(0, np.float32)


def _flat(x: Numbers) -> Numbers:
    return x.reshape(-1)


def _scalar(x: Numbers) -> Numbers:
    return x.reshape(())


def _scaled(x: Numbers) -> Numbers:
    return x[0] / np.float32(math.sqrt(math.prod(x.shape[2:])))


def _weakened(x: Numbers) -> Numbers:
    return x / np.float32(DOUBLING_GAIN)


_OF_CONVOLUTIONS: dict[str, tuple[str, Step]] = {
    "weight": ("conv.weight", _scaled),
    "bias": ("activate.bias", _flat),
    "noise_strength": ("noise.weight", _scalar),
    "affine.weight": ("conv.modulation.weight", as_it_is),
    "affine.bias": ("conv.modulation.bias", as_it_is),
    "resample_filter": ("conv.blur.kernel", _weakened),
}
_OF_COLOURS: dict[str, tuple[str, Step]] = _OF_CONVOLUTIONS | {
    "weight": ("conv.weight", first),
    "bias": ("bias", _flat),
}


def _source(name: str) -> tuple[str, Step]:
    """Return what rosinality calls the official parameter `name`, and how to lay it out."""
    if match := re.fullmatch(r"mapping\.fc(\d+)\.(weight|bias)", name):
        return f"style.{int(match[1]) + 1}.{match[2]}", as_it_is
    _, block, layer, *rest = name.split(".", 3)
    doubling = int(block[1:]).bit_length() - 4  # 0 at 8 px, -1 at 4 px
    if layer == "const":
        return "input.input", first
    if layer == "resample_filter":
        return f"to_rgbs.{doubling}.upsample.kernel", _weakened
    if rest == ["noise_const"]:
        return f"noises.noise_{2 * (doubling + 1) - (layer == 'conv0')}", first_channel
    theirs, step = (_OF_COLOURS if layer == "torgb" else _OF_CONVOLUTIONS)[rest[0]]
    return f"{_layer(layer, doubling)}.{theirs}", step


def _layer(layer: str, doubling: int) -> str:
    if doubling < 0:
        return "to_rgb1" if layer == "torgb" else "conv1"
    return f"to_rgbs.{doubling}" if layer == "torgb" else f"convs.{2 * doubling + (layer == 'conv1')}"
