"""Frame: one picture on its way out, and its 64-byte header on the wire (little-endian)."""

import struct
from dataclasses import dataclass
from enum import IntFlag

import numpy as np
import numpy.typing as npt

from avserver.errors import WireError
from avserver.pixel_format import BYTES_PER_PIXEL, PIXEL_FORMATS

MAGIC = b"AVSF"
VERSION = 1
HEADER_SIZE = 64
_HEADER = struct.Struct("<4sHHII4sIQdQQII")


class Flags(IntFlag):
    """What a receiver should know about a frame beside its pixels."""

    NONE = 0
    REPEATED = 1
    FAILSAFE = 2
    BLACKOUT = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameHeader:
    """The header of one frame; `size_bytes` is the length of the payload that follows it."""

    width_px: int
    height_px: int
    pixel_format: str
    row_bytes: int
    index: int
    t_s: float
    published_ns: int
    audio_ns: int
    flags: Flags
    size_bytes: int

    def pack(self) -> bytes:
        """Return the 64 bytes."""
        return _HEADER.pack(
            MAGIC,
            VERSION,
            HEADER_SIZE,
            self.width_px,
            self.height_px,
            self.pixel_format.encode("ascii"),
            self.row_bytes,
            self.index,
            self.t_s,
            self.published_ns,
            self.audio_ns,
            self.flags,
            self.size_bytes,
        )

    @classmethod
    def unpack(cls, data: bytes | memoryview) -> "FrameHeader":
        """Read a header from the first 64 bytes of `data`.

        Raises WireError if they are too few, or of another magic, version or pixel format.
        """
        if len(data) < HEADER_SIZE:
            raise WireError(f"a frame header has {HEADER_SIZE} bytes, got {len(data)}")
        (
            magic,
            version,
            header_size,
            width,
            height,
            fourcc,
            row,
            index,
            t_s,
            published,
            audio,
            flags,
            size,
        ) = _HEADER.unpack(data[:HEADER_SIZE])
        if magic != MAGIC or version != VERSION or header_size != HEADER_SIZE:
            raise WireError(
                f"expected a frame header {MAGIC!r} version {VERSION} of {HEADER_SIZE} bytes, "
                f"got {magic!r} version {version} of {header_size} bytes"
            )
        pixel_format = fourcc.decode("ascii", errors="replace")
        if pixel_format not in PIXEL_FORMATS:
            raise WireError(f"unknown pixel format {pixel_format!r}, allowed: {', '.join(PIXEL_FORMATS)}")
        return cls(
            width_px=width,
            height_px=height,
            pixel_format=pixel_format,
            row_bytes=row,
            index=index,
            t_s=t_s,
            published_ns=published,
            audio_ns=audio,
            flags=Flags(flags),
            size_bytes=size,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One picture.

    Attributes:
        pixels: uint8 (height, width, 3), RGB, top row first, C-contiguous; never written to once here.
        index: the tick that the picture was decided at.
        t_s: show time of that tick (s).
        audio_ns: wall-clock time of the newest audio sample that shaped it (ns, Unix; 0 offline).
        flags: see `Flags`.
    """

    pixels: npt.NDArray[np.uint8]
    index: int
    t_s: float
    audio_ns: int = 0
    flags: Flags = Flags.NONE

    def header(self, published_ns: int, pixel_format: str = "RGB8", size_bytes: int | None = None) -> FrameHeader:
        """Return the header of this frame, published at `published_ns` (Unix).

        `size_bytes` is that of the payload, and has to be given for JPEG; raw rows follow each other without gaps.
        """
        height, width, _ = self.pixels.shape
        row_bytes = width * BYTES_PER_PIXEL.get(pixel_format, 0)
        return FrameHeader(
            width_px=width,
            height_px=height,
            pixel_format=pixel_format,
            row_bytes=row_bytes,
            index=self.index,
            t_s=self.t_s,
            published_ns=published_ns,
            audio_ns=self.audio_ns,
            flags=self.flags,
            size_bytes=row_bytes * height if size_bytes is None else size_bytes,
        )
