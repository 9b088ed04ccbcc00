"""All GPUs of a machine, and of several machines, through JAX's own data parallelism.

A batch is laid over the devices, picture by picture; JAX then divides the work of a compiled step, and gathers the
gradients, by itself. On one device, and with TensorFlow and PyTorch, which here use one, all stays where it is.
"""

import importlib
from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from avserver.errors import ConfigError
from avserver.framework import keras

Array = npt.NDArray[np.float32]
Batch = TypeVar("Batch", Array, Mapping[str, Array])


def join(coordinator: str, machines: int, machine: int) -> None:
    """Make this process one of several that train together; each is started with the same arguments but its number.

    Args:
        coordinator: host:port of the first one.
        machines: how many processes there are.
        machine: this one's number, from 0.

    Raises ConfigError for numbers that cannot be, without JAX, and if the others are not to be reached.
    """
    if keras.config.backend() != "jax":
        raise ConfigError(f"several machines train with KERAS_BACKEND=jax, got {keras.config.backend()}")
    if not 0 <= machine < machines:
        raise ConfigError(f"of {machines} machines, a machine's number is 0 to {machines - 1}, got {machine}")
    try:
        importlib.import_module("jax").distributed.initialize(coordinator, machines, machine)
    except (RuntimeError, ValueError) as err:
        raise ConfigError(f"cannot train together with others through {coordinator}: {err}") from err


def is_first() -> bool:
    """Return whether this process is the one that writes files."""
    return keras.config.backend() != "jax" or importlib.import_module("jax").process_index() == 0


def count() -> int:
    """Return over how many devices a batch is laid."""
    return len(importlib.import_module("jax").devices()) if keras.config.backend() == "jax" else 1


def spread(batch: Batch) -> Any:
    """Return arrays (n, …), alone or by name, laid over the devices along their first axis.

    Raises ConfigError if n is no multiple of the number of devices.
    """
    devices = count()
    if devices == 1:
        return batch
    if isinstance(batch, Mapping):
        return {name: spread(array) for name, array in batch.items()}
    if len(batch) % devices:
        raise ConfigError(f"a batch, and half of it, is a multiple of the {devices} devices, got {len(batch)}")
    jax = importlib.import_module("jax")
    mesh = jax.sharding.Mesh(np.array(jax.devices()), ("pictures",))
    sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("pictures"))
    # Every process has the whole batch, and gives its devices their part of it.
    return jax.make_array_from_callback(batch.shape, sharding, lambda part: batch[part])
