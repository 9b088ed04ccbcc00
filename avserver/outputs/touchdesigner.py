"""TouchDesigner's Shared Mem In TOP on Windows: a header of 48 bytes (version 1), then the rows, bottom first.

Little-endian, by TouchDesigner's published fields:

| at | type | field                                              |
|----|------|----------------------------------------------------|
| 0  | u32  | magic 0xd95ef835                                   |
| 4  | i32  | version = 1                                        |
| 8  | i32  | width (px)                                         |
| 12 | i32  | height (px)                                        |
| 16 | f32  | aspect, across                                     |
| 20 | f32  | aspect, down                                       |
| 24 | u32  | pixel format: 37 is RGBA of 8 bits                 |
| 28 |      | 4 bytes that are 0                                 |
| 32 | i64  | bytes of the picture                               |
| 40 | i32  | where it begins, from the start of the memory (48) |
| 44 |      | 4 bytes that are 0                                 |

The memory is called `TouchSHM` and the name; a mutex of that name and `Mutex` guards it.
"""

import struct
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from avserver.frame import Frame
from avserver.outputs.output import Output
from avserver.shape import Shape

MAGIC = 0xD95EF835
VERSION = 1
RGBA8 = 37
HEADER = struct.Struct("<IiiiffI4xqi4x")


class Memory(Protocol):
    """A named block of memory with a mutex, such as `windows_memory.GuardedMemory`."""

    def locked(self) -> AbstractContextManager[memoryview]:
        """Lend the bytes while the mutex is held. Raises OSError if somebody else keeps it."""

    def close(self) -> None:
        """Let go of both."""


class TouchDesignerOutput(Output):
    """Writes frames where a Shared Mem In TOP of this machine reads them (its Shared Mem Type: local).

    Args:
        memory: its Shared Mem Name.
        shape: of all frames.
        open_memory: makes the memory, given its name and size (bytes).
        name, fps: see `Output`.
    """

    def __init__(
        self,
        memory: str = "avserver",
        *,
        shape: Shape,
        open_memory: Callable[[str, int], Memory],
        name: str = "",
        fps: float = 0.0,
    ) -> None:
        super().__init__(name or f"touchdesigner {memory}", shape=shape, fps=fps)
        self._name = memory
        self._shape = shape
        self._open_memory = open_memory
        self._memory: Memory | None = None

    @property
    def where(self) -> str:
        """What to write into the TOP."""
        return f"TouchDesigner, Shared Mem In TOP, name {self._name}"

    def _open(self) -> None:
        size = HEADER.size + self._shape.width_px * self._shape.height_px * 4
        self._memory = self._open_memory(f"TouchSHM{self._name}", size)

    def _send(self, frame: Frame) -> None:
        assert self._memory is not None
        with self._memory.locked() as memory:
            write(memory, frame.pixels)

    def _close(self) -> None:
        assert self._memory is not None
        self._memory.close()


def write(memory: memoryview, pixels: npt.NDArray[np.uint8]) -> None:
    """Write RGB (h, w, 3), top row first, as TouchDesigner reads it."""
    height, width, _ = pixels.shape
    size = width * height * 4
    # Aspects are given as the size is, so pixels are square.
    HEADER.pack_into(memory, 0, MAGIC, VERSION, width, height, width, height, RGBA8, size, HEADER.size)
    rows = np.frombuffer(memory, np.uint8, size, HEADER.size).reshape(height, width, 4)
    cv2.cvtColor(cv2.flip(pixels, 0), cv2.COLOR_RGB2RGBA, dst=rows)
