"""A StyleGAN3 that nobody has trained, as training begins with it (Karras et al. 2021, arXiv:2106.12423)."""

import numpy as np

from avserver.generator import filters
from avserver.generator.architecture import StyleGAN3Config
from avserver.generator.architecture.stylegan3 import FilteredLayer, Signal
from avserver.generator.checkpoint import Checkpoint, Tensors
from avserver.generator.mapping_network import LEARNING_RATE


def initialise(config: StyleGAN3Config, seed: int) -> Checkpoint:
    """Return an untrained network; the same config and seed give the same numbers.

    Weights are unit normal, for the equalised learning rate, and biases zero; styles begin at 1.
    """
    rng = np.random.default_rng(seed)
    tensors: Tensors = {}
    for name, shape in config.parameter_shapes().items():
        is_weight = name.endswith(".weight")
        tensors[name] = np.asarray(rng.standard_normal(shape) if is_weight else np.zeros(shape), np.float32)
    for i in range(config.mapping_layers):
        tensors[f"mapping.fc{i}.weight"] /= LEARNING_RATE
    _set_input(tensors, config.signals[0], rng)
    for layer in config.filtered_layers:
        _set_layer(tensors, layer)
    return Checkpoint(config, tensors)


def _set_input(tensors: Tensors, signal: Signal, rng: np.random.Generator) -> None:
    """Draw the waves evenly from the disc of what the first layer's band holds; at first they lie still."""
    at = "synthesis.input"
    radius = signal.cutoff * np.sqrt(rng.uniform(0, 1, signal.channels))
    angle = rng.uniform(0, 2 * np.pi, signal.channels)
    tensors[f"{at}.freqs"] = (radius * [np.cos(angle), np.sin(angle)]).T.astype(np.float32)
    tensors[f"{at}.phases"] = rng.uniform(-0.5, 0.5, signal.channels).astype(np.float32)
    tensors[f"{at}.transform"] = np.eye(3, dtype=np.float32)
    tensors[f"{at}.affine.weight"][:] = 0
    tensors[f"{at}.affine.bias"][:] = 1, 0, 0, 0


def _set_layer(tensors: Tensors, layer: FilteredLayer) -> None:
    at = f"synthesis.{layer.name}"
    tensors[f"{at}.affine.bias"][:] = 1
    tensors[f"{at}.magnitude_ema"] = np.ones((), np.float32)
    if layer.up_taps > 1:
        source = layer.source
        tensors[f"{at}.up_filter"] = filters.lowpass(layer.up_taps, source.cutoff, source.half_width, layer.inner_rate)
    if layer.down_taps > 1:
        target = layer.target
        design = filters.radial_lowpass if layer.radial else filters.lowpass
        tensors[f"{at}.down_filter"] = design(layer.down_taps, target.cutoff, target.half_width, layer.inner_rate)
