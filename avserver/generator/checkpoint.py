"""A model file: safetensors, with the network's configuration as JSON in its metadata. Plain data, numpy only."""

import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from avserver.errors import ModelError
from avserver.generator.architecture import NetworkConfig, from_plain, to_plain

METADATA_KEY = "avserver"

Result = TypeVar("Result")
Tensors = dict[str, npt.NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A network's configuration and its tensors, float32, by official name (checked: all there, all of their shape)."""

    config: NetworkConfig
    tensors: Tensors


def read(path: str | Path) -> Checkpoint:
    """Read a model: `.safetensors` of ours, or the `.npz` layout of the reference numbers.

    The file is mapped, not loaded; tensors that the network doesn't need are left out.

    Raises:
        ModelError: naming the file, what was found and what was expected.
    """
    return _opened(path, _take)


def inspect(path: str | Path) -> NetworkConfig:
    """Return the configuration of a model, checked against the shapes of its tensors, without reading those.

    Raises:
        ModelError: as `read` does.
    """
    return _opened(path, lambda stored: stored.config)


def write(
    path: str | Path,
    checkpoint: Checkpoint,
    *,
    storage: type[np.floating[Any]] = np.float32,
) -> None:
    """Write a model as safetensors, its tensors stored as `storage` (float32 or float16)."""
    tensors = {name: tensor.astype(storage, order="C") for name, tensor in checkpoint.tensors.items()}
    Path(path).write_bytes(save(tensors, metadata={METADATA_KEY: json.dumps(to_plain(checkpoint.config))}))


@dataclass(frozen=True, slots=True)
class _Stored:
    """An open file: its configuration, the shapes of its tensors by official name, and how to get one."""

    config: NetworkConfig
    shapes: Mapping[str, tuple[int, ...]]
    get: Callable[[str], npt.NDArray[Any]]


def _opened(path: str | Path, use: Callable[[_Stored], Result]) -> Result:
    """Open a model, check that it is whole, and return what `use` makes of it."""
    path = Path(path)
    if not path.is_file():
        raise ModelError(f"no model file at {path}")
    try:
        return (_open_npz if path.suffix == ".npz" else _open_safetensors)(path, use)
    except ModelError as err:
        raise ModelError(f"{path}: {err}") from err
    except OSError as err:
        raise ModelError(f"{path} cannot be read: {err}") from err


def _open_safetensors(path: Path, use: Callable[[_Stored], Result]) -> Result:
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if METADATA_KEY not in metadata:
                raise ModelError(
                    f"a safetensors file whose metadata lacks the configuration {METADATA_KEY!r} "
                    f"(it has: {', '.join(sorted(metadata)) or 'nothing'})"
                )
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
            return use(_checked(_Stored(_config(metadata[METADATA_KEY]), shapes, file.get_tensor)))
    except (SafetensorError, TypeError) as err:  # TypeError: a number type that numpy doesn't have
        raise ModelError(f"not a readable safetensors file ({err})") from err


def _config(text: str) -> NetworkConfig:
    try:
        plain = json.loads(text)
    except ValueError as err:
        raise ModelError(f"its configuration is not JSON ({err})") from err
    if not isinstance(plain, Mapping):
        raise ModelError(f"its configuration is a JSON object, got {text[:40]!r}")
    return from_plain(plain)


def _open_npz(path: Path, use: Callable[[_Stored], Result]) -> Result:
    try:
        with np.load(path, allow_pickle=False) as file:
            if "meta" not in file:
                raise ModelError("an .npz file without the array 'meta'")
            tensors = {name.removeprefix("param/"): file[name] for name in file.files if name.startswith("param/")}
            shapes = {name: tensor.shape for name, tensor in tensors.items()}
            return use(_checked(_Stored(_official_config(str(file["meta"])), shapes, tensors.__getitem__)))
    except (ValueError, EOFError, zipfile.BadZipFile) as err:
        raise ModelError(f"not a readable .npz file ({err})") from err


def _official_config(text: str) -> NetworkConfig:
    """Translate the constructor arguments of the official generator into ours."""
    try:
        meta = json.loads(text)
        kwargs = meta["kwargs"]
        plain = {
            "architecture": meta["kind"],
            "resolution": kwargs["img_resolution"],
            "mapping_layers": kwargs["mapping_kwargs"]["num_layers"],
            **{key: kwargs[key] for key in ("z_dim", "w_dim", "c_dim", "channel_base", "channel_max")},
        }
    except (ValueError, KeyError, TypeError) as err:
        raise ModelError(f"its 'meta' is not an official generator's arguments ({err})") from err
    return from_plain(plain)


def _checked(stored: _Stored) -> _Stored:
    """Return `stored`. Raises ModelError for a tensor that its network needs and lacks, or of another shape."""
    for name, shape in stored.config.parameter_shapes().items():
        if name not in stored.shapes:
            raise ModelError(f"it lacks the tensor {name} of shape {shape}")
        if stored.shapes[name] != shape:
            raise ModelError(f"its tensor {name} has shape {stored.shapes[name]}, expected {shape}")
    return stored


def _take(stored: _Stored) -> Checkpoint:
    """Read the tensors that the network needs, as float32."""
    tensors: Tensors = {}
    for name in stored.config.parameter_shapes():
        tensor = np.asarray(stored.get(name))
        if tensor.dtype not in (np.float32, np.float16, np.float64):
            raise ModelError(f"its tensor {name} is {tensor.dtype}, expected float32 or float16")
        tensors[name] = tensor.astype(np.float32)
    return Checkpoint(stored.config, tensors)
