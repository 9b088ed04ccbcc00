"""Generators of NVIDIA's TensorFlow code (stylegan2, stylegan2-ada): variables by scope, in TensorFlow's layout.

What differs from the PyTorch networks:

- weights are (rows, columns, in, out), and (in, out) in fully connected layers;
- a doubling convolution slides its kernel the other way round;
- the scales that styles give start at 1: the network adds it to the bias, PyTorch's stores it;
- constants and noise inputs have leading axes of length 1.
"""

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from avserver.errors import ModelError
from avserver.generator.importing.found import Found, Read, Step, apply, as_it_is, first, first_channel
from avserver.generator.importing.values import Array, Dtype, Instance, Numbers, describe, is_count
from avserver.generator.official import config_of

VERSION = 4  # of NVIDIA's layout of pickles, with which stylegan2 began; StyleGAN1 has 2 and 3
NETWORKS = 10  # in a generator, at most: itself, mapping and synthesis

# The PyTorch argument by TensorFlow's, as the generator's own and as the mapping's.
_ARGUMENTS = {
    "latent_size": "z_dim",
    "label_size": "c_dim",
    "dlatent_size": "w_dim",
    "resolution": "img_resolution",
    "num_channels": "img_channels",
    "fmap_max": "channel_max",
    "conv_clamp": "conv_clamp",
    "architecture": "architecture",
    "nonlinearity": "activation",
    "use_noise": "use_noise",
}
_MAPPING_ARGUMENTS = {
    "mapping_layers": "num_layers",
    "mapping_lrmul": "lr_multiplier",
    "mapping_nonlinearity": "activation",
}
_DEFAULTS = {"latent_size": 512, "dlatent_size": 512, "resolution": 1024}
_FEATURES = 16 << 10  # default of fmap_base, which is half of PyTorch's channel_base
# For training, for speed, or given anew with every frame; widths of the mapping are seen in the tensors.
_WITHOUT_EFFECT = frozenset(
    {
        *("structure", "conditioning", "fused_modconv", "num_fp16_res", "style_mixing_prob", "randomize_noise"),
        *("truncation_psi", "truncation_cutoff", "w_avg_beta", "dlatent_avg_beta"),
        *("mapping_fmaps", "label_fmaps"),
        *("fmap_base", "resample_kernel"),  # these two are read by themselves
    }
)


def is_tensorflow(tree: Any) -> bool:
    """Tell whether this is what NVIDIA's TensorFlow code pickles: G, D and Gs, the average of G over the training."""
    return isinstance(tree, tuple | list) and len(tree) == 3 and all(_is_network(part) for part in tree)


def _is_network(value: Any) -> bool:
    return isinstance(value, Instance) and value.kind == "Network"


def read_tensorflow(generator: Instance, read: Read) -> Found:
    """Return a generator's configuration and tensors.

    Raises ModelError for a network that is not StyleGAN2's.
    """
    version: Any = generator.state.get("version")
    arguments = generator.state.get("static_kwargs")
    if not is_count(version) or version < VERSION:
        raise ModelError(f"its networks have version {describe(version)} of NVIDIA's layout, StyleGAN2's begin at 4")
    if not isinstance(arguments, dict):
        raise ModelError(f"its generator has {describe(arguments)} as its arguments")
    config = config_of("stylegan2", _official_arguments(arguments))
    variables = _variables(generator)
    kernel = _kernel(arguments.get("resample_kernel", (1, 3, 3, 1)))
    tensors: dict[str, Callable[[], Numbers]] = {}
    for name in config.parameter_shapes():
        if name.endswith("resample_filter"):
            tensors[name] = partial(np.array, kernel)
            continue
        theirs, step = _source(name)
        if theirs in variables:
            tensors[name] = partial(apply, read, variables[theirs], step)
    return Found("official TensorFlow pickle", config, tensors, variables)


