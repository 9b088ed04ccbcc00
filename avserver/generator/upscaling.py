"""Upscaling: a picture at two or four times its size, by Lanczos' filter and, if wanted, a small network beside it.

The network doubles; what is to be four times as large it doubles twice.

After ESPCN (Shi et al. 2016, arXiv:1609.05158): all convolutions are at low resolution, and the channels of the last
are spread over the larger picture. Here they are at half of the low resolution even, where a CPU finds channels enough
to be fast, and give only what Lanczos' filter lacks.

The network has no biases, and its first convolution sums to nothing over an even colour. So what is even stays as even
as it was, and a darker or paler picture is drawn darker or paler and not differently: the grade may come before it.
"""

import functools
import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file

from avserver.bundled import bundled
from avserver.errors import ModelError
from avserver.frame_spec import Upscale
from avserver.generator import backend, filters
from avserver.generator.backend import ops, stage

Tensor = Any
Array = npt.NDArray[np.float32]

DOUBLE = 2
FACTORS = (DOUBLE, 4)
CHANNELS = 32
CONVOLUTIONS = 4  # of 3 by 3
LOBES = 3  # of the sinc that windows Lanczos' sinc
SLOPE = 0.2  # of a leaky ReLU
BORDER = 2 * CONVOLUTIONS  # px that are mirrored around the picture, so that the network sees no edge
# Beyond the first factor by so much, the second one is used: what is left to resample is as little as can be.
STRETCH = 1.25
EVEN = 1e-3  # of the deviation, so that no noise is made of a picture without any


def factor_for(picture: tuple[int, int], frame: tuple[int, int]) -> int | None:
    """Return how many times a picture is enlarged to fill a frame, (width, height) both in px; None: it is not."""
    scale = max(wanted / given for wanted, given in zip(frame, picture, strict=True))
    if scale <= 1:
        return None
    return FACTORS[0] if scale <= FACTORS[0] * STRETCH else FACTORS[1]


def weight_shapes() -> dict[str, tuple[int, ...]]:
    """Return the shapes of the network's kernels (rows, columns, in, out) by name."""
    inner = [CHANNELS] * (CONVOLUTIONS - 1)
    channels = [12, *inner, 12 * DOUBLE * DOUBLE]
    return {f"conv{i}": (3, 3, *pair) for i, pair in enumerate(itertools.pairwise(channels))}


def read_weights(path: Path) -> dict[str, Array]:
    """Return the network's kernels by name, float32. Raises ModelError for a file that lacks them."""
    try:
        stored = load_file(path)
    except (OSError, SafetensorError) as err:
        raise ModelError(f"cannot read the weights {path}: {err}") from err
    shapes = weight_shapes()
    for name, shape in shapes.items():
        if name not in stored or stored[name].shape != shape:
            got = stored[name].shape if name in stored else "none"
            raise ModelError(f"{path} holds an upscaler whose {name} has the shape {shape}, got {got}")
    return {name: stored[name].astype(np.float32) for name in shapes}


def lanczos(levels: Tensor, factor: int) -> Tensor:
    """Return a picture (n, H, W, C) at `factor` times its size; beyond its borders it is mirrored."""
    return _stretched(_stretched(ops.cast(levels, "float32"), factor, 1), factor, 2)


def detail(kernels: Mapping[str, Tensor], levels: Tensor, precision: str = "float32") -> Tensor:
    """Return what the network adds to a picture (n, H, W, 3), H and W even, when it is doubled: (n, H / 2, W / 2, 48).

    `spread` makes a picture of it. `kernels` are by name, the first one as `contrasting` makes it.
    """
    convolutions = [ops.cast(ops.convert_to_tensor(kernel), precision) for kernel in kernels.values()]

    def enter(x: Tensor) -> Tensor:
        mirrored = ops.pad(
            ops.cast(x, "float32"), [[0, 0], [BORDER, BORDER], [BORDER, BORDER], [0, 0]], mode="symmetric"
        )
        return ops.cast(_gathered(mirrored) * (1 / 255), precision)

    x = stage(enter)(levels)
    for kernel in convolutions[:-1]:
        x = ops.conv(x, kernel, padding="valid", data_format="channels_last")
        x = stage(lambda y: ops.cast(ops.leaky_relu(ops.cast(y, "float32"), SLOPE), precision))(x)
    return ops.conv(x, convolutions[-1], padding="valid", data_format="channels_last")


def contrasting(kernel: Tensor) -> Tensor:
    """Return a kernel (3, 3, 12, out), the first one's, made to sum to nothing for every colour."""
    rows, columns, _, out = kernel.shape
    by_colour = ops.reshape(kernel, (rows, columns, 4, 3, out))
    return ops.reshape(by_colour - ops.mean(by_colour, axis=(0, 1, 2), keepdims=True), kernel.shape)


