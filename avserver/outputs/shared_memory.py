"""Frames in shared memory, for other programs of this machine; byte by byte in `frame_ring`."""

import time

import cv2

from avserver.frame import Frame
from avserver.frame_ring import FrameRing, check_name
from avserver.outputs.output import Output
from avserver.shape import Shape

_CONVERSIONS = {"RGBA": cv2.COLOR_RGB2RGBA, "BGRA": cv2.COLOR_RGB2BGRA}


class SharedMemoryOutput(Output):
    """Writes frames into a named ring that any process of this user may read, at no cost here.

    Args:
        memory: name of the ring.
        pixel_format: one of `pixel_format.BYTES_PER_PIXEL`.
        shape: of all frames; the ring has room for that.
        name, fps: see `Output`.

    Raises ConfigError for a name that cannot be; `open` also for one that is something else's, and AddressInUse if a
    living process has a ring of that name.
    """

    def __init__(
        self, memory: str = "avserver", pixel_format: str = "RGB8", *, shape: Shape, name: str = "", fps: float = 0.0
    ) -> None:
        super().__init__(name or f"shared_memory {memory}", shape=shape, fps=fps)
        check_name(memory)
        self._memory = memory
        self._pixel_format = pixel_format
        self._shape = shape
        self._ring: FrameRing | None = None

    @property
    def where(self) -> str:
        """The name of the ring, and what is in it."""
        return f"shared memory {self._memory} ({self._pixel_format}, {self._shape.width_px}x{self._shape.height_px} px)"

    def _open(self) -> None:
        self._ring = FrameRing.create(
            width_px=self._shape.width_px,
            height_px=self._shape.height_px,
            pixel_format=self._pixel_format,
            name=self._memory,
        )

    def _send(self, frame: Frame) -> None:
        assert self._ring is not None
        with self._ring.slot(frame.header(time.time_ns(), self._pixel_format)) as pixels:
            if self._pixel_format == "RGB8":
                pixels[:] = frame.pixels
            else:
                cv2.cvtColor(frame.pixels, _CONVERSIONS[self._pixel_format], dst=pixels)

    def _close(self) -> None:
        assert self._ring is not None
        self._ring.close()
