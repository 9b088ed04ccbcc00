"""Frames as an NDI source, which TouchDesigner, Resolume, OBS and video mixers of the network find by its name."""

from collections.abc import Mapping
from fractions import Fraction
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from avserver.frame import Frame
from avserver.outputs.ndi_runtime import start_ndi
from avserver.outputs.output import Output
from avserver.outputs.settings import NdiSettings
from avserver.outputs.uyvy import UyvyMaker

# Receivers take 29.97 for a rate of its own, 30000/1001: the nearest number with two digits.
_NTSC = 1001


class NdiOutput(Output):
    """An NDI source. Whoever is on the network may look; nobody does until a receiver chooses it.

    Without a receiver, pictures are not even converted. Sending is synchronous: NDI is done with a picture when it
    returns, which here was as cheap as asynchronous sending, and lost fewer frames.

    Args:
        settings: see there.
        name: see `Output`.
        fps: how often frames come, unless the settings have a rate of their own; receivers are told.

    Attributes:
        source: its name, once open in full, as receivers list it: `HOST (source)`.

    `open` raises ConfigError if NDI cannot be had.
    """

    def __init__(self, settings: NdiSettings, name: str, fps: float) -> None:
        super().__init__(name, shape=settings.shape, fps=settings.fps)
        self._settings = settings
        self._rate = as_fraction(settings.fps or fps)
        self._maker = UyvyMaker()
        self._buffer = np.empty((0, 0, 2), np.uint8)
        self._last: npt.NDArray[np.uint8] | None = None
        self._connections = 0
        self._state: Any = None
        self.source = settings.source
        self._instance: Any = None

    @property
    def where(self) -> str:
        """The source."""
        return f"{self.source} (NDI)"

    def _open(self) -> None:
        settings = self._settings
        self._ndi: ModuleType = start_ndi(discovery=settings.discovery, config_dir=settings.config_dir)
        create = self._ndi.SendCreate()
        create.ndi_name = settings.source
        if settings.groups:
            create.groups = settings.groups
        create.clock_video = create.clock_audio = False  # frames come at the show's pace
        self._instance = self._ndi.send_create(create)
        if self._instance is None:
            raise OSError(f"NDI cannot send as {settings.source!r}; is there another of that name on this machine?")
        self.source = self._ndi.send_get_source_name(self._instance).ndi_name
        self._video = self._ndi.VideoFrameV2()
        self._video.FourCC = self._ndi.FOURCC_VIDEO_TYPE_BGRA if settings.alpha else self._ndi.FOURCC_VIDEO_TYPE_UYVY
        self._video.frame_rate_N, self._video.frame_rate_D = self._rate.as_integer_ratio()
        self._video.timecode = self._ndi.SEND_TIMECODE_SYNTHESIZE
        self._state = self._ndi.Tally()

    def _send(self, frame: Frame) -> None:
        self._connections = self._ndi.send_get_no_connections(self._instance, 0)
        self._ndi.send_get_tally(self._instance, self._state, 0)
        if not self._connections:
            return
        if self._last is not frame.pixels:  # a repeated one is there already
            self._convert(frame.pixels)
            self._last = frame.pixels
        self._video.data = self._buffer
        self._ndi.send_send_video_v2(self._instance, self._video)

    def _convert(self, pixels: npt.NDArray[np.uint8]) -> None:
        """Fill the buffer with a picture as NDI takes it."""
        alpha, pixels = self._settings.alpha, even(pixels)
        shape = (*pixels.shape[:2], 4 if alpha else 2)
        if self._buffer.shape != shape:
            self._buffer = np.empty(shape, np.uint8)
        if alpha:
            cv2.cvtColor(pixels, cv2.COLOR_RGB2BGRA, dst=self._buffer)
        else:
            self._maker(pixels, self._buffer)

    def _close(self) -> None:
        self._ndi.send_destroy(self._instance)
        self._instance, self._last, self._connections = None, None, 0

    def _status(self) -> Mapping[str, str | float | int]:
        """Return who looks; tally is what a mixer says of us: program (on air), preview, or both."""
        lit = {"program": self._state.on_program, "preview": self._state.on_preview} if self._connections else {}
        return {"connections": self._connections, "tally": " ".join(word for word, on in lit.items() if on)}


def even(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return pixels (h, w, 3) with their last row or column once more where their number is odd: NDI would drop it."""
    height, width, _ = pixels.shape
    return np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), "edge") if height % 2 or width % 2 else pixels


def as_fraction(fps: float) -> Fraction:
    """Return a rate as video has it: 29.97 is 30000/1001, and so with 23.976, 59.94 and their like."""
    whole = round(fps * _NTSC / 1000)
    if whole and abs(fps - 1000 * whole / _NTSC) < 0.005 and abs(fps - round(fps)) > 0.005:
        return Fraction(1000 * whole, _NTSC)
    return Fraction(fps).limit_denominator(_NTSC)
