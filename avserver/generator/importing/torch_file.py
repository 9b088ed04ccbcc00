"""The two layouts of a file that `torch.save` writes, and the storages in them. torch is not needed.

Since PyTorch 1.6: a zip archive, nothing compressed, with `data.pkl`, and every storage as `data/KEY`.
Before, and wherever a tensor is pickled by `pickle` itself: five pickles (a magic number, the version, how the machine
writes numbers, the object, the keys of its storages), then the storages, each behind its count.

Layouts: `torch/serialization.py`.
"""

import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

from avserver.errors import ModelError
from avserver.generator.importing.constructors import KNOWN
from avserver.generator.importing.opcodes import Budget, Constructor, interpret
from avserver.generator.importing.values import Storage, StorageType, describe, is_count

PICKLE_MAGIC = b"\x80"
ZIP_MAGIC = b"PK\x03\x04"
LEGACY_NUMBER, LEGACY_VERSION = 0x1950A86A20F9469CFC6C, 1001
# The first of the five pickles: protocol 2, the number, stop.
LEGACY_MAGIC = b"\x80\x02\x8a\n" + LEGACY_NUMBER.to_bytes(10, "little") + b"."

ENTRIES = 20_000  # of an archive, at most; a training's whole state has some 2000


def is_torch_file(data: bytes) -> bool:
    """Tell whether `torch.save` wrote this."""
    return data.startswith((ZIP_MAGIC, LEGACY_MAGIC))


def read_torch_file(data: bytes, budget: Budget) -> Any:
    """Return what was saved, its tensors unread. Raises ModelError if it is damaged or asks for what is not known."""
    return _read_zip(data, budget) if data.startswith(ZIP_MAGIC) else _read_legacy(data, budget)


def read_pickle(data: bytes, budget: Budget) -> Any:
    """Return the value of a plain pickle, in which every storage is a file of `torch.save`'s. Raises as above."""
    if not data.startswith(PICKLE_MAGIC):  # a web page, or what git keeps instead of a large file
        raise ModelError(f"it is no pickle of protocol 2 or later, it begins with {describe(data[:20])}")
    return interpret(BytesIO(data), budget, KNOWN | {_LOAD_FROM_BYTES.name: _LOAD_FROM_BYTES})


def _load_from_bytes(arguments: tuple[Any, ...], budget: Budget) -> Storage:
    data = arguments[0] if len(arguments) == 1 else None
    if not isinstance(data, bytes) or not is_torch_file(data):
        raise ModelError(f"its pickle has a tensor in bytes that torch didn't save: {describe(data)}")
    budget.spend_bytes(len(data))
    storage = read_torch_file(data, budget)  # in there this constructor is not known: it goes no deeper
    if not isinstance(storage, Storage):
        raise ModelError(f"its pickle has a tensor's storage expected and {describe(storage)} found")
    return storage


_LOAD_FROM_BYTES = Constructor("torch.storage._load_from_bytes", _load_from_bytes)


class _Storages:
    """The storages that a pickle mentions by persistent ids `("storage", type, key, device, count[, view])`."""

    def __init__(self, available: int) -> None:
        self.by_key: dict[str, Storage] = {}
        self._available = available

    def load(self, key: Any) -> Storage:
        if not isinstance(key, tuple) or len(key) not in (5, 6) or key[0] != "storage":
            raise ModelError(f"its pickle mentions something outside of it that is no storage: {describe(key)}")
        kind, name, count = key[1], key[2], key[4]
        if not isinstance(kind, StorageType) or not isinstance(name, str) or not is_count(count):
            raise ModelError(f"its pickle mentions a storage of {describe(kind)}, which is no type of numbers")
        if key[5:] not in ((), (None,)):
            raise ModelError("its pickle mentions a part of a storage, as only PyTorch before 0.4 does")
        if name not in self.by_key:
            self.by_key[name] = self._claim(Storage(kind, count), name)
        storage = self.by_key[name]
        if (storage.kind, storage.count) != (kind, count):
            raise ModelError(f"its pickle describes the storage {describe(name)} in two ways")
        return storage

    def _claim(self, storage: Storage, name: str) -> Storage:
        if storage.size > self._available:
            raise ModelError(
                f"its storage {describe(name)} claims {storage.size} bytes, the file has {self._available} in all"
            )
        return storage


