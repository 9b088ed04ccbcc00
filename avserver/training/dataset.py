"""A dataset as a trainer sees it: so many square pictures of one size, by their numbers.

Reads painted and imported datasets (see shards.py) where they lie, picture by picture. What is broken is named and
passed over.
"""

import hashlib
import io
import json
import struct
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from avserver.errors import ConfigError
from avserver.training.shards import Pixels

_SMALLEST_PX = 8  # no generator begins to learn below
_HEAD = 26  # bytes of a PNG up to its width, height, depth and kind of colour
_TAIL = 20  # bytes at the end of a PNG: checksums of the pixels, and the last chunk, which is empty
_PNG_BEGINS = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
_PNG_ENDS = b"\x00\x00\x00\x00IEND\xaeB\x60\x82"
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error)  # what Pillow raises on bad bytes


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the bytes of a picture lie in a shard."""

    shard: Path
    member: str
    at: int
    size: int

    @property
    def name(self) -> str:
        return f"{self.shard.name}/{self.member}"


class Dataset:
    """The pictures of a dataset, read when they are asked for.

    Opening reads where the pictures lie and what size they have, no pixels. A dataset that is still being made has
    the pictures of its finished shards.

    Args:
        folder: of the dataset, with its dataset.json.
        size_px: the side that pictures are averaged down to, a power of two from 8 on; by default the largest that
            the stored pictures have.
        keep_bytes: how many bytes of pictures stay in memory. Those that were read first stay: they are drawn at
            random, so none is better to keep than another.

    Attributes:
        count: of pictures.
        size_px: their side.
        fingerprint: hexadecimal; another one for other pictures, whatever size they are read in.

    Raises ConfigError if the folder is no dataset, if nothing in it can be read, or for a size that it cannot give.
    """

    def __init__(self, folder: Path, size_px: int | None = None, *, keep_bytes: int = 1 << 30) -> None:
        self._folder = folder
        self._stored_px = _stored_px(folder)
        self.size_px = _wanted_px(size_px, self._stored_px, folder)
        self._skipped: dict[str, str] = {}
        digest = hashlib.blake2b(digest_size=16)
        self._places: list[_Place] = []
        for shard in sorted(folder.glob("shard-*.tar")):
            for place, ends in self._index(shard):
                self._places.append(place)
                digest.update(struct.pack("<Q", place.size) + ends)
        self.count = len(self._places)
        self.fingerprint = digest.hexdigest()
        if not self.count:
            raise self._nothing()
        kept = min(self.count, keep_bytes // (3 * self.size_px**2))
        self._kept: Pixels = np.empty((kept, self.size_px, self.size_px, 3), np.uint8)  # takes memory as it fills
        self._kept_at: dict[int, int] = {}

    @property
    def skipped(self) -> tuple[str, ...]:
        """What could not be read, `name: reason` each; grows when a picture turns out broken as it is decoded."""
        return tuple(f"{name}: {reason}" for name, reason in self._skipped.items())

    def pictures(self, numbers: Sequence[int] | npt.NDArray[np.integer]) -> Pixels:
        """Return pictures, (n, size_px, size_px, 3) RGB.

        For one whose pixels turn out broken the next whole one stands in, always the same.

        Raises IndexError for numbers outside [0, count), ConfigError when no picture is left.
        """
        pictures: Pixels = np.empty((len(numbers), self.size_px, self.size_px, 3), np.uint8)
        for row, number in enumerate(numbers):
            if not 0 <= number < self.count:
                raise IndexError(f"a picture of this dataset is 0 to {self.count - 1}, got {number}")
            pictures[row] = self._picture(int(number))
        return pictures

    def _picture(self, number: int) -> Pixels:
        if number in self._kept_at:
            return self._kept[self._kept_at[number]]
        picture = self._whole(number)
        if len(self._kept_at) < len(self._kept):
            self._kept_at[number] = len(self._kept_at)
            self._kept[self._kept_at[number]] = picture
        return picture

    def _whole(self, number: int) -> Pixels:
        """Return a picture, or the next one that can be decoded."""
        for step in range(self.count):
            place = self._places[(number + step) % self.count]
            if place.name in self._skipped:
                continue
            try:
                return _decode(place, self.size_px)
            except _BROKEN as err:
                self._skipped[place.name] = str(err)
        raise self._nothing()

    def _index(self, shard: Path) -> Iterator[tuple[_Place, bytes]]:
        """Yield where the pictures of a shard lie, and their first and last bytes; note what is wrong with it."""
        try:
            with shard.open("rb") as file, tarfile.open(fileobj=file, mode="r:") as tar:
                for member in tar:
                    if not member.name.endswith(".png"):
                        continue
                    place = _Place(shard, member.name, member.offset_data, member.size)
                    file.seek(place.at)
                    head = file.read(_HEAD)
                    file.seek(place.at + max(0, place.size - _TAIL))
                    tail = file.read(_TAIL)
                    if wrong := _wrong(head, tail, self._stored_px):
                        self._skipped[place.name] = wrong
                    else:
                        yield place, head + tail
                # tarfile takes a damaged header for the end; the true end is a block of zeros.
                file.seek(tar.offset)
                if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
                    self._skipped[shard.name] = f"is damaged from byte {tar.offset} on"
        except (tarfile.TarError, OSError) as err:
            self._skipped[shard.name] = str(err)

    def _nothing(self) -> ConfigError:
        why = f": {self.skipped[0]}" if self._skipped else ""
        return ConfigError(f"{self._folder} has no picture that can be read{why}")


def _stored_px(folder: Path) -> int:
    about = folder / "dataset.json"
    try:
        size_px = json.loads(about.read_text(encoding="utf-8"))["size_px"]
    except OSError as err:
        raise ConfigError(f"{folder} is not a dataset, {about.name}: {err.strerror}") from err
    except (ValueError, KeyError, TypeError) as err:
        raise ConfigError(f"{about} does not say size_px, the side of the pictures") from err
    if not isinstance(size_px, int) or size_px < _SMALLEST_PX:
        raise ConfigError(f"{about}: size_px is a whole number from {_SMALLEST_PX} on, got {size_px!r}")
    return size_px


def _wanted_px(size_px: int | None, stored_px: int, folder: Path) -> int:
    largest = 1 << (stored_px.bit_length() - 1)
    if size_px is None:
        return largest
    if size_px < _SMALLEST_PX or size_px & (size_px - 1):
        raise ConfigError(f"pictures are learnt at a power of two from {_SMALLEST_PX} px on, got {size_px}")
    if size_px > stored_px:
        raise ConfigError(f"the pictures of {folder} have {stored_px} px, got {size_px}; at most {largest}")
    return size_px


def _wrong(head: bytes, tail: bytes, size_px: int) -> str | None:
    """Return what is wrong with a PNG as far as its ends show it."""
    if len(head) < _HEAD or not head.startswith(_PNG_BEGINS) or not tail.endswith(_PNG_ENDS):
        return "is not a whole PNG"
    width, height = struct.unpack(">II", head[16:24])
    if (width, height) != (size_px, size_px):
        return f"has {width} x {height} px, the dataset {size_px} x {size_px}"
    return None


def _decode(place: _Place, size_px: int) -> Pixels:
    with place.shard.open("rb") as file:
        file.seek(place.at)
        content = file.read(place.size)
    Image.open(io.BytesIO(content), formats=("PNG",)).verify()  # checksums, which decoding does not look at
    with Image.open(io.BytesIO(content), formats=("PNG",)) as image:
        # A box filter is the average over the area, also where the sizes do not divide.
        return np.asarray(image.convert("RGB").resize((size_px, size_px), Image.Resampling.BOX))
