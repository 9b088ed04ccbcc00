"""A model file: safetensors, with the network's configuration as JSON in its metadata. Plain data, numpy only."""

import dataclasses
import hashlib
import json
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
from avserver.generator.npz import open_npz
from avserver.generator.official import config_of

METADATA_KEY = "avserver"
SOURCE_KEY = "avserver.source"

Result = TypeVar("Result")
Tensors = dict[str, npt.NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a model came from, before it was imported.

    Attributes:
        file: its name.
        sha256: of the file, in hexadecimal.
        kind: of file, in a few words.
        licence: a note on whose the model is.
    """

    file: str
    sha256: str
    kind: str
    licence: str


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A network's configuration and its tensors, float32, by official name (checked: all there, all of their shape)."""

    config: NetworkConfig
    tensors: Tensors
    source: Source | None = None


def read(path: str | Path, *, sha256: str | None = None) -> Checkpoint:
    """Read a model: `.safetensors` of ours, or the `.npz` layout of the reference numbers.

    The file is mapped, not loaded; tensors that the network doesn't need are left out.

    Args:
        path: of the file.
        sha256: what the file's must be, in hexadecimal; None asks for none.

    Raises:
        ModelError: naming the file, what was found and what was expected.
    """
    if sha256 is not None and (found := sha256_of(path)) != sha256.lower():
        raise ModelError(f"{path} has the sha256 {found}, expected {sha256}")
    return _opened(path, _take)


def inspect(path: str | Path) -> NetworkConfig:
    """Return the configuration of a model, checked against the shapes of its tensors, without reading those.

    Raises:
        ModelError: as `read` does.
    """
    return _opened(path, lambda stored: stored.config)


def source(path: str | Path) -> Source | None:
    """Return where an imported model came from; None if the file doesn't say. Raises ModelError as `read` does."""
    return _opened(path, lambda stored: stored.source)


def sha256_of(path: str | Path) -> str:
    """Return the sha256 of a file, in hexadecimal. Raises ModelError if it cannot be read."""
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as err:
        raise ModelError(f"{path} cannot be read: {err}") from err


def assemble(
    config: NetworkConfig,
    shapes: Mapping[str, tuple[int, ...]],
    get: Callable[[str], npt.NDArray[Any]],
) -> Checkpoint:
    """Return the model of these tensors: `shapes` by official name, and what gives one.

    Raises:
        ModelError: for a tensor that the network needs and that is missing, or of another shape or type.
    """
    return _take(_checked(_Stored(config, shapes, get)))


def write(
    path: str | Path,
    checkpoint: Checkpoint,
    *,
    storage: type[np.floating[Any]] = np.float32,
) -> None:
    """Write a model as safetensors, its tensors stored as `storage` (float32 or float16).

    Raises ModelError if the file cannot be written, or a value is too large for `storage`.
    """
    tensors = {name: _stored_as(storage, name, tensor) for name, tensor in checkpoint.tensors.items()}
    metadata = {METADATA_KEY: json.dumps(to_plain(checkpoint.config))}
    if checkpoint.source is not None:
        metadata[SOURCE_KEY] = json.dumps(dataclasses.asdict(checkpoint.source))
    write_tensors(path, tensors, metadata)


def write_tensors(path: str | Path, tensors: Mapping[str, npt.NDArray[Any]], metadata: Mapping[str, str]) -> None:
    """Write a safetensors file; one that is there stays until this one is whole.

    Raises ModelError if the file cannot be written.
    """
    # Beside its place first, and then into it: nobody finds half a model.
    unfinished = Path(path).with_name(f"{Path(path).name}.part")
    try:
        unfinished.write_bytes(save(dict(tensors), metadata=dict(metadata)))
        unfinished.replace(path)
    except OSError as err:
        unfinished.unlink(missing_ok=True)
        raise ModelError(f"{path} cannot be written: {err}") from err


def _stored_as(storage: type[np.floating[Any]], name: str, tensor: npt.NDArray[np.float32]) -> npt.NDArray[Any]:
    if np.abs(tensor).max(initial=0) > np.finfo(storage).max:
        raise ModelError(
            f"the tensor {name} has values up to {np.abs(tensor).max():g}, too large for {storage.__name__}"
        )
    return tensor.astype(storage, order="C")


@dataclass(frozen=True, slots=True)
class _Stored:
    """An open file: its configuration, the shapes of its tensors by official name, and how to get one."""

    config: NetworkConfig
    shapes: Mapping[str, tuple[int, ...]]
    get: Callable[[str], npt.NDArray[Any]]
    source: Source | None = None


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
            origin = _source(metadata.get(SOURCE_KEY))
            return use(_checked(_Stored(_config(metadata[METADATA_KEY]), shapes, file.get_tensor, origin)))
    except (SafetensorError, TypeError) as err:  # TypeError: a number type that numpy doesn't have
        raise ModelError(f"not a readable safetensors file ({err})") from err


def _config(text: str) -> NetworkConfig:
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError) as err:
        raise ModelError(f"its configuration is not JSON ({err})") from err
    if not isinstance(plain, Mapping):
        raise ModelError(f"its configuration is a JSON object, got {text[:40]!r}")
    return from_plain(plain)


def _source(text: str | None) -> Source | None:
    """Read the note on a model's source. A note that is none takes nothing from the model: it is left out."""
    try:
        note = Source(**json.loads(text)) if text else None
    except (ValueError, TypeError, RecursionError):
        return None
    return note if note and all(isinstance(value, str) for value in dataclasses.astuple(note)) else None


def _open_npz(path: Path, use: Callable[[_Stored], Result]) -> Result:
    with open_npz(path) as file:
        return use(_checked(_Stored(config_of(file.kind, file.arguments), file.shapes, file.get)))


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
    return Checkpoint(stored.config, tensors, stored.source)