def _read_legacy(data: bytes, budget: Budget) -> Any:
    stream = BytesIO(data)
    header = [interpret(stream, budget, {}) for _ in range(3)]
    if header[:2] != [LEGACY_NUMBER, LEGACY_VERSION]:
        raise ModelError("it begins like a file of PyTorch's and goes on otherwise")
    if not isinstance(header[2], dict) or header[2].get("little_endian") is not True:
        raise ModelError("its numbers are written by a big-endian machine, which is not read here")
    storages = _Storages(len(data))
    tree = interpret(stream, budget, KNOWN, storages.load)
    keys = interpret(stream, budget, {})
    if not isinstance(keys, list):
        raise ModelError("it lacks the list of its storages")
    position = stream.tell()
    for key in keys:
        storage = storages.by_key.get(key) if isinstance(key, str) else None
        if storage is None:
            raise ModelError(f"it lists a storage that no tensor uses: {describe(key)}")
        position = _find_numbers(data, position, storage)
    return tree


def _find_numbers(data: bytes, position: int, storage: Storage) -> int:
    """Tell a storage where its numbers are: at `position`, behind their count. Return where they end."""
    start, end = position + 8, position + 8 + storage.size
    if end > len(data):
        raise ModelError(f"it is cut off: a storage claims {storage.size} bytes, {max(0, len(data) - start)} are left")
    (count,) = struct.unpack_from("<q", data, position)
    if count != storage.count:
        raise ModelError(f"a storage has {count} numbers where {storage.count} were announced")
    storage.fetch = lambda: memoryview(data)[start:end]
    return end


@contextmanager
def _damage_named() -> Iterator[None]:
    """Turn what zipfile raises for damage, odd compression and passwords into a ModelError."""
    try:
        yield
    except (zipfile.BadZipFile, ValueError, EOFError, OSError, NotImplementedError, RuntimeError, struct.error) as err:
        raise ModelError(f"it is a damaged zip archive ({' '.join(str(err)[:200].split())})") from err


def _read_zip(data: bytes, budget: Budget) -> Any:
    # zipfile makes an object for every entry that the directory lists, each behind this mark, before we see one.
    if data.count(b"PK\x01\x02") > ENTRIES:
        raise ModelError(f"a zip archive of more than {ENTRIES} entries is none of PyTorch's")
    with _damage_named():
        archive = zipfile.ZipFile(BytesIO(data))
    return _Archive(archive, len(data)).read(budget)


class _Archive:
    """An archive of `torch.save`'s. Nothing is unpacked to disk, and no name in it is used as a path."""

    def __init__(self, archive: zipfile.ZipFile, size: int) -> None:
        self._archive = archive
        self._entries = {entry.filename: entry for entry in archive.infolist()}
        self._size = size
        for entry in self._entries.values():
            if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
                raise ModelError(f"its entry {describe(entry.filename)} is compressed, which PyTorch never does")
        if sum(entry.file_size for entry in self._entries.values()) > size:
            raise ModelError("its entries claim more bytes than the file has")

    def read(self, budget: Budget) -> Any:
        pickles = [name for name in self._entries if name.count("/") == 1 and name.endswith("/data.pkl")]
        if len(pickles) != 1:
            found = ", ".join(map(describe, list(self._entries)[:5]))
            raise ModelError(f"it is a zip archive that torch.save didn't write (it holds {found or 'nothing'})")
        folder = pickles[0].removesuffix("data.pkl")
        if f"{folder}byteorder" in self._entries and self._bytes(f"{folder}byteorder") != b"little":
            raise ModelError("its numbers are written by a big-endian machine, which is not read here")
        storages = _Storages(self._size)
        tree = interpret(BytesIO(self._bytes(pickles[0])), budget, KNOWN, storages.load)
        for key, storage in storages.by_key.items():
            self._find(f"{folder}data/{key}", storage)
        return tree

    def _bytes(self, name: str) -> bytes:
        with _damage_named():
            return self._archive.read(self._entries[name])

    def _find(self, name: str, storage: Storage) -> None:
        held = self._entries[name].file_size if name in self._entries else 0
        if storage.size > held:
            raise ModelError(f"its storage {describe(name)} claims {storage.size} bytes, the archive holds {held}")
        storage.fetch = lambda: self._bytes(name)
