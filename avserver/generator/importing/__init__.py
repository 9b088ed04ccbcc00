"""Models of other programs, read without running anything that is in them, and without their frameworks.

`torch_file` and `opcodes` read a file to a tree of plain values; `pytorch`, `tensorflow` and `rosinality` know what the
tree of a generator looks like, and give its tensors their official names.
"""

import hashlib
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from avserver.errors import ModelError
from avserver.generator import checkpoint
from avserver.generator.checkpoint import Checkpoint, Source
from avserver.generator.importing.found import Found, Read
from avserver.generator.importing.opcodes import Budget
from avserver.generator.importing.pytorch import read_pytorch
from avserver.generator.importing.rosinality import find_rosinality, read_rosinality
from avserver.generator.importing.tensorflow import is_tensorflow, read_tensorflow
from avserver.generator.importing.torch_file import is_torch_file, read_pickle, read_torch_file
from avserver.generator.importing.values import Array, Instance, Numbers, Tensor, describe

LARGEST = 4 * 2**30  # bytes; a training's whole state at 1024 px has one

UNKNOWN_LICENCE = "unknown: ask whoever trained it"
# Files by these names are NVIDIA's, if they are what they are called.
_NVIDIA = re.compile(
    r"stylegan2-[a-z0-9]+-config-[a-f]\.pkl|stylegan3-[rt]-[a-z0-9]+-\d+x\d+\.pkl|stylegan2-[a-z]+-\d+x\d+\.pkl"
    r"|(ffhq|metfaces|afhqcat|afhqdog|afhqwild|brecahad|cifar10)\.pkl"
)


def import_model(path: str | Path, *, sha256: str | None = None, licence: str | None = None) -> Checkpoint:
    """Read a model of another program: an official pickle (PyTorch, TensorFlow), rosinality's `.pt`, or an `.npz`.

    Args:
        path: of the file. It is read whole.
        sha256: what the file's must be, in hexadecimal.
        licence: of the model, for its `source`; None says what can be told from the file's name.

    Raises:
        ModelError: naming the file, and what is in it that cannot be read, or is not there.
    """
    path = Path(path)
    data = _read(path)
    digest = hashlib.sha256(data).hexdigest()
    if sha256 is not None and sha256.lower() != digest:
        raise ModelError(f"{path} has the sha256 {digest}, expected {sha256}")
    if path.suffix in (".npz", ".safetensors"):
        model, kind = checkpoint.read(path), f"{path.suffix} file"
    else:
        try:
            # Damaged files hold numbers that warn when they are calculated with, and texts that warn when read; what
            # comes of them is checked.
            with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
                model, kind = _from_bytes(data)
        except ModelError as err:
            raise ModelError(f"{path}: {err}") from err
    known = model.source.licence if model.source else licence_note(path.name)
    source = Source(file=path.name, sha256=digest, kind=kind, licence=licence or known)
    return Checkpoint(model.config, model.tensors, source)


def licence_note(file_name: str) -> str:
    """Return what can be told of a model's licence from its file's name."""
    if _NVIDIA.fullmatch(file_name):
        return f"NVIDIA's own licence, non-commercial, if it is NVIDIA's {file_name}"
    return UNKNOWN_LICENCE


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise ModelError(f"no model file at {path}")
    size = path.stat().st_size
    if size > LARGEST:
        raise ModelError(f"{path} has {size} bytes, a model has {LARGEST} at most")
    try:
        return path.read_bytes()
    except OSError as err:
        raise ModelError(f"{path} cannot be read: {err}") from err


def _from_bytes(data: bytes) -> tuple[Checkpoint, str]:
    budget = Budget(len(data))
    tree = read_torch_file(data, budget) if is_torch_file(data) else read_pickle(data, budget)

    def read(tensor: Tensor | Array) -> Numbers:
        budget.spend_bytes(tensor.size)
        return tensor.numpy()

    found = _find(tree, read)
    tensors = {name: found.tensors[name]() for name in found.config.parameter_shapes() if name in found.tensors}
    try:
        model = checkpoint.assemble(found.config, {name: x.shape for name, x in tensors.items()}, tensors.__getitem__)
    except ModelError as err:
        raise ModelError(f"{err} ({found.kind}; tensors found: {_some(found.names)})") from err
    for name, tensor in model.tensors.items():
        if not np.isfinite(tensor).all():
            raise ModelError(f"its tensor {name} has values that are no numbers")
    return model, found.kind


def _find(tree: Any, read: Read) -> Found:
    """Return the averaged generator in a tree, by whoever made it."""
    if is_tensorflow(tree):
        return read_tensorflow(tree[2], read)
    if (tensors := find_rosinality(tree)) is not None:
        return read_rosinality(tensors, read)
    generator = tree.get("G_ema") if isinstance(tree, dict) else tree
    if isinstance(generator, Instance) and "_modules" in generator.state:
        return read_pytorch(generator, read)
    if isinstance(tree, dict) and isinstance(tree.get("GAN"), dict):
        raise ModelError(
            "it is a model of lucidrains/stylegan2-pytorch, whose network is another than StyleGAN2's "
            "(noise and styles go through layers of their own), and is not drawn here"
        )
    raise ModelError(f"it holds no generator that is known (G_ema, Gs or g_ema); found: {_contents(tree)}")


def _contents(tree: Any) -> str:
    if isinstance(tree, dict):
        entries = [f"{describe(key)}: {describe(value)}" for key, value in tree.items()]
    elif isinstance(tree, list | tuple):
        entries = [describe(value) for value in tree]
    else:
        return describe(tree)
    return _some(entries)


def _some(names: Any) -> str:
    names = list(names)
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return ", ".join(name if isinstance(name, str) and len(name) < 120 else "…" for name in names[:8]) + more or "none"
