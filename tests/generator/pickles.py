"""A tiny writer of pickles, honest or hostile: it needs none of the modules that it names."""

import io
import struct
import zipfile
from dataclasses import dataclass
from typing import Any

import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C  # of PyTorch's files before 1.6
INFO = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}


@dataclass(frozen=True)
class Global:
    module: str
    name: str


@dataclass(frozen=True)
class Call:
    function: Any
    arguments: tuple[Any, ...] = ()
    state: Any = None


@dataclass(frozen=True)
class Persistent:
    key: Any


def dumps(value: Any) -> bytes:
    return b"\x80\x02" + write(value) + b"."


def write(value: Any) -> bytes:
    match value:
        case None:
            return b"N"
        case bool():
            return b"\x88" if value else b"\x89"
        case int():
            data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
            return b"\x8a" + bytes([len(data)]) + data
        case float():
            return b"G" + struct.pack(">d", value)
        case str():
            return b"X" + struct.pack("<I", len(value.encode())) + value.encode()
        case bytes():
            return b"B" + struct.pack("<I", len(value)) + value
        case tuple():
            return b"(" + b"".join(map(write, value)) + b"t"
        case list():
            return b"](" + b"".join(map(write, value)) + b"e"
        case dict():
            return b"}(" + b"".join(write(key) + write(item) for key, item in value.items()) + b"u"
        case Global():
            return f"c{value.module}\n{value.name}\n".encode()
        case Call():
            call = write(value.function) + write(value.arguments) + b"R"
            return call if value.state is None else call + write(value.state) + b"b"
        case Persistent():
            return write(value.key) + b"Q"
    raise TypeError(f"cannot write a {type(value)}")


REBUILD = Global("torch._utils", "_rebuild_tensor_v2")
FLOATS = Global("torch", "FloatStorage")


def storage(key: str, count: int, kind: Any = FLOATS) -> Persistent:
    return Persistent(("storage", kind, key, "cpu", count))


def view(held: Any, offset: Any, shape: Any, strides: Any) -> Call:
    """A tensor of a storage."""
    return Call(REBUILD, (held, offset, shape, strides, False, Call(Global("collections", "OrderedDict"))))


def legacy_file(tree: Any, storages: dict[str, np.ndarray]) -> bytes:
    """What `torch.save` wrote before 1.6."""
    data = b"".join(map(dumps, (MAGIC, 1001, INFO, tree, list(storages))))
    return data + b"".join(struct.pack("<q", x.size) + x.tobytes() for x in storages.values())


def zip_file(
    tree: Any, storages: dict[str, bytes], *, compression: int = zipfile.ZIP_STORED, folder: str = "m"
) -> bytes:
    """What `torch.save` writes since."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        archive.writestr(f"{folder}/data.pkl", dumps(tree))
        for key, data in storages.items():
            archive.writestr(f"{folder}/data/{key}", data)
    return out.getvalue()


def tensor(x: np.ndarray) -> Call:
    """A tensor as `pickle` writes it: its storage is a file of `torch.save`'s, in bytes."""
    x = np.array(x, "<f4", order="C")
    held = Persistent(("storage", FLOATS, "0", "cpu", x.size, None))
    load = Call(Global("torch.storage", "_load_from_bytes"), (legacy_file(held, {"0": x}),))
    return view(load, 0, x.shape, tuple(step // x.itemsize for step in x.strides))


def persistent_object(kind: str, state: dict[str, Any]) -> Call:
    """An object of NVIDIA's, whose source code would be run to make it."""
    meta = {"type": "class", "version": 6, "module_src": "raise SystemExit", "class_name": kind, "state": state}
    return Call(Global("torch_utils.persistence", "_reconstruct_persistent_obj"), (meta,))


def generator(tensors: dict[str, np.ndarray], arguments: dict[str, Any]) -> Call:
    """An official generator: its modules, with their tensors."""
    return _module("Generator", tensors, {"_init_args": (), "_init_kwargs": arguments})


def _module(kind: str, tensors: dict[str, np.ndarray], attributes: dict[str, Any]) -> Call:
    own = {name: tensor(x) for name, x in tensors.items() if "." not in name}
    parts: dict[str, dict[str, np.ndarray]] = {}
    for name, x in tensors.items():
        if "." in name:
            part, rest = name.split(".", 1)
            parts.setdefault(part, {})[rest] = x
    modules = {part: _module("Part", theirs, {}) for part, theirs in parts.items()}
    return persistent_object(kind, {"_parameters": own, "_buffers": {}, "_modules": modules, **attributes})
