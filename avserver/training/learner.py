"""One step of learning: what happens to the two networks' parameters, as programs of the framework in use.

Every random number comes in from outside, so that a step is a function of what it is given and nothing else.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from avserver.generator.backend import ops
from avserver.generator.checkpoint import Tensors
from avserver.generator.mapping_network import MappingNetwork
from avserver.generator.synthesis import make_synthesis
from avserver.training.adam import adam
from avserver.training.augment import augment
from avserver.training.autodiff import Params, compiled, constant, value_and_gradients
from avserver.training.discriminator import Discriminator
from avserver.training.losses import discriminator_loss, generator_loss, path_penalty, r1_penalty
from avserver.training.recipe import Recipe

Tensor = Any
Array = npt.NDArray[np.float32]
Drawn = Mapping[str, Tensor]
Optimised = dict[str, Params]  # "params", "mean", "square": a network and Adam's moments, each by name

# Parameters of the generator that are not learnt.
BUFFERS = (
    "noise_const",
    "resample_filter",
    "w_avg",
    "up_filter",
    "down_filter",
    "magnitude_ema",
    "freqs",
    "phases",
    "transform",
)
BETAS = (0.0, 0.99)
PATH_SHARE = 2  # path lengths are looked at in one of so many pictures of a batch


def is_learnt(name: str) -> bool:
    """Return whether a generator's tensor is learnt, by its official name."""
    return not name.endswith(BUFFERS)


