"""A network that nobody has trained, made to be looked at: seeded numbers with a sense of colour.

    python -m avserver.generator.initialisation models/default.safetensors

The usual initialisation (unit normal weights, equalised learning rate: Karras et al. 2018, arXiv:1710.10196) draws grey
mud. Here the same network is given a say in the picture:

- the learned constant is broad waves, so that there is a composition to look at, and to bend;
- filters reach less far from block to block, so that shapes come before grain;
- every channel has its own hue;
- biases and scales are set from what the network itself draws, layer by layer, so that no channel drowns the others
  (data-dependent initialisation: Salimans & Kingma 2016, arXiv:1602.07868), and the finished picture has the
  contrast and the dark ground asked for.
"""

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

from avserver.errors import ModelError, UserError
from avserver.generator import backend, checkpoint, filters
from avserver.generator.architecture import StyleGAN2Config
from avserver.generator.checkpoint import Checkpoint, Tensors
from avserver.generator.layers import GAIN, Convolution, ToRGB
from avserver.generator.mapping_network import LEAK, LEARNING_RATE, MappingNetwork

Array = npt.NDArray[np.float32]

BUNDLED = StyleGAN2Config(resolution=256, z_dim=128, w_dim=128, channel_base=2048, channel_max=128, mapping_layers=3)
BUNDLED_SEED = 3

W_AVG_SAMPLES = 10_000
LOOKED_AT = 16  # pictures that biases and scales are set from
STYLE_SPREAD = 0.5  # how far w moves the scales of channels around 1
BIAS_SPREAD = 0.6  # of a channel's deviation: where it crosses zero, and so where its contours lie
WAVES = 0.8  # standard deviation of the constant's waves, in periods over the picture
NOISE = 0.6  # strength of noise, divided by the resolution: fine noise is only grain
GROUND, CONTRAST = -0.95, 0.9  # mean and deviation of the picture, nominally in [-1, 1]

# Weight of a filter's neighbours against its centre, and a block's share in the colours; the last value holds on.
REACH = (0.8, 0.6, 0.3, 0.2, 0.1, 0.05, 0.0)
SHARES = (0.2, 0.4, 0.6, 0.8, 0.9, 0.8, 0.6)


def initialise(config: StyleGAN2Config, seed: int) -> Checkpoint:
    """Return an untrained network; the same config and seed give the same numbers, but for a framework's rounding."""
    if config.block_architecture != "skip":
        raise ModelError(f"an untrained network is made with skip blocks, got {config.block_architecture!r}")
    rng = np.random.default_rng(seed)
    tensors: Tensors = {
        name: np.asarray(rng.standard_normal(shape), np.float32) for name, shape in config.parameter_shapes().items()
    }
    _set_mapping(config, tensors, rng)
    tensors["synthesis.b4.const"] = _waves(config.channels(4), rng)
    ws = backend.to_numpy(MappingNetwork(config, tensors)(*_latents(config, rng, LOOKED_AT)))
    _set_synthesis(config, tensors, ws, rng)
    return Checkpoint(config, tensors)


def _latents(config: StyleGAN2Config, rng: np.random.Generator, count: int) -> tuple[Array, Array | None]:
    """Return z, and labels drawn evenly if the model is conditional."""
    z = rng.standard_normal((count, config.z_dim)).astype(np.float32)
    if not config.c_dim:
        return z, None
    return z, np.eye(config.c_dim, dtype=np.float32)[rng.integers(config.c_dim, size=count)]


def _set_mapping(config: StyleGAN2Config, tensors: Tensors, rng: np.random.Generator) -> None:
    """Keep seeds apart: every leaky ReLU moves all its outputs the same way unless its inputs are centred."""
    for i in range(config.mapping_layers):
        tensors[f"mapping.fc{i}.weight"] /= LEARNING_RATE
        tensors[f"mapping.fc{i}.bias"][:] = 0
    z, c = _latents(config, rng, W_AVG_SAMPLES)
    for i in range(config.mapping_layers):
        # A network cut off behind this layer shows what goes into its leaky ReLU.
        x = _before_leaky_relu(backend.to_numpy(MappingNetwork(config, tensors, depth=i + 1)(z, c)))
        deviation = x.std()
        tensors[f"mapping.fc{i}.weight"] /= deviation
        tensors[f"mapping.fc{i}.bias"] -= x.mean(axis=0) / deviation / LEARNING_RATE
    w = backend.to_numpy(MappingNetwork(config, tensors)(z, c))
    tensors["mapping.w_avg"] = w.mean(axis=0)


def _before_leaky_relu(x: Array) -> Array:
    """Undo a leaky ReLU and its gain."""
    undone: Array = np.minimum(x, x / np.float32(LEAK)) / GAIN
    return undone


