"""The `.npz` layout of the reference numbers: `param/<official name>`, and `meta`, the constructor's arguments as JSON.

What an array claims is held against its entry in the archive before it is inflated: a file of a kilobyte may claim ten
gigabytes, in the array's header or by packing zeros.
"""

import json
import math
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from avserver.errors import ModelError

RATIO = 100  # of an array to its packed entry, at most; trained numbers pack by little more than 1
SMALL = 2**20  # bytes that an array may have at any ratio: zeros pack by 1000


class NpzFile:
    """An open file.

    Attributes:
        shapes: of its tensors, by official name.
        kind, arguments: of the official generator.
    """

    def __init__(self, file: Any) -> None:
        self._file = file
        self._entries = {entry.filename: entry for entry in file.zip.infolist()}
        if "meta" not in file:
            raise ModelError("an .npz file without the array 'meta'")
        self._header("meta")
        self.kind, self.arguments = _meta(str(file["meta"]))
        names = [name for name in file.files if name.startswith("param/")]
        self.shapes = {name.removeprefix("param/"): self._header(name) for name in names}

    def get(self, name: str) -> npt.NDArray[Any]:
        """Return a tensor."""
        array: npt.NDArray[Any] = self._file[f"param/{name}"]
        return array

    def _header(self, name: str) -> tuple[int, ...]:
        """Return an array's shape. Raises ModelError if its entry has no room for it."""
        entry = self._entries.get(f"{name}.npy")
        if entry is None:
            raise ModelError(f"an .npz file whose {name[:60]!r} is no array")
        with self._file.zip.open(entry) as stream:
            version = np.lib.format.read_magic(stream)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, _, dtype = read(stream)
        size = math.prod(shape) * dtype.itemsize
        if size > entry.file_size or entry.file_size > max(SMALL, RATIO * entry.compress_size):
            raise ModelError(
                f"its array {name[:60]!r} claims {max(size, entry.file_size)} bytes, which it doesn't hold"
            )
        return tuple(shape)


@contextmanager
def open_npz(path: Path) -> Iterator[NpzFile]:
    """Open a file. Raises ModelError if it is damaged, then or while it is read."""
    damage = (ValueError, EOFError, zipfile.BadZipFile, zlib.error, struct.error, NotImplementedError, RuntimeError)
    if not zipfile.is_zipfile(path):  # numpy would take a single array, of any size that it claims
        raise ModelError("not a readable .npz file (no zip archive)")
    try:
        # Opened here: numpy leaves a damaged file open.
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            yield NpzFile(file)
    except damage as err:
        raise ModelError(f"not a readable .npz file ({' '.join(str(err)[:200].split())})") from err


def _meta(text: str) -> tuple[Any, Mapping[str, Any]]:
    try:
        meta = json.loads(text)
        return meta["kind"], dict(meta["kwargs"])
    except (ValueError, KeyError, TypeError, RecursionError) as err:
        raise ModelError(f"its 'meta' is not an official generator's arguments ({err})") from err