def spread(detail: Tensor) -> Tensor:
    """Return what `detail` gave as a picture in float32, in levels of 255: (n, 2 H, 2 W, 3)."""
    n, height, width, channels = detail.shape
    phases = 2 * DOUBLE
    colours = channels // phases**2
    x = ops.reshape(ops.cast(detail, "float32") * 255, (n, height, width, phases, phases, colours))
    return ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (n, height * phases, width * phases, colours))


class Upscaler:
    """Enlarges pictures (n, H, W, 3), uint8, by a whole factor; H and W are even.

    Args:
        factor: one of FACTORS.
        weights: a file as `avserver.training.upscaler` writes it; None: the one that comes with avserver.
        precision: of the convolutions.

    Raises ModelError if the file is none.
    """

    def __init__(self, factor: int, weights: Path | None = None, *, precision: str = "float32") -> None:
        self._factor = factor
        self._precision = precision
        kernels = read_weights(weights or bundled("models", "upscale.safetensors"))
        first = next(iter(kernels))
        self._kernels = kernels | {first: backend.to_numpy(contrasting(kernels[first]))}
        self._programs = {
            "lanczos": backend.program(self._by_filter),
            "network": backend.program(self._by_network),
        }
        self._match = backend.program(stage(match))

    def __call__(self, upscale: Upscale, pixels: Tensor) -> Tensor:
        """Return pixels enlarged, uint8; by bicubic they are not, that is for whoever knows the frame's size."""
        if upscale.by not in self._programs:
            return pixels
        larger = self._programs[upscale.by](pixels)
        if upscale.match <= 0:
            return larger
        return self._match(larger, pixels, np.array([upscale.match], np.float32))

    def _by_filter(self, pixels: Tensor) -> Tensor:
        return stage(lambda x: to_bytes(lanczos(x, self._factor)))(pixels)

    def _by_network(self, pixels: Tensor) -> Tensor:
        larger = 1
        while larger < self._factor:
            pixels, larger = self._doubled(pixels), larger * DOUBLE
        return pixels

    def _doubled(self, pixels: Tensor) -> Tensor:
        added = detail(self._kernels, pixels, self._precision)
        rows = stage(lambda x: _stretched(ops.cast(x, "float32"), DOUBLE, 1))(pixels)
        return stage(lambda x, more: to_bytes(_stretched(x, DOUBLE, 2) + spread(more)))(rows, added)


def to_bytes(levels: Tensor) -> Tensor:
    """Return levels of 255 as uint8, to the nearest."""
    return ops.cast(ops.clip(levels + 0.5, 0, 255), "uint8")


def match(pixels: Tensor, source: Tensor, share: Tensor) -> Tensor:
    """Return pixels (n, H, W, 3) with the mean and the deviation of every colour those of `source`; all uint8.

    `share` (1,) is how far: 0 leaves them as they are.
    """
    levels = ops.cast(pixels, "float32")
    mean, deviation = _moments(levels)
    wanted, swing = _moments(ops.cast(source, "float32"))
    like_source = (levels - mean) * ((swing + EVEN) / (deviation + EVEN)) + wanted
    return to_bytes(levels + share * (like_source - levels))


def _moments(levels: Tensor) -> tuple[Tensor, Tensor]:
    mean = ops.mean(levels, axis=(1, 2), keepdims=True)
    return mean, ops.sqrt(ops.mean(ops.square(levels - mean), axis=(1, 2), keepdims=True))


@functools.cache
def _phases(factor: int) -> Array:
    """Return the taps (factor, 2 LOBES + 1) of every output sample of one input sample, on it and its neighbours."""
    places = (np.arange(factor)[:, None] + 0.5) / factor - 0.5 - np.arange(-LOBES, LOBES + 1)
    taps = np.where(np.abs(places) < LOBES, np.sinc(places) * np.sinc(places / LOBES), 0.0)
    return (taps / taps.sum(axis=1, keepdims=True)).astype(np.float32)


def _stretched(x: Tensor, factor: int, axis: int) -> Tensor:
    """Return x (n, H, W, C), float32, at `factor` times its size along an axis."""
    size = x.shape[axis]
    padded = ops.pad(x, [[LOBES, LOBES] if i == axis else [0, 0] for i in range(4)], mode="symmetric")
    near = [filters.sliced(padded, axis, offset, size) for offset in range(2 * LOBES + 1)]
    phases = [sum(float(tap) * y for tap, y in zip(taps, near, strict=True) if tap) for taps in _phases(factor)]
    shape = list(x.shape)
    shape[axis] = factor * size
    return ops.reshape(ops.stack(phases, axis=axis + 1), shape)


def _gathered(x: Tensor) -> Tensor:
    """Return x (n, H, W, C) at half its size: two by two samples one after the other, (n, H / 2, W / 2, 4 C)."""
    n, height, width, channels = x.shape
    x = ops.reshape(x, (n, height // 2, 2, width // 2, 2, channels))
    return ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (n, height // 2, width // 2, 4 * channels))
