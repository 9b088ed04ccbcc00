"""Adam (Kingma & Ba 2015, arXiv:1412.6980), as a pure function of tensors by name."""

from typing import Any

from avserver.generator.backend import ops
from avserver.training.autodiff import Params

Tensor = Any

_EPSILON = 1e-8


def adam(
    params: Params,
    gradients: Params,
    moments: tuple[Params, Params],
    step: Tensor,
    *,
    rate: float,
    betas: tuple[float, float],
) -> tuple[Params, tuple[Params, Params]]:
    """Return the parameters after a step, and the new moments; `step` counts from 1, a float32 tensor."""
    first, second = betas
    mean, square = {}, {}
    moved = {}
    for name, param in params.items():
        gradient = gradients[name]
        mean[name] = first * moments[0][name] + (1 - first) * gradient
        square[name] = second * moments[1][name] + (1 - second) * ops.square(gradient)
        # Both start at zero, and are too small until they have seen enough.
        size = rate * ops.sqrt(1 - second**step) / (1 - first**step)
        moved[name] = param - size * mean[name] / (ops.sqrt(square[name]) + _EPSILON)
    return moved, (mean, square)
