"""A real NDI receiver: NDI's own library, told where to look, so that no network is needed.

As a program it takes a source's name, and prints a line for every picture: its size and the colour in its middle.
"""

import sys
import time
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import NDIlib
import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Picture:
    pixels: npt.NDArray[np.uint8]
    rate: Fraction
    fourcc: Any


class NdiReceiver:
    """Connected to the source of that full name, here on this machine.

    Args:
        name: as `HOST (source)`.
        groups: those that it looks in.
        colour: what pictures are turned into; None: UYVY, or BGRA where they have alpha.
        patience_s: how long it is looked for (s).
    """

    def __init__(self, name: str, *, groups: str = "", colour: Any = None, patience_s: float = 5.0) -> None:
        NDIlib.initialize()
        self._finder = self._receiver = None
        settings = NDIlib.FindCreate()
        settings.extra_ips = "127.0.0.1"
        if groups:
            settings.groups = groups
        self._finder = NDIlib.find_create_v2(settings)
        source = self._find(name, patience_s)
        receiving = NDIlib.RecvCreateV3()
        receiving.color_format = NDIlib.RECV_COLOR_FORMAT_UYVY_BGRA if colour is None else colour
        self._receiver = NDIlib.recv_create_v3(receiving)
        NDIlib.recv_connect(self._receiver, source)

    def _find(self, name: str, patience_s: float) -> Any:
        deadline_s = time.monotonic() + patience_s
        while time.monotonic() < deadline_s:
            NDIlib.find_wait_for_sources(self._finder, 100)
            for source in NDIlib.find_get_current_sources(self._finder):
                if source.ndi_name == name:
                    return source
        self.close()
        raise AssertionError(f"no NDI source {name}")

    def receive(self, timeout_s: float = 5.0) -> Picture | None:
        deadline_s = time.monotonic() + timeout_s
        while time.monotonic() < deadline_s:
            kind, video, _, metadata = NDIlib.recv_capture_v2(self._receiver, 50)
            if kind == NDIlib.FRAME_TYPE_METADATA:
                NDIlib.recv_free_metadata(self._receiver, metadata)
            if kind == NDIlib.FRAME_TYPE_VIDEO:
                rate = Fraction(video.frame_rate_N, video.frame_rate_D)
                picture = Picture(np.array(video.data), rate, video.FourCC)
                NDIlib.recv_free_video_v2(self._receiver, video)
                return picture
        return None

    def size(self, timeout_s: float) -> tuple[int, int] | None:
        """Width and height of the next picture (px)."""
        picture = self.receive(timeout_s)
        return None if picture is None else (picture.pixels.shape[1], picture.pixels.shape[0])

    def set_tally(self, *, program: bool, preview: bool) -> None:
        NDIlib.recv_set_tally(self._receiver, NDIlib.Tally(program, preview))

    def close(self) -> None:
        if self._receiver is not None:
            NDIlib.recv_destroy(self._receiver)
        NDIlib.find_destroy(self._finder)

    def __enter__(self) -> "NdiReceiver":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


if __name__ == "__main__":
    with NdiReceiver(sys.argv[1], colour=NDIlib.RECV_COLOR_FORMAT_RGBX_RGBA) as receiver:
        while (picture := receiver.receive(10.0)) is not None:
            height, width, _ = picture.pixels.shape
            print(width, height, *picture.pixels[height // 2, width // 2, :3], flush=True)
