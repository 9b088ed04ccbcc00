"""Syphon: frames to other programs of the same Mac, by the package syphon-python and Metal."""

from collections import deque
from collections.abc import Mapping
from typing import Any

import cv2
import objc
import syphon
from syphon.utils.numpy import copy_image_to_mtl_texture
from syphon.utils.raw import create_mtl_texture

from avserver.frame import Frame
from avserver.outputs.output import Output
from avserver.shape import Shape

_TEXTURES = 3


class SyphonOutput(Output):
    """Publishes frames to every Syphon client.

    Args:
        server: what clients list.
        shape: of all frames.
        name, fps: see `Output`.
    """

    def __init__(self, server: str = "avserver", *, shape: Shape, name: str = "", fps: float = 0.0) -> None:
        super().__init__(name or f"syphon {server}", shape=shape, fps=fps)
        self._name = server
        self._shape = shape
        self._server: Any = None
        # In turn, so that none is written while the graphics card still reads it.
        self._textures: deque[Any] = deque()

    @property
    def where(self) -> str:
        """The name that clients list."""
        return f"Syphon, server {self._name}"

    def _open(self) -> None:
        try:
            self._server = syphon.SyphonMetalServer(self._name)
        except RuntimeError as err:  # no Metal device, or Syphon refuses
            raise OSError(str(err)) from err
        size = self._shape.width_px, self._shape.height_px
        self._textures.extend(create_mtl_texture(self._server.device, *size) for _ in range(_TEXTURES))

    def _send(self, frame: Frame) -> None:
        self._textures.rotate()
        # Threads that macOS did not start have no pool of their own: without one every frame leaks a command buffer.
        with objc.autorelease_pool():
            copy_image_to_mtl_texture(cv2.cvtColor(frame.pixels, cv2.COLOR_RGB2RGBA), self._textures[0])
            # Syphon counts rows from the bottom.
            self._server.publish_frame_texture(self._textures[0], is_flipped=True)

    def _close(self) -> None:
        self._server.stop()
        self._server = None
        self._textures.clear()

    def _status(self) -> Mapping[str, str | float | int]:
        server = self._server
        return {"clients": int(server.has_clients) if server else 0}
