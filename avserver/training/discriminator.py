"""The discriminator: pictures to how real they look (Karras et al. 2020, arXiv:1912.04958, section 4.1).

Residual blocks, each half the size of the one before, with the picture itself let in again at every size ("input
skips" of the paper's figure 7). So one that has learnt small pictures grows to larger ones without forgetting: the
block that is put before it begins by adding nothing to the small picture that the others see.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from avserver.errors import ConfigError
from avserver.generator.backend import ops, stage
from avserver.generator.checkpoint import Tensors
from avserver.generator.layers import GAIN, HALF_POWER
from avserver.generator.mapping_network import leaky_relu

Tensor = Any
Params = Mapping[str, Tensor]

_GROUP = 4  # pictures whose deviation is taken together
_EPSILON = 1e-8


@dataclass(frozen=True, slots=True, kw_only=True)
class Discriminator:
    """What judges pictures; its parameters are kept apart.

    Attributes:
        resolution: of the pictures (px), a power of two from 8 on.
        channel_base, channel_max: a block at r px has min(channel_base / r, channel_max) channels.
        precision: of the convolutions, "float32" or "bfloat16".
    """

    resolution: int
    channel_base: int
    channel_max: int
    precision: str = "float32"

    def __post_init__(self) -> None:
        r = self.resolution
        if r < 8 or r & (r - 1):
            raise ConfigError(f"a discriminator's resolution is a power of two from 8 on, got {r}")
        if self.channel_base < r or self.channel_max < 1:
            raise ConfigError(
                f"a discriminator of {r} px needs a channel_base of {r} at least and a channel_max of 1, "
                f"got {self.channel_base} and {self.channel_max}"
            )

    @property
    def resolutions(self) -> tuple[int, ...]:
        """The blocks', from fine to coarse, without the last of 4 px."""
        return tuple(2**i for i in range(self.resolution.bit_length() - 1, 2, -1))

    def channels(self, resolution: int) -> int:
        """Return how many channels a block has."""
        return min(self.channel_base // resolution, self.channel_max)

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every parameter: kernels are (rows, columns, in, out)."""
        shapes: dict[str, tuple[int, ...]] = {}
        for r in (*self.resolutions, 4):
            wide = self.channels(r)
            shapes |= {f"b{r}.fromrgb.weight": (3, wide), f"b{r}.fromrgb.bias": (wide,)}
            if r > 4:
                out = self.channels(r // 2)
                shapes |= {f"b{r}.conv0.weight": (3, 3, wide, wide), f"b{r}.conv0.bias": (wide,)}
                shapes |= {f"b{r}.conv1.weight": (3, 3, wide, out), f"b{r}.conv1.bias": (out,)}
                shapes |= {f"b{r}.skip.weight": (wide, out)}
        wide = self.channels(4)
        shapes |= {"b4.conv.weight": (3, 3, wide + 1, wide), "b4.conv.bias": (wide,)}
        shapes |= {"b4.fc.weight": (16 * wide, wide), "b4.fc.bias": (wide,)}
        return shapes | {"b4.out.weight": (wide, 1), "b4.out.bias": (1,)}

    def initialise(self, rng: np.random.Generator) -> Tensors:
        """Return untrained parameters: unit normal weights, for the equalised learning rate, and biases of zero."""
        return {
            name: (rng.standard_normal(shape, np.float32) if name.endswith("weight") else np.zeros(shape, np.float32))
            for name, shape in self.parameter_shapes().items()
        }

    def scores(self, params: Params, images: Tensor) -> Tensor:
        """Return (n,), the higher the more real images (n, R, R, 3) in [-1, 1] look."""
        x = stage(_seen)(images, *self._layer(params, f"b{self.resolution}.fromrgb"))
        for r in self.resolutions:
            x, images = self._block(params, r, x, images)
        x = ops.concatenate([x, _deviation(x)], axis=-1)
        x = stage(_active)(self._convolved(params, "b4.conv", x), params["b4.conv.bias"])
        x = ops.reshape(x, (x.shape[0], -1))
        x = _seen(x, *self._layer(params, "b4.fc"))
        weight, bias = self._layer(params, "b4.out")
        return (ops.matmul(x, weight) + bias)[:, 0]

    def _block(self, params: Params, resolution: int, x: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return activations and pictures at half the size."""
        block = f"b{resolution}"
        y = self._convolved(params, f"{block}.conv0", x)
        y = stage(lambda y, bias: _halved(_active(y, bias)))(y, params[f"{block}.conv0.bias"])
        y = self._convolved(params, f"{block}.conv1", y)

        def join(
            y: Tensor, bias: Tensor, x: Tensor, skip: Tensor, images: Tensor, weight: Tensor, shift: Tensor
        ) -> tuple[Tensor, Tensor]:
            around = ops.matmul(_halved(x), skip)
            images = _halved(images)
            return (_active(y, bias) + around) * float(HALF_POWER) + _seen(images, weight, shift), images

        skip = _even(params[f"{block}.skip.weight"])
        seen = self._layer(params, f"b{resolution // 2}.fromrgb")
        joined: tuple[Tensor, Tensor] = stage(join)(y, params[f"{block}.conv1.bias"], x, skip, images, *seen)
        return joined

    @staticmethod
    def _layer(params: Params, name: str) -> tuple[Tensor, Tensor]:
        return _even(params[f"{name}.weight"]), params[f"{name}.bias"]

    def _convolved(self, params: Params, name: str, x: Tensor) -> Tensor:
        weight = ops.cast(_even(params[f"{name}.weight"]), self.precision)
        y = ops.conv(ops.cast(x, self.precision), weight, strides=1, padding="same", data_format="channels_last")
        return ops.cast(y, "float32")


def _even(weight: Tensor) -> Tensor:
    """Return weights (…, in, out) as they are used: by their number of inputs, all layers learn equally fast."""
    return weight * float(1 / np.sqrt(np.prod(weight.shape[:-1])))


def _active(y: Tensor, bias: Tensor) -> Tensor:
    return leaky_relu(y + bias) * GAIN


def _seen(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return _active(ops.matmul(x, weight), bias)


def _halved(x: Tensor) -> Tensor:
    """Return x (n, H, W, C) at half its size, each sample the mean of four."""
    return (x[:, ::2, ::2] + x[:, 1::2, ::2] + x[:, ::2, 1::2] + x[:, 1::2, 1::2]) * 0.25


def _deviation(x: Tensor) -> Tensor:
    """Return how much the pictures of a group differ, as one more channel (n, H, W, 1): all alike is a sign of fakes.

    Minibatch standard deviation (Karras et al. 2018, arXiv:1710.10196, section 3).
    """
    n, height, width, channels = x.shape
    group = next(size for size in range(min(_GROUP, n), 0, -1) if n % size == 0)
    grouped = ops.reshape(x, (group, n // group, height, width, channels))
    centred = grouped - ops.mean(grouped, axis=0, keepdims=True)
    deviation = ops.mean(ops.sqrt(ops.mean(ops.square(centred), axis=0) + _EPSILON), axis=(1, 2, 3))
    return ops.ones((n, height, width, 1)) * ops.reshape(ops.tile(deviation, (group,)), (n, 1, 1, 1))
