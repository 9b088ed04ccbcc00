"""Telling pictures that are there twice: the same file, or the same picture in another size, quality or format.

What a picture looks like is a difference hash (N. Krawetz, "Kind of Like That", 2013): of a small grey copy, whether
each pixel is brighter than its left neighbour. That says nothing of colour, so the mean colour goes with it.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from PIL import Image

from avserver.training.shards import Pixels

MOST_BITS = 16  # a quarter of the hash: beyond, pictures that have nothing to do with each other are alike
_COLOUR_STEPS = 12  # of 255: re-encoding moves a mean by less, another palette by more


@dataclass(frozen=True, slots=True)
class Look:
    """What a picture looks like: 64 bits, and the mean of its red, green and blue."""

    bits: int
    colour: tuple[int, int, int]

    @classmethod
    def of(cls, pixels: Pixels) -> Self:
        """Return the look of a picture, (height, width, 3)."""
        image = Image.fromarray(pixels)
        grey = np.asarray(image.convert("L").resize((9, 8), Image.Resampling.BOX))
        bits = np.packbits(grey[:, 1:] > grey[:, :-1])
        red, green, blue = np.asarray(image.resize((1, 1), Image.Resampling.BOX))[0, 0].tolist()
        return cls(int.from_bytes(bits.tobytes()), (red, green, blue))

    def __str__(self) -> str:
        return f"{self.bits:016x}-{bytes(self.colour).hex()}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the look that was written so. Raises ValueError for other text."""
        bits, colour = text.split("-")
        red, green, blue = bytes.fromhex(colour)
        return cls(int(bits, 16), (red, green, blue))


class Seen:
    """The pictures that were taken so far, and what each was called.

    Args:
        near_bits: pictures whose looks differ in at most so many of 64 bits are alike; 0: only files of the same bytes.
    """

    def __init__(self, near_bits: int) -> None:
        self._near_bits = near_bits
        self._names: list[str] = []
        self._files: dict[str, str] = {}
        self._bits: npt.NDArray[np.uint64] = np.empty(1024, np.uint64)
        self._colours: npt.NDArray[np.int16] = np.empty((1024, 3), np.int16)

    def __len__(self) -> int:
        return len(self._names)

    def add(self, name: str, sha256: str, look: Look) -> None:
        """Remember a picture."""
        count = len(self._names)
        if count == len(self._bits):
            self._bits = np.resize(self._bits, 2 * count)
            self._colours = np.resize(self._colours, (2 * count, 3))
        self._bits[count] = look.bits
        self._colours[count] = look.colour
        self._names.append(name)
        self._files[sha256] = name

    def copy_of(self, sha256: str) -> str | None:
        """Return the name of the file with the same bytes."""
        return self._files.get(sha256)

    def alike(self, look: Look) -> str | None:
        """Return the name of the first picture that looks the same."""
        if not self._near_bits:
            return None
        count = len(self._names)
        near = np.bitwise_count(self._bits[:count] ^ np.uint64(look.bits)) <= self._near_bits
        for number in np.flatnonzero(near):
            if np.abs(self._colours[number] - look.colour).max() <= _COLOUR_STEPS:
                return self._names[number]
        return None