def _waves(channels: int, rng: np.random.Generator) -> Array:
    """Return the constant (channels, 4, 4): in every channel a wave of its own direction, length and phase."""
    rows, columns = np.mgrid[0:4, 0:4] / 4
    across, down = rng.normal(0, WAVES, (2, channels, 1, 1))
    phase = rng.uniform(0, 1, (channels, 1, 1))
    turns = across * columns + down * rows + phase
    waves: Array = (np.sqrt(2) * np.cos(2 * np.pi * turns)).astype(np.float32)
    return waves


def _set_synthesis(config: StyleGAN2Config, tensors: Tensors, ws: Array, rng: np.random.Generator) -> None:
    const = tensors["synthesis.b4.const"].transpose(1, 2, 0)
    x = np.repeat(const[None], len(ws), axis=0)
    image: Array | None = None
    for i, resolution in enumerate(config.resolutions):
        block = f"synthesis.b{resolution}"
        if image is not None:
            tensors[f"{block}.resample_filter"] = filters.binomial_filter()
            image = backend.to_numpy(filters.double(image, filters.binomial_filter()))
        for name in config.convolutions(resolution):
            x = _set_convolution(tensors, name, REACH[min(i, len(REACH) - 1)], x, ws, rng)
        rgb = _set_colours(tensors, f"{block}.torgb", SHARES[min(i, len(SHARES) - 1)], x, ws, rng)
        image = rgb if image is None else image + rgb
    assert image is not None
    scale = np.float32(CONTRAST / image.std())
    for resolution in config.resolutions:
        tensors[f"synthesis.b{resolution}.torgb.weight"] *= scale
        tensors[f"synthesis.b{resolution}.torgb.bias"] *= scale
    tensors[f"synthesis.b{config.resolution}.torgb.bias"] += np.float32(GROUND)


def _set_style(tensors: Tensors, name: str, x: Array) -> None:
    """Let every channel of x weigh the same, give or take what w says."""
    deviation = x.std(axis=(0, 1, 2))
    scale = 1 / np.maximum(deviation, 0.2 * np.median(deviation))
    tensors[f"{name}.affine.weight"] *= STYLE_SPREAD * scale[:, None]
    tensors[f"{name}.affine.bias"] = scale


def _set_convolution(tensors: Tensors, name: str, reach: float, x: Array, ws: Array, rng: np.random.Generator) -> Array:
    """Set one convolution for the input x (n, H, W, in), and return its output."""
    taps = np.array([reach, 1, reach], np.float32)
    tensors[f"{name}.weight"] *= np.outer(taps, taps) / np.float32(np.square(taps).sum())
    tensors[f"{name}.bias"][:] = 0
    if name.endswith("conv0"):
        tensors[f"{name}.resample_filter"] = filters.binomial_filter()
    _set_style(tensors, name, x)
    resolution = len(tensors[f"{name}.noise_const"])
    tensors[f"{name}.noise_strength"] = np.array(NOISE / resolution, np.float32)
    y = _before_leaky_relu(_convolve(tensors, name, x, ws))
    mean, deviation = y.mean(axis=(0, 1, 2)), y.std(axis=(0, 1, 2))
    offsets = rng.standard_normal(len(mean)).astype(np.float32)
    tensors[f"{name}.bias"] = BIAS_SPREAD * deviation * offsets - mean
    return _convolve(tensors, name, x, ws)


def _convolve(tensors: Tensors, name: str, x: Array, ws: Array) -> Array:
    conv = Convolution(tensors, name, precision="float32")
    style = conv.style(ws)
    y = conv.convolve(x * style[:, None, None, :])
    noise = conv.noise_const * np.float32(conv.noise_strength)
    return backend.to_numpy(conv.activate(conv.level(y, conv.demodulation(style), noise)))


def _set_colours(tensors: Tensors, name: str, share: float, x: Array, ws: Array, rng: np.random.Generator) -> Array:
    """Set a block's colours for the activations x, and return its part of the picture: mean 0, deviation `share`."""
    channels = x.shape[-1]
    turns = rng.uniform(0, 1, channels) + np.array([[0], [1 / 3], [2 / 3]])
    hues = np.cos(2 * np.pi * turns) + 0.35  # of a vivid colour, with some white
    strengths = rng.standard_normal(channels)
    tensors[f"{name}.weight"] = (hues * strengths)[:, :, None, None].astype(np.float32)
    tensors[f"{name}.bias"][:] = 0
    _set_style(tensors, name, x)
    torgb = ToRGB(tensors, name)
    rgb = backend.to_numpy(torgb(x, torgb.modulated(ws)))
    scale = np.float32(share) / rgb.std()
    mean = rgb.mean(axis=(0, 1, 2)) * scale
    tensors[f"{name}.weight"] *= scale
    tensors[f"{name}.bias"] = -mean
    return rgb * scale - mean


def main(arguments: list[str]) -> int:
    """Write the bundled model."""
    if len(arguments) != 1:
        raise UserError(f"expected one argument, the file to write, got {len(arguments)}")
    path = Path(arguments[0])
    checkpoint.write(path, initialise(BUNDLED, BUNDLED_SEED), storage=np.float16)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
