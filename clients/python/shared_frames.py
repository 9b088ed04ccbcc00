"""Frames of an avserver on the same machine, through shared memory, in one file. Needs numpy.

with SharedFrames("avserver") as frames:
    for header, image in frames:
        ...                                  # always the newest frame, however long this takes

The server needs in its show file:

[[output]]
kind = "shared_memory"
format = "RGB8"                              # or "RGBA", "BGRA"
"""

from __future__ import annotations

import os
import struct
import time
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

REPEATED, FAILSAFE, BLACKOUT = 1, 2, 4
CHANNELS = {b"RGB8": 3, b"RGBA": 4, b"BGRA": 4}
_RING = struct.Struct("<4sIIIQI")
_RING_SIZE, _PIXELS_AT = 64, 128  # the header of the ring; where in a slot the rows begin
_U64 = struct.Struct("@Q")  # read in one go, unlike "<Q"
_HEADER = struct.Struct("<4sHHII4sIQdQQII")
# Shared memory does not tell when it was written: it is looked at this often.
_LOOK_S = 0.001
# After so long without a frame the server may be gone, or another may have come: the name is looked up again.
_QUIET_S = 0.5
# How often a name is looked up that nobody has.
_ABSENT_S = 0.05


@dataclass(frozen=True)
class Header:
    """What comes before the pixels of every frame: 64 bytes, little-endian, in this order."""

    magic: bytes
    version: int
    header_size: int
    width_px: int
    height_px: int
    pixel_format: bytes
    row_bytes: int
    index: int
    t_s: float
    published_ns: int
    audio_ns: int
    flags: int
    size_bytes: int


class SharedFrames:
    """The frames of a server of this machine, newest only: a slow reader skips frames and never falls behind.

    It may be made before the server is there, and goes on with the next one after that has ended.

    Args:
        name: `memory` of the server's output.
        timeout_s: how long to wait for a frame before `TimeoutError` is raised; None waits for ever.
    """

    def __init__(self, name: str = "avserver", *, timeout_s: float | None = None) -> None:
        self.name = name
        self.timeout_s = timeout_s
        self._memory: SharedMemory | None = None
        self._seen = 0  # how many frames were written when one was read last
        self._newest: Header | None = None
        self._look_again_s = 0.0

    def read(self) -> tuple[Header, np.ndarray]:
        """Return the newest frame that was not read yet: its header, and uint8 (height, width, 3 or 4), RGB or RGBA.

        Raises TimeoutError if none comes in time, ValueError if what is called so is not a ring of frames.
        """
        end_s = None if self.timeout_s is None else time.monotonic() + self.timeout_s
        while (found := self.poll()) is None:
            if end_s is not None and time.monotonic() >= end_s:
                reason = "no new frame in" if self._memory else "there is no"
                raise TimeoutError(f"{reason} shared memory {self.name!r} after {self.timeout_s} s")
            time.sleep(_LOOK_S)
        return found

    def poll(self) -> tuple[Header, np.ndarray] | None:
        """Return what `read` returns, or None if there is no new frame now; never waits."""
        now_s = time.monotonic()
        if now_s >= self._look_again_s:
            self.close()  # first: on Windows a name is free again only when nobody has its memory open
            self._memory = _attach(self.name)
            self._seen = 0  # another server counts from the start
            self._look_again_s = now_s + (_QUIET_S if self._memory else _ABSENT_S)
        if self._memory is None or self._memory.buf is None:
            return None
        buffer = self._memory.buf
        _, _, slots, stride, written, owner = _RING.unpack_from(buffer)
        if owner == 0:  # the server has let go of it
            self._look_again_s = min(self._look_again_s, now_s + _ABSENT_S)
        if written in (0, self._seen):
            return None
        found = _whole(buffer, _RING_SIZE + (written - 1) % slots * stride)
        if found is None:
            return None
        self._seen = written
        if found[0] == self._newest:  # the same memory as before it was looked up again
            return None
        self._newest, self._look_again_s = found[0], now_s + _QUIET_S
        return found

    def __iter__(self) -> Iterator[tuple[Header, np.ndarray]]:
        while True:
            yield self.read()

    def close(self) -> None:
        """Let go of the memory, which stays."""
        if self._memory is not None:
            self._memory.close()
            self._memory = None

    def __enter__(self) -> SharedFrames:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def _attach(name: str) -> SharedMemory | None:
    """Return the memory of that name, None if there is none yet. Raises ValueError if it is not a ring of frames."""
    try:
        memory = SharedMemory(name)
    except (FileNotFoundError, ValueError):  # ValueError: it was made a moment ago and is still empty
        return None
    if os.name == "posix":
        # Python would else remove the memory from under the server when this program ends.
        resource_tracker.unregister("/" + memory.name, "shared_memory")
    magic, version = _RING.unpack_from(memory.buf or b"")[:2] if memory.size >= _RING_SIZE else (b"", 0)
    if magic == b"AVSR" and version == 1:
        return memory
    memory.close()
    if magic == bytes(4):  # it is not ready yet
        return None
    raise ValueError(f"expected a ring of frames, AVSR version 1, in shared memory {name!r}, got {magic!r} {version}")


def _whole(buffer: memoryview, at: int) -> tuple[Header, np.ndarray] | None:
    """Return a copy of the frame in the slot at `at`, None if it was written to meanwhile."""
    (before,) = _U64.unpack_from(buffer, at)
    if before & 1:  # it is being written
        return None
    header = Header(*_HEADER.unpack_from(buffer, at + 64))
    pixels = np.frombuffer(buffer, np.uint8, header.size_bytes, at + _PIXELS_AT).copy()
    (after,) = _U64.unpack_from(buffer, at)
    if after != before:
        return None
    image = pixels.reshape(header.height_px, header.width_px, CHANNELS[header.pixel_format])
    return header, image[..., [2, 1, 0, 3]] if header.pixel_format == b"BGRA" else image
