"""NdiReceiver: NDI's own receiver; for `doctor`, `bench` and the tests."""

import time
from dataclasses import dataclass
from fractions import Fraction
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from avserver.errors import AvserverError
from avserver.outputs.ndi_runtime import running_ndi

_LOOK_EVERY_MS = 100


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that was received.

    Attributes:
        pixels: uint8 (h, w, c), top row first; c is 2 for UYVY, else 4.
        rate: frames a second, as the sender tells it.
        order: what the bytes are: `UYVY`, `BGRA`, `RGBX` …
    """

    pixels: npt.NDArray[np.uint8]
    rate: Fraction
    order: str


class NdiReceiver:
    """Connected to a source.

    Args:
        name: the source's full name, as `HOST (source)`.
        groups: those to look in, with commas between; empty: the public one.
        address: of the machine to ask for it; empty: whatever mDNS, or NDI's configuration, finds.
        rgb: have pictures turned into RGBX or RGBA; else they are UYVY, or BGRA where they have alpha.
        patience_s: how long it is looked for (s).

    Raises ConfigError if NDI cannot be had, AvserverError if there is no such source.
    """

    def __init__(
        self, name: str, *, groups: str = "", address: str = "127.0.0.1", rgb: bool = False, patience_s: float = 5.0
    ) -> None:
        self._ndi = ndi = running_ndi()
        finding, receiving = ndi.FindCreate(), ndi.RecvCreateV3()
        if address:
            finding.extra_ips = address
        if groups:
            finding.groups = groups
        if rgb:
            receiving.color_format = ndi.RECV_COLOR_FORMAT_RGBX_RGBA
        finder = ndi.find_create_v2(finding)
        try:
            source = self._find(finder, name, patience_s)
            self._receiver = ndi.recv_create_v3(receiving)
            ndi.recv_connect(self._receiver, source)
        finally:
            ndi.find_destroy(finder)

    def _find(self, finder: Any, name: str, patience_s: float) -> Any:
        deadline_s = time.monotonic() + patience_s
        while time.monotonic() < deadline_s:
            self._ndi.find_wait_for_sources(finder, _LOOK_EVERY_MS)
            for source in self._ndi.find_get_current_sources(finder):
                if source.ndi_name == name:
                    return source
        raise AvserverError(f"there is no NDI source {name}")

    def receive(self, patience_s: float) -> Picture | None:
        """Return the next picture, None if none comes in that time (s)."""
        deadline_s = time.monotonic() + patience_s
        while (left_s := deadline_s - time.monotonic()) > 0:
            kind, video, _, metadata = self._ndi.recv_capture_v2(self._receiver, max(1, int(1e3 * left_s)))
            if kind == self._ndi.FRAME_TYPE_METADATA:
                self._ndi.recv_free_metadata(self._receiver, metadata)
            if kind == self._ndi.FRAME_TYPE_VIDEO:
                rate = Fraction(video.frame_rate_N, video.frame_rate_D)
                picture = Picture(np.array(video.data), rate, video.FourCC.name.rpartition("_")[2])
                self._ndi.recv_free_video_v2(self._receiver, video)
                return picture
        return None

    def set_tally(self, *, program: bool, preview: bool) -> None:
        """Tell the source whether it is on air, and whether it is looked at before it goes on air."""
        self._ndi.recv_set_tally(self._receiver, self._ndi.Tally(program, preview))

    def close(self) -> None:
        """Disconnect."""
        self._ndi.recv_destroy(self._receiver)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
