"""Chunks: the file of a take, which grows at its end and can be read whatever cut it off.

A line of JSON that says what it is, then chunks: a 9-byte little-endian header (kind, u32 size, u32 CRC-32 of the
payload) and the payload. `L` is a part of one zlib stream (RFC 1950, flushed with Z_SYNC_FLUSH), of lines of JSON;
`A` is sound, see `sound_track`. What a crash cut off is at most the last chunk.
"""

import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import RawIOBase
from pathlib import Path
from typing import BinaryIO

from avserver.errors import TakeError

SUFFIX = ".take"
MAGIC = "avserver take"
VERSION = 1
LINES, SOUND = b"L", b"A"
_HEAD = struct.Struct("<cII")
# A header names a show's files; what is longer than this is no take.
_LONGEST_HEADER = 1 << 20


class ChunkWriter:
    """Appends to a new file of a take; after `flush` all of it outlives this process. All methods may raise OSError.

    Args:
        file: open for writing, empty, unbuffered.
        header: what the first line says beside the version.
    """

    def __init__(self, file: RawIOBase, header: dict[str, object]) -> None:
        self._file = file
        self._zlib = zlib.compressobj(9)
        self._compressed = bytearray()
        self.bytes = 0
        self._append(json.dumps({MAGIC: VERSION, **header}).encode() + b"\n")

    def line(self, plain: dict[str, object]) -> None:
        """Append a record; it is in the file after the next `flush`."""
        text = json.dumps(plain, separators=(",", ":"))
        self._compressed += self._zlib.compress(text.encode() + b"\n")

    def sound(self, payload: bytes) -> None:
        """Append a chunk of sound."""
        self._chunk(SOUND, payload)

    def flush(self) -> None:
        """Hand everything to the system, so that a reader finds it."""
        self._compressed += self._zlib.flush(zlib.Z_SYNC_FLUSH)
        self._chunk(LINES, bytes(self._compressed))
        self._compressed.clear()

    def close(self) -> None:
        """Close the file as it is: what was not flushed is not in it."""
        self._file.close()

    def _chunk(self, kind: bytes, payload: bytes) -> None:
        self._append(_HEAD.pack(kind, len(payload), zlib.crc32(payload)) + payload)

    def _append(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            written = self._file.write(left) or 0
            self.bytes += written
            left = left[written:]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a chunk's payload lies in the file."""

    kind: bytes
    at: int
    size: int
    crc: int


class ChunkReader:
    """A file of a take, as far as it goes; it may still be growing.

    Attributes:
        path: the file.
        header: what its first line says.
        places: all chunks that are whole.
        cut_off: whether something follows them that is none.

    Raises TakeError if it is no take, of another version, or cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with path.open("rb") as file:
                self.header = self._read_header(file)
                self.places, self.cut_off = self._survey(file)
        except OSError as err:
            raise TakeError(f"cannot read {path}: {err.strerror}") from err

    def lines(self) -> Iterator[bytes]:
        """Yield every record, as JSON, as far as the file is sound. Raises TakeError if it cannot be read any more."""
        unpack = zlib.decompressobj()
        rest = b""
        for place in self.places:
            if place.kind != LINES:
                continue
            payload = self.payload(place)
            if payload is None:
                return
            try:
                whole = (rest + unpack.decompress(payload)).split(b"\n")
            except zlib.error:
                return
            rest = whole.pop()
            yield from whole

    def payload(self, place: Place) -> bytes | None:
        """Return what a chunk holds, None if it is damaged."""
        try:
            with self.path.open("rb") as file:
                file.seek(place.at)
                payload = file.read(place.size)
        except OSError as err:
            raise TakeError(f"cannot read {self.path}: {err.strerror}") from err
        return payload if zlib.crc32(payload) == place.crc else None

    def _read_header(self, file: BinaryIO) -> dict[str, object]:
        line = file.readline(_LONGEST_HEADER)
        if not line.startswith(_BEGINNING):
            raise TakeError(f"{self.path} is no take: it begins with {line[:20]!r}")
        try:
            header = json.loads(line)
        except ValueError as err:
            raise TakeError(
                f"{self.path} is a take that ends within its first line: nothing of it can be read"
            ) from err
        if header[MAGIC] != VERSION:
            raise TakeError(
                f"{self.path} is a take of version {header[MAGIC]!r}, this avserver reads version {VERSION}"
            )
        return dict(header)

    def _survey(self, file: BinaryIO) -> tuple[list[Place], bool]:
        places: list[Place] = []
        at = file.tell()
        end = file.seek(0, 2)
        while at + _HEAD.size <= end:
            file.seek(at)
            kind, size, crc = _HEAD.unpack(file.read(_HEAD.size))
            at += _HEAD.size
            if kind not in (LINES, SOUND) or at + size > end:
                return places, True
            places.append(Place(kind, at, size, crc))
            at += size
        return places, at != end


_BEGINNING = json.dumps({MAGIC: 0}).encode().removesuffix(b"0}")


def is_take(path: Path) -> bool:
    """Tell whether a file is called a take, or begins as one does; one that cannot be read does not."""
    if path.suffix == SUFFIX:
        return True
    try:
        with path.open("rb") as file:
            return file.read(len(_BEGINNING)) == _BEGINNING
    except OSError:
        return False