def _official_arguments(arguments: dict[Any, Any]) -> dict[str, Any]:
    given = _DEFAULTS | arguments
    features = given.get("fmap_base", _FEATURES)
    if not is_count(features):
        raise ModelError(f"the generator's fmap_base is a whole number, got {describe(features)}")
    official: dict[str, Any] = {"channel_base": 2 * features, "conv_clamp": None}
    mapping: dict[str, Any] = {}
    for name, value in given.items():
        if name in _ARGUMENTS:
            official[_ARGUMENTS[name]] = value
        elif name in _MAPPING_ARGUMENTS:
            mapping[_MAPPING_ARGUMENTS[name]] = value
        elif name not in _WITHOUT_EFFECT:
            raise ModelError(f"the generator has the argument {describe(name)}, which StyleGAN2's doesn't")
    return official | {"mapping_kwargs": mapping}


def _kernel(taps: Any) -> npt.NDArray[np.float32]:
    if not isinstance(taps, list | tuple) or len(taps) != 4 or not all(map(is_count, taps)) or not any(taps):
        raise ModelError("its resampling filter has four whole numbers as taps, got others")
    outer = np.outer(taps, taps).astype(np.float32)
    return outer / outer.sum()


def _variables(generator: Instance) -> dict[str, Array]:
    """Return the variables of a network and of its components, by scope and name."""
    variables: dict[str, Array] = {}
    waiting = [("", generator)]
    for _ in range(NETWORKS):
        if not waiting:
            return variables
        scope, network = waiting.pop()
        pairs, components = network.state.get("variables", []), network.state.get("components", {})
        if not isinstance(pairs, list) or not isinstance(components, dict):
            raise ModelError(f"the network {describe(scope)} has {describe(pairs)} as its variables")
        for pair in pairs:
            if not isinstance(pair, tuple | list) or len(pair) != 2 or not isinstance(pair[0], str):
                raise ModelError(f"the network {describe(scope)} has {describe(pair)} among its variables")
            value = _array(pair[1]) if isinstance(pair[1], float) else pair[1]
            if isinstance(value, Array):
                variables[f"{scope}{pair[0]}"] = value
        waiting += [(f"{scope}{name}/", part) for name, part in components.items() if _is_network(part)]
    raise ModelError(f"its generator is made of more than {NETWORKS} networks")


def _array(number: float) -> Array:
    """Return a variable without axes, which TensorFlow hands out as a number."""
    array = Array()
    array.fill((), Dtype("<f4"), False, np.array(number, "<f4").tobytes())
    return array


def _matrix(x: Numbers) -> Numbers:
    return x.T


def _kernels(x: Numbers) -> Numbers:
    return x.transpose(3, 2, 0, 1)


def _turned_kernels(x: Numbers) -> Numbers:
    return x[::-1, ::-1].transpose(3, 2, 0, 1)


def _scales(x: Numbers) -> Numbers:
    return x + np.float32(1)


_LAYERS = {"conv0": "Conv0_up", "conv1": "Conv1", "torgb": "ToRGB", "skip": "Skip"}
_PARAMETERS: dict[str, tuple[str, Step]] = {
    "weight": ("weight", _kernels),
    "bias": ("bias", as_it_is),
    "noise_strength": ("noise_strength", as_it_is),
    "affine.weight": ("mod_weight", _matrix),
    "affine.bias": ("mod_bias", _scales),
}


def _source(name: str) -> tuple[str, Step]:
    """Return where TensorFlow's network has what the official PyTorch network calls `name`, and how to lay it out."""
    if name == "mapping.w_avg":
        return "dlatent_avg", as_it_is
    if match := re.fullmatch(r"mapping\.(embed|fc(\d+))\.(weight|bias)", name):
        layer = "LabelEmbed" if match[1] == "embed" else f"Dense{match[2]}"
        return f"mapping/{layer}/{match[3]}", _matrix if match[3] == "weight" else as_it_is
    _, block, layer, *rest = name.split(".", 3)
    size = int(block[1:])
    scope = f"synthesis/{size}x{size}"
    if layer == "const":
        return f"{scope}/Const/const", first
    if rest == ["noise_const"]:
        # Numbered in the order of the layers: one at 4 px, two at every other resolution.
        number = 2 * (size.bit_length() - 3) - (layer == "conv0")
        return f"synthesis/noise{number}", first_channel
    theirs, step = _PARAMETERS[rest[0]]
    if rest == ["weight"] and layer in ("conv0", "skip"):
        step = _turned_kernels
    return f"{scope}/{'Conv' if size == 4 and layer == 'conv1' else _LAYERS[layer]}/{theirs}", step
