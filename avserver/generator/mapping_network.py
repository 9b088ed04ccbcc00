"""The mapping network: z, and a class label if there is one, to w (Karras et al. 2019, arXiv:1812.04948)."""

from typing import Any

import numpy as np

from avserver.generator.architecture import NetworkConfig
from avserver.generator.arrays import transposed
from avserver.generator.backend import ops
from avserver.generator.checkpoint import Tensors

Tensor = Any

LEARNING_RATE = 0.01  # of the mapping network relative to the rest: weights are stored divided by it
LEAK = 0.2
EPSILON = 1e-8


class MappingNetwork:
    """z (n, z_dim) and c (n, c_dim) to w (n, w_dim), before truncation.

    Attributes:
        w_avg: (w_dim,) numpy, the w that truncation pulls towards.
    """

    def __init__(self, config: NetworkConfig, tensors: Tensors, *, depth: int | None = None) -> None:
        """`depth` cuts the network off behind that many layers."""
        self.config = config
        self.w_avg = tensors["mapping.w_avg"]
        self._layers = []
        for i in range(config.mapping_layers)[:depth]:
            weight, bias = tensors[f"mapping.fc{i}.weight"], tensors[f"mapping.fc{i}.bias"]
            # Equalised learning rate: weights are stored with unit variance and scaled by 1 / √inputs when used. The
            # leaky ReLU's gain of √2 keeps the variance.
            scale = LEARNING_RATE / np.sqrt(weight.shape[1]) * np.sqrt(2)
            self._layers.append(
                (transposed(weight, (1, 0)) * np.float32(scale), bias * np.float32(LEARNING_RATE * np.sqrt(2)))
            )
        if config.c_dim:
            weight = tensors["mapping.embed.weight"]
            self._embed = (
                transposed(weight, (1, 0)) / np.float32(np.sqrt(config.c_dim)),
                tensors["mapping.embed.bias"],
            )

    def __call__(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """Return w (n, w_dim). c is needed if, and only if, the model is conditional."""
        x = _normalise(ops.convert_to_tensor(z))
        if self.config.c_dim:
            weight, bias = self._embed
            x = ops.concatenate([x, _normalise(ops.matmul(c, weight) + bias)], axis=1)
        for weight, bias in self._layers:
            x = leaky_relu(ops.matmul(x, weight) + bias)
        return x


def leaky_relu(x: Tensor) -> Tensor:
    """Return max(x, 0.2 x)."""
    return ops.maximum(x, x * LEAK)


def _normalise(x: Tensor) -> Tensor:
    return x * ops.rsqrt(ops.mean(ops.square(x), axis=1, keepdims=True) + EPSILON)
