"""What layers do to their parameters, be they numpy arrays (of a model that plays) or tensors (of one that learns).

Arrays stay arrays, so that a framework takes them for constants; tensors stay tensors, so that gradients reach them.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from avserver.generator.backend import ops

Tensor = Any


def is_plain(array: Tensor) -> bool:
    """Return whether this is a numpy array."""
    return isinstance(array, np.ndarray)


def transposed(array: Tensor, axes: Sequence[int]) -> Tensor:
    """Return the array with its axes in another order, laid out in it."""
    return np.ascontiguousarray(array.transpose(axes)) if is_plain(array) else ops.transpose(array, axes)


def power(array: Tensor, axes: Sequence[int]) -> Tensor:
    """Return the sum of the squares over some axes."""
    if is_plain(array):
        return np.square(array).sum(axis=tuple(axes))
    return ops.sum(ops.square(array), axis=tuple(axes))
