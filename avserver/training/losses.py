"""What the two networks are to make small.

The non-saturating logistic loss (Goodfellow et al. 2014, arXiv:1406.2661), R1 (Mescheder et al. 2018,
arXiv:1801.04406) and path lengths (Karras et al. 2020, arXiv:1912.04958, section 3.2). All of float32 tensors.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from avserver.generator.backend import ops
from avserver.training.autodiff import constant, input_gradient

Tensor = Any

PATH_DECAY = 0.01  # of the moving mean of path lengths


def generator_loss(made: Tensor) -> Tensor:
    """Return the generator's loss, for the scores (n,) of what it made."""
    return ops.mean(ops.softplus(-made))


def discriminator_loss(real: Tensor, made: Tensor) -> Tensor:
    """Return the discriminator's loss, for the scores (n,) of real pictures and of made ones."""
    return ops.mean(ops.softplus(made)) + ops.mean(ops.softplus(-real))


def r1_penalty(scores: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """Return the mean over real images (n, R, R, 3) of half the squared gradient of their scores."""
    gradient = input_gradient(lambda images: ops.sum(scores(images)), images)
    return 0.5 * ops.mean(ops.sum(ops.square(gradient), axis=(1, 2, 3)))


def path_penalty(
    draw: Callable[[Tensor], Tensor], ws: Tensor, noise: Tensor, mean_length: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the path-length penalty, and the new mean length.

    A step in w is to change the picture by the same amount wherever it is taken, and in whichever direction.

    Args:
        draw: ws to images.
        ws: (n, num_ws, w_dim).
        noise: (n, R, R, 3), unit normal: the direction in which the picture's change is looked at.
        mean_length: of all paths so far.
    """
    scale = float(1 / np.sqrt(noise.shape[1] * noise.shape[2]))
    gradient = input_gradient(lambda ws: ops.sum(draw(ws) * noise) * scale, ws)
    lengths = ops.sqrt(ops.mean(ops.sum(ops.square(gradient), axis=2), axis=1) + 1e-12)
    mean = mean_length + PATH_DECAY * (constant(ops.mean(lengths)) - mean_length)
    return ops.mean(ops.square(lengths - mean)), mean