class Learner:
    """The programs of a recipe.

    Args:
        recipe: what to do.
        discriminator: what judges.
        buffers: what of the generator is not learnt, by official name.

    Each takes the network that moves as Optimised, what it needs of the other one, the number of its step (from 1,
    float32) and the batch's random choices, and returns the network moved and what there is to tell.
    """

    def __init__(self, recipe: Recipe, discriminator: Discriminator, buffers: Tensors) -> None:
        self._recipe = recipe
        self._discriminator = discriminator
        self._buffers = buffers
        self._frozen = tuple(f"b{r}." for r in discriminator.resolutions[: recipe.frozen])
        self.generator_step = compiled(self._generator_step)
        self.path_step = compiled(self._path_step)
        self.discriminator_step = compiled(self._discriminator_step)
        self.r1_step = compiled(self._r1_step)
        self.averaged = compiled(self._averaged)
        self.pictures = compiled(self._pictures)

    def _ws(self, params: Params, drawn: Drawn) -> Tensor:
        """Return ws (n, num_ws, w_dim) of two z, mixed as `drawn` says."""
        mapping = MappingNetwork(self._recipe.model, {**self._buffers, **params})
        one, two = mapping(drawn["z"]), mapping(drawn["z_mixed"])
        share = drawn["mixed"][:, :, None]
        return one[:, None] * (1 - share) + two[:, None] * share

    def _draw(self, params: Params, ws: Tensor, drawn: Drawn) -> Tensor:
        network = make_synthesis(self._recipe.model, {**self._buffers, **params}, precision=self._recipe.precision)
        count = ws.shape[0]
        noise = {
            layer.name: (drawn[layer.name][None, :count], ops.reshape(layer.noise_strength, (1,)))
            for layer in network.noisy
            if layer.name in drawn
        }
        return network.draw(ws, noise)

    def _generator_step(
        self, generator: Optimised, discriminator: Params, step: Tensor, drawn: Drawn, augmented: Drawn
    ) -> tuple[Optimised, Tensor, dict[str, Tensor]]:
        """Return the generator moved, the pictures that it made, and its loss."""

        def loss(params: Params) -> tuple[Tensor, Tensor]:
            images = self._draw(params, self._ws(params, drawn), drawn)
            scores = self._discriminator.scores(discriminator, augment(images, augmented))
            return generator_loss(scores), images

        value, images, gradients = value_and_gradients(loss, generator["params"])
        moved = self._moved(generator, gradients, step, self._recipe.path_every)
        return moved, images, {"generator_loss": value}

    def _path_step(
        self, generator: Optimised, length: Tensor, step: Tensor, drawn: Drawn, direction: Tensor
    ) -> tuple[Optimised, Tensor, dict[str, Tensor]]:
        """Return the generator with its paths evened out, and their mean length; direction is (n, R, R, 3)."""

        def loss(params: Params) -> tuple[Tensor, Tensor]:
            ws = self._ws(params, drawn)[: direction.shape[0]]
            penalty, mean = path_penalty(lambda ws: self._draw(params, ws, drawn), ws, direction, length)
            return penalty * (self._recipe.path_weight * self._recipe.path_every), (mean, penalty)

        _, (mean, penalty), gradients = value_and_gradients(loss, generator["params"])
        moved = self._moved(generator, gradients, step, self._recipe.path_every)
        return moved, mean, {"path_penalty": penalty}

    def _discriminator_step(
        self, discriminator: Optimised, step: Tensor, real: Tensor, made: Tensor, augmented: Drawn, also: Drawn
    ) -> tuple[Optimised, dict[str, Tensor]]:
        """Return the discriminator moved; `augmented` is done to the real pictures and `also` to those made."""

        def loss(params: Params) -> tuple[Tensor, tuple[Tensor, Tensor]]:
            of_real = self._discriminator.scores(params, augment(real, augmented))
            of_made = self._discriminator.scores(params, augment(constant(made), also))
            return discriminator_loss(of_real, of_made), (of_real, of_made)

        value, (of_real, of_made), gradients = value_and_gradients(loss, discriminator["params"])
        moved = self._moved(discriminator, gradients, step, self._recipe.r1_every)
        told = {
            "discriminator_loss": value,
            "score_real": ops.mean(of_real),
            "score_made": ops.mean(of_made),
            "sign_real": ops.mean(ops.sign(of_real)),
        }
        return moved, told

    def _r1_step(
        self, discriminator: Optimised, step: Tensor, real: Tensor, augmented: Drawn
    ) -> tuple[Optimised, dict[str, Tensor]]:
        """Return the discriminator made smoother around real pictures."""

        def loss(params: Params) -> tuple[Tensor, Tensor]:
            penalty = r1_penalty(lambda images: self._discriminator.scores(params, augment(images, augmented)), real)
            return penalty * (self._recipe.gamma * self._recipe.r1_every), penalty

        _, penalty, gradients = value_and_gradients(loss, discriminator["params"])
        return self._moved(discriminator, gradients, step, self._recipe.r1_every), {"r1_penalty": penalty}

    def _moved(self, network: Optimised, gradients: Params, step: Tensor, every: int) -> Optimised:
        """Return a network after a step of Adam, whose rate and betas make up for steps that only regularise.

        As in lazy regularisation (arXiv:1912.04958, appendix B).
        """
        share = every / (every + 1) if every else 1.0
        gradients = {
            name: ops.zeros_like(gradient) if name.startswith(self._frozen) and self._frozen else gradient
            for name, gradient in gradients.items()
        }
        params, (mean, square) = adam(
            network["params"],
            gradients,
            (network["mean"], network["square"]),
            step,
            rate=self._recipe.learning_rate * share,
            betas=(BETAS[0] ** share, BETAS[1] ** share),
        )
        return {"params": params, "mean": mean, "square": square}

    @staticmethod
    def _averaged(average: Params, params: Params, kept: Tensor) -> Params:
        """Return the averaged generator; it keeps the share `kept` of what it was."""
        return {name: params[name] + kept * (average[name] - params[name]) for name in average}

    def _pictures(self, params: Params, z: Tensor) -> Tensor:
        """Return images of z (n, z_dim), with the noise that stands still."""
        tensors = {**self._buffers, **params}
        w = MappingNetwork(self._recipe.model, tensors)(z)
        network = make_synthesis(self._recipe.model, tensors)
        noise = {
            layer.name: (layer.noise_const[None], ops.reshape(layer.noise_strength, (1,))) for layer in network.noisy
        }
        return network.draw(ops.repeat(w[:, None], self._recipe.model.num_ws, axis=1), noise)
