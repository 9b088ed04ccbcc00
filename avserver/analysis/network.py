"""Small recurrent networks, one step at a time in numpy: no framework is needed where sound is heard.

The layers compute what Keras' `Dense` and `GRU` do (reset_after=True, the default), and take their weights as
Keras gives them.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file

from avserver.errors import ModelError

Vector = npt.NDArray[np.float32]


class Dense:
    """x @ kernel + bias.

    Args:
        kernel: (inputs, units).
        bias: (units,).
    """

    def __init__(self, kernel: Vector, bias: Vector) -> None:
        self._kernel, self._bias = np.ascontiguousarray(kernel, np.float32), np.asarray(bias, np.float32)

    def __call__(self, x: Vector) -> Vector:
        """Take (inputs,), return (units,)."""
        return x @ self._kernel + self._bias


class Gru:
    """Gated recurrent unit (Cho et al. 2014), with the reset gate behind the matrix product as cuDNN has it.

    Args:
        kernel: (inputs, 3 * units), the columns of update gate, reset gate and candidate.
        recurrent_kernel: (units, 3 * units).
        bias: (2, 3 * units), of the input's and of the state's product.
    """

    _state: Vector

    def __init__(self, kernel: Vector, recurrent_kernel: Vector, bias: Vector) -> None:
        self._input = Dense(kernel, bias[0])
        self._recurrent = Dense(recurrent_kernel, bias[1])
        self._units = recurrent_kernel.shape[0]
        self.reset()

    def __call__(self, x: Vector) -> Vector:
        """Take (inputs,) of the next step, return the new state (units,)."""
        units = self._units
        now, before = self._input(x), self._recurrent(self._state)
        gates = sigmoid(now[: 2 * units] + before[: 2 * units])
        update, reset = gates[:units], gates[units:]
        candidate = np.tanh(now[2 * units :] + reset * before[2 * units :])
        self._state = candidate + update * (self._state - candidate)
        return self._state

    def reset(self) -> None:
        """Back to the state before the first step."""
        self._state = np.zeros(self._units, np.float32)


def sigmoid(x: Vector) -> Vector:
    """Return 1 / (1 + exp(-x)), by tanh, which cannot overflow."""
    return np.float32(0.5) * np.tanh(np.float32(0.5) * x) + np.float32(0.5)


def load_weights(path: Path) -> Mapping[str, Vector]:
    """Return the arrays of a safetensors file by name. Raises ModelError when it cannot be read."""
    try:
        return dict(load_file(path))
    except (OSError, SafetensorError) as err:
        raise ModelError(f"cannot read the weights {path}: {err}") from err
