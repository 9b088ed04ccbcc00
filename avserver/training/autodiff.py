"""Gradients, taken by whichever framework Keras runs on.

A training step is a pure function of arrays: parameters are a dict of tensors by name, and what comes back is new
ones. `compiled` makes a program of it.
"""

import importlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from avserver.framework import keras, ops
from avserver.generator.backend import on_gpu

Tensor = Any
Params = dict[str, Tensor]


def _framework(name: str) -> Any:
    """Return the framework's module if Keras runs on it, else None."""
    return importlib.import_module(name) if keras.config.backend() == name else None


def value_and_gradients(
    loss: Callable[..., tuple[Tensor, Any]], params: Params, *others: Any
) -> tuple[Tensor, Any, Params]:
    """Return a loss, what it says besides, and the loss's gradient by every parameter.

    Args:
        loss: of (params, *others); it returns (loss, anything).
        params: by name; one that the loss does not depend on has a gradient of zeros.
        others: arrays and tensors.
    """
    if tf := _framework("tensorflow"):
        params = {name: tf.convert_to_tensor(value) for name, value in params.items()}
        with tf.GradientTape() as tape:
            tape.watch(params)
            value, besides = loss(params, *others)
        return value, besides, tape.gradient(value, params, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    if jax := _framework("jax"):
        (value, besides), gradients = jax.value_and_grad(loss, has_aux=True)(params, *others)
        return value, besides, gradients
    torch = _framework("torch")
    params = {name: value.detach().clone().requires_grad_(True) for name, value in params.items()}
    value, besides = loss(params, *others)
    taken = torch.autograd.grad(value, list(params.values()), allow_unused=True)
    gradients = {
        name: torch.zeros_like(param) if gradient is None else gradient
        for (name, param), gradient in zip(params.items(), taken, strict=True)
    }
    return value.detach(), _detached(besides), gradients


def input_gradient(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Return the gradient of a number by x, of x's shape; a gradient can be taken of it again."""
    if tf := _framework("tensorflow"):
        x = tf.convert_to_tensor(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = function(x)
        return tape.gradient(value, x)
    if jax := _framework("jax"):
        return jax.grad(function)(x)
    torch = _framework("torch")
    if not x.requires_grad:
        x = x.detach().requires_grad_(True)
    return torch.autograd.grad(function(x), x, create_graph=True)[0]


def constant(x: Tensor) -> Tensor:
    """Return x, through which no gradient goes."""
    return ops.stop_gradient(x)


def compiled(step: Callable[..., Any]) -> Callable[..., Any]:
    """Make a program of a function of arrays, and of dicts of arrays, whose shapes stay the same."""
    if tf := _framework("tensorflow"):
        return tf.function(step, jit_compile=on_gpu(), autograph=False)
    if jax := _framework("jax"):
        return jax.jit(step)

    def run(*arrays: Any) -> Any:
        return _detached(step(*(_tensors(array) for array in arrays)))

    return run


def _tensors(held: Any) -> Any:
    if isinstance(held, Mapping):
        return {name: _tensors(value) for name, value in held.items()}
    return ops.convert_to_tensor(np.asarray(held) if isinstance(held, float | int) else held)


def _detached(held: Any) -> Any:
    """Return PyTorch's tensors without the way they came."""
    if isinstance(held, Mapping):
        return {name: _detached(value) for name, value in held.items()}
    if isinstance(held, tuple | list):
        return tuple(_detached(value) for value in held)
    return held.detach() if hasattr(held, "detach") else held
