"""Pupil: a generator that is shown how what it draws differs from what it should have drawn."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from avserver.generator.architecture import StyleGAN2Config
from avserver.generator.backend import ops
from avserver.generator.checkpoint import Tensors
from avserver.generator.mapping_network import LEAK, LEARNING_RATE, MappingNetwork
from avserver.generator.synthesis import make_synthesis
from avserver.training.adam import adam
from avserver.training.autodiff import Params, compiled, value_and_gradients
from avserver.training.imitation import silk
from avserver.training.imitation.lesson import Lesson
from avserver.training.learner import Optimised

Tensor = Any
Array = npt.NDArray[np.float32]

BETAS = (0.9, 0.99)
_SCALES = 3  # a picture is looked at as it is, at half its size and at a quarter


class Pupil:
    """The programs of a generator that learns by imitation.

    Args:
        config: of the generator.
        buffers: what of it is not learnt, by official name.
        kept: the share that the averaged generator keeps of what it was.
        precision: of convolutions, "float32" or "bfloat16"; what is learnt is float32.
    """

    def __init__(self, config: StyleGAN2Config, buffers: Tensors, *, kept: float, precision: str = "float32") -> None:
        self._config = config
        self._precision = precision
        self._buffers = buffers
        self._kept = kept
        self._program = compiled(self._step)
        self._drawing = compiled(self._draw)

    def step(
        self, generator: Optimised, average: Params, number: int, rate: float, lesson: Lesson
    ) -> tuple[Optimised, Params, float]:
        """Return the generator and its average after step `number` (from 1), and the mean difference before it."""
        moved, average, difference = self._program(
            generator,
            average,
            np.float32(number),
            np.float32(rate),
            lesson.z,
            lesson.weights,
            dict(lesson.noise),
            lesson.pictures,
        )
        return moved, average, float(difference)

    def draw(self, params: Params, lesson: Lesson) -> Array:
        """Return the pictures that a generator draws for a lesson, (n, R, R, 3)."""
        return np.asarray(self._drawing(params, lesson.z, lesson.weights, dict(lesson.noise)))

    def _draw(self, params: Params, z: Tensor, weights: Tensor, noise: Mapping[str, Tensor]) -> Tensor:
        tensors = {**self._buffers, **params}
        count, mixed, z_dim = z.shape
        w = MappingNetwork(self._config, tensors)(ops.reshape(z, (count * mixed, z_dim)))
        ws = ops.einsum("nlk,nkw->nlw", weights, ops.reshape(w, (count, mixed, self._config.w_dim)))
        network = make_synthesis(self._config, tensors, precision=self._precision)
        fields = {}
        for layer in network.noisy:
            block, part = layer.name.split(".")[1:3]
            if block[1:] in noise:
                field = noise[block[1:]][:, 0 if part == "conv0" else 1]
                fields[layer.name] = (field[None], ops.reshape(layer.noise_strength, (1,)))
        return network.draw(ws, fields)

    def _step(
        self,
        generator: Optimised,
        average: Params,
        number: Tensor,
        rate: Tensor,
        z: Tensor,
        weights: Tensor,
        noise: Mapping[str, Tensor],
        pictures: Tensor,
    ) -> tuple[Optimised, Params, Tensor]:
        def loss(params: Params) -> tuple[Tensor, Tensor]:
            difference = self._draw(params, z, weights, noise) - pictures
            return _size(difference), ops.mean(ops.abs(difference))

        _, difference, gradients = value_and_gradients(loss, generator["params"])
        params, (mean, square) = adam(
            generator["params"], gradients, (generator["mean"], generator["square"]), number, rate=rate, betas=BETAS
        )
        average = {name: params[name] + self._kept * (average[name] - params[name]) for name in average}
        return {"params": params, "mean": mean, "square": square}, average, difference


def _size(difference: Tensor) -> Tensor:
    """Return how much a difference (n, R, R, 3) counts: large forms as much as fine ones, and edges beside."""
    across, down = difference[:, :, 1:] - difference[:, :, :-1], difference[:, 1:] - difference[:, :-1]
    total = ops.mean(ops.abs(across)) + ops.mean(ops.abs(down))
    for _ in range(_SCALES):
        total = total + 0.5 * ops.mean(ops.abs(difference)) + ops.mean(ops.square(difference))
        difference = ops.average_pool(difference, 2, 2, data_format="channels_last")
    return total


def attentive(config: StyleGAN2Config) -> Tensors:
    """Return a mapping network that hands on what z says, as it stands, for a pupil to begin with.

    Half of its units pass on what is said and half the opposite, so that nothing is lost to the leaky ReLU.

    Returns its parameters, by official name.
    """
    said = silk.directions()
    width = len(said)
    tensors: Tensors = {}
    for i in range(config.mapping_layers):
        weight = np.zeros((config.w_dim, config.z_dim if i == 0 else config.w_dim), np.float32)
        if i == 0:
            weight[:width], weight[width : 2 * width] = said, -said
        else:
            # leaky(x) - leaky(-x) is (1 + LEAK) x, and the nonlinearity has a gain of √2.
            passed = np.eye(width, dtype=np.float32) / ((1 + LEAK) * 2**0.5)
            weight[:width, :width], weight[:width, width : 2 * width] = passed, -passed
            weight[width : 2 * width, :width], weight[width : 2 * width, width : 2 * width] = -passed, passed
        # As the equalised learning rate has it.
        tensors[f"mapping.fc{i}.weight"] = weight * np.float32(weight.shape[1] ** 0.5 / LEARNING_RATE)
        tensors[f"mapping.fc{i}.bias"] = np.zeros(config.w_dim, np.float32)
    return tensors
