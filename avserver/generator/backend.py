"""The one place that knows how to make the framework that Keras runs on fast.

Everything else here speaks `keras.ops`. What is said in this module and nowhere else: with how many
threads it runs, in which precision, and what is compiled together (`program`, `stage`).

On TensorFlow on a CPU a program is a graph of oneDNN convolutions, and what lies between two convolutions (a
`stage`) is one XLA function: XLA's own convolutions are up to three times slower for few channels, and operations
outside XLA each go through memory. On a GPU the whole program goes through XLA; on JAX it is jitted whole; on
PyTorch it runs eagerly.
"""

import contextlib
import functools
import importlib
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from avserver.errors import ConfigError
from avserver.generator import compile_cache

_log = logging.getLogger(__name__)


def _keep_compiled() -> Path | None:
    """Have TensorFlow keep what it compiles for the CPU; return the folder, None if nothing is kept."""
    path = compile_cache.folder(os.environ)
    if path is None or not compile_cache.prepare(path):
        return None
    ours = f"--tf_xla_persistent_cache_directory={path} --tf_xla_persistent_cache_device_types=CPU"
    given = os.environ.get("TF_XLA_FLAGS", "")
    if given not in ("", ours):
        return None  # somebody has a say of their own
    os.environ["TF_XLA_FLAGS"] = ours
    return path


# Read by TensorFlow while it is imported.
_COMPILED = _keep_compiled()


from avserver.framework import keras, ops  # noqa: E402  (after what TensorFlow reads while it is imported)

__all__ = [
    "PRECISIONS",
    "default_precision",
    "on_gpu",
    "ops",
    "program",
    "stage",
    "start",
    "to_numpy",
    "value_and_gradient",
]

PRECISIONS = ("float32", "bfloat16")

Tensor = Any


@functools.cache
def _tensorflow() -> Any:
    """Return the tensorflow module if Keras runs on it, else None."""
    if keras.config.backend() != "tensorflow":
        return None
    return importlib.import_module("tensorflow")


@functools.cache
def on_gpu() -> bool:
    """Return whether the framework draws on a GPU."""
    match name():
        case "tensorflow":
            return bool(_tensorflow().config.list_physical_devices("GPU"))
        case "jax":
            return bool(importlib.import_module("jax").default_backend() == "gpu")
        case "torch":
            return bool(importlib.import_module("torch").cuda.is_available())
    return False


_started = False


def start(threads: int = 1) -> None:
    """Set the framework up, before its first operation; later calls change nothing.

    Args:
        threads: that one operation may use on a CPU. One is as fast as two for small networks, and much steadier
            beside other work.
    """
    global _started  # noqa: PLW0603  (the framework is one for the whole process, and so is this)
    if _started:
        return
    _started = True
    tf = _tensorflow()
    if tf is None:
        return
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        for gpu in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, True)
    except RuntimeError:
        # TensorFlow is running already: whoever started it in this process has chosen.
        return


def default_precision(cpuinfo: str | None = None) -> str:
    """Return "bfloat16" where the CPU multiplies it in hardware (AMX) or a GPU draws, else "float32".

    Without AMX, bfloat16 is four times slower than float32 (AVX512) or ends the process (AVX2).

    Args:
        cpuinfo: the text of /proc/cpuinfo; None reads it.
    """
    if cpuinfo is None:
        if on_gpu():
            return "bfloat16"
        path = Path("/proc/cpuinfo")
        cpuinfo = path.read_text(encoding="ascii", errors="replace") if path.exists() else ""
    return "bfloat16" if "amx_bf16" in cpuinfo.split() else "float32"


def check_precision(precision: str | None) -> str:
    """Return `precision`, or the default for None. Raises ConfigError if it is unknown."""
    if precision is None:
        return default_precision()
    if precision not in PRECISIONS:
        raise ConfigError(f"unknown precision {precision!r}, allowed: {', '.join(PRECISIONS)}")
    return precision


def program(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile what draws one picture: arrays in, tensors out; the shapes stay the same from call to call."""
    tf = _tensorflow()
    if tf is not None:
        return _mending(lambda: tf.function(function, jit_compile=on_gpu(), autograph=False), broken=tf.errors.OpError)
    if keras.config.backend() == "jax":
        compiled: Callable[..., Any] = importlib.import_module("jax").jit(function)
        return compiled
    torch = importlib.import_module("torch")

    def draw(*arrays: Any) -> Any:
        with torch.inference_mode():
            return function(*(ops.convert_to_tensor(array) for array in arrays))

    return draw


def value_and_gradient(function: Callable[..., Any]) -> Callable[..., tuple[Tensor, Tensor]]:
    """Compile a function of arrays whose value is one number; return it and its gradient by the first argument."""
    tf = _tensorflow()
    if tf is not None:

        def taped(x: Tensor, *others: Tensor) -> tuple[Tensor, Tensor]:
            x = tf.convert_to_tensor(x)
            with tf.GradientTape() as tape:
                tape.watch(x)
                value = function(x, *others)
            return value, tape.gradient(value, x)

        return _mending(lambda: tf.function(taped, jit_compile=on_gpu(), autograph=False), broken=tf.errors.OpError)
    if keras.config.backend() == "jax":
        jax = importlib.import_module("jax")
        compiled: Callable[..., Any] = jax.jit(jax.value_and_grad(function))
        return compiled
    torch = importlib.import_module("torch")

    def differentiate(x: Tensor, *others: Tensor) -> tuple[Tensor, Tensor]:
        x = ops.convert_to_tensor(x).detach().clone().requires_grad_(True)
        value = function(x, *(ops.convert_to_tensor(other) for other in others))
        return value, torch.autograd.grad(value, x)[0]

    return differentiate


def _mending(make: Callable[[], Callable[..., Any]], broken: type[Exception]) -> Callable[..., Any]:
    """Return a graph that is made anew if what was kept of it is of no use (a full disk, a machine that died)."""
    graph, has_drawn = make(), False

    def draw(*arrays: Any) -> Any:
        nonlocal graph, has_drawn
        try:
            drawn = graph(*arrays)
        except broken:
            if has_drawn or _COMPILED is None:
                raise
            _log.warning("what was compiled and kept in %s is broken; compiling anew", _COMPILED)
            compile_cache.forget(_COMPILED)
            graph = make()
            drawn = graph(*arrays)
        has_drawn = True
        return drawn

    return draw


def stage(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile what lies between two convolutions of a program into one function, where that helps."""
    tf = _tensorflow()
    if tf is None or on_gpu():
        return function
    compiled: Callable[..., Any] = tf.function(function, jit_compile=True, autograph=False)
    return compiled


@contextlib.contextmanager
def eagerly() -> Iterator[None]:
    """Have programs run operation by operation within it: what compiled ones are measured against."""
    tf = _tensorflow()
    if tf is not None:
        tf.config.run_functions_eagerly(True)
        try:
            yield
        finally:
            tf.config.run_functions_eagerly(False)
    elif keras.config.backend() == "jax":
        with importlib.import_module("jax").disable_jit():
            yield
    else:
        yield


def name() -> str:
    """Return which framework draws: "tensorflow", "jax" or "torch"."""
    return str(keras.config.backend())


def to_numpy(tensor: Tensor) -> npt.NDArray[Any]:
    """Return a tensor's value on the host."""
    return np.asarray(ops.convert_to_numpy(tensor))
