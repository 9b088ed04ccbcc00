"""What the pickles of models ask for by name, and what they get instead: the whole list, and nothing else is known.

Every entry is an inert value, or a `Constructor` that checks its arguments and makes one. The names are those that
PyTorch, numpy, Python and NVIDIA's two code bases write; none of them is imported to read them.
"""

from collections.abc import Callable
from types import UnionType
from typing import Any

import numpy as np

from avserver.errors import ModelError
from avserver.generator.importing.opcodes import Budget, Constructor, check_key
from avserver.generator.importing.values import (
    Array,
    Dtype,
    Instance,
    Storage,
    StorageType,
    Tensor,
    describe,
    latin1,
)

ITEM_BYTES = 100  # that an entry of a dictionary or set takes, roughly

STORAGES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}
# Mentioned as values, e.g. the memory format of a layer; what they are called is all there is to know.
NAMES = (
    *(f"torch.{name}" for name in ("float64", "float32", "float16", "bfloat16", "int64", "int32", "uint8", "bool")),
    *(f"torch.{name}" for name in ("contiguous_format", "channels_last", "preserve_format", "strided")),
    "numpy.ndarray",
)


def _refuse(name: str, arguments: tuple[Any, ...]) -> ModelError:
    given = ", ".join(describe(argument) for argument in arguments[:6])
    return ModelError(f"its pickle calls {name} with what it doesn't take: {given or 'nothing'}")


def _check(name: str, arguments: tuple[Any, ...], *kinds: type | UnionType, more: int = 0) -> None:
    """Refuse arguments that are not of these kinds, followed by up to `more` of any kind."""
    if not len(kinds) <= len(arguments) <= len(kinds) + more:
        raise _refuse(name, arguments)
    if not all(isinstance(argument, kind) for argument, kind in zip(arguments, kinds, strict=False)):
        raise _refuse(name, arguments)


def _ordered_dict(arguments: tuple[Any, ...], budget: Budget) -> dict[Any, Any]:
    if not arguments:
        return {}
    _check("OrderedDict", arguments, list)
    pairs = arguments[0]
    budget.spend_bytes(ITEM_BYTES * len(pairs))
    if not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs):
        raise _refuse("OrderedDict", arguments)
    return {check_key(key): value for key, value in pairs}


def _set(arguments: tuple[Any, ...], budget: Budget) -> set[Any]:
    _check("set", arguments, list)
    budget.spend_bytes(ITEM_BYTES * len(arguments[0]))
    return set(map(check_key, arguments[0]))


def _empty_dict(arguments: tuple[Any, ...], _: Budget) -> dict[Any, Any]:
    _check("EasyDict", arguments)
    return {}


def _instance(kind: str) -> Callable[[tuple[Any, ...], Budget], Instance]:
    def make(arguments: tuple[Any, ...], _: Budget) -> Instance:
        _check(kind, arguments)
        return Instance(kind)

    return make


def _persistent_object(arguments: tuple[Any, ...], _: Budget) -> Instance:
    """An object of NVIDIA's, which comes with its source code; the code is left where it is."""
    _check("_reconstruct_persistent_obj", arguments, dict)
    kind, state = arguments[0].get("class_name"), arguments[0].get("state")
    if not isinstance(kind, str) or not isinstance(state, dict):
        raise _refuse("_reconstruct_persistent_obj", (kind, state))
    return Instance(kind[:60], state)


def _tensor(arguments: tuple[Any, ...], _: Budget) -> Tensor:
    # Storage, offset, shape, strides; then whether it is trained, hooks and metadata, which don't matter here.
    _check("_rebuild_tensor", arguments, Storage, int, tuple, tuple, more=3)
    storage, offset, shape, strides = arguments[:4]
    return Tensor(storage, offset, shape, strides)


def _parameter(arguments: tuple[Any, ...], _: Budget) -> Tensor:
    _check("_rebuild_parameter", arguments, Tensor, more=3)
    tensor: Tensor = arguments[0]
    return tensor


def _text(arguments: tuple[Any, ...], _: Budget) -> str:
    _check("torch.device", arguments, str, more=1)
    return str(arguments[0])


def _size(arguments: tuple[Any, ...], _: Budget) -> tuple[Any, ...]:
    _check("torch.Size", arguments, tuple)
    size: tuple[Any, ...] = arguments[0]
    return size


def _array(arguments: tuple[Any, ...], _: Budget) -> Array:
    # Always the same: an empty array, whose contents come as its state.
    _check("numpy's _reconstruct", arguments, str, tuple, bytes | str)
    return Array()


def _array_of_bytes(arguments: tuple[Any, ...], _: Budget) -> Array:
    _check("numpy's _frombuffer", arguments, bytes, Dtype, tuple, str)
    data, dtype, shape, order = arguments
    array = Array()
    array.fill(shape, dtype, order == "F", data)
    return array


def _dtype(arguments: tuple[Any, ...], _: Budget) -> Dtype:
    _check("numpy.dtype", arguments, str, more=2)
    return Dtype(arguments[0])


def _scalar(arguments: tuple[Any, ...], _: Budget) -> Any:
    _check("numpy's scalar", arguments, Dtype, bytes | str)
    dtype, data = arguments[0].dtype, arguments[1]
    data = latin1(data) if isinstance(data, str) else data
    if len(data) != dtype.itemsize:
        raise _refuse("numpy's scalar", arguments)
    return np.frombuffer(data, dtype)[0].item()


def _encode(arguments: tuple[Any, ...], budget: Budget) -> bytes:
    """How protocol 2, which has no bytes, writes them."""
    _check("_codecs.encode", arguments, str, str)
    if arguments[1] not in ("latin1", "latin-1"):
        raise _refuse("_codecs.encode", arguments)
    budget.spend_bytes(len(arguments[0]))
    return latin1(arguments[0])


_MAKERS: dict[str, Callable[[tuple[Any, ...], Budget], Any]] = {
    "collections.OrderedDict": _ordered_dict,
    "builtins.set": _set,
    "__builtin__.set": _set,
    "_codecs.encode": _encode,
    "argparse.Namespace": _instance("Namespace"),
    "dnnlib.util.EasyDict": _empty_dict,
    "dnnlib.tflib.network.Network": _instance("Network"),
    "torch_utils.persistence._reconstruct_persistent_obj": _persistent_object,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
    "torch.nn.parameter.Parameter": _parameter,
    "torch.device": _text,
    "torch.Size": _size,
    "numpy.dtype": _dtype,
    **{f"numpy.{core}.multiarray._reconstruct": _array for core in ("core", "_core")},
    **{f"numpy.{core}.multiarray.scalar": _scalar for core in ("core", "_core")},
    **{f"numpy.{core}.numeric._frombuffer": _array_of_bytes for core in ("core", "_core")},
}

KNOWN: dict[str, Any] = (
    {name: Constructor(name, make) for name, make in _MAKERS.items()}
    | {f"torch.{name}": StorageType(name, np.dtype(kind)) for name, kind in STORAGES.items()}
    | {"torch.BFloat16Storage": StorageType("BFloat16Storage", np.dtype("<u2"), is_bfloat16=True)}
    | {name: name for name in NAMES}
)
