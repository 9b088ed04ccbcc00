"""Spout: frames to other programs of the same Windows machine, by the package SpoutGL."""

from typing import Any

import cv2
import SpoutGL
from SpoutGL.enums import GL_RGBA

from avserver.frame import Frame
from avserver.outputs.output import Output
from avserver.shape import Shape


class SpoutOutput(Output):
    """Sends frames to every Spout receiver.

    Args:
        sender: what receivers list.
        name, shape, fps: see `Output`.
    """

    def __init__(
        self, sender: str = "avserver", *, shape: Shape | None = None, name: str = "", fps: float = 0.0
    ) -> None:
        super().__init__(name or f"spout {sender}", shape=shape, fps=fps)
        self._name = sender
        self._spout: Any = None

    @property
    def where(self) -> str:
        """The name that receivers list."""
        return f"Spout, sender {self._name}"

    def _open(self) -> None:
        """Leave it to the first frame: its OpenGL belongs to the thread that makes it, which is that of `_send`."""

    def _send(self, frame: Frame) -> None:
        if self._spout is None:
            self._spout = SpoutGL.SpoutSender()
            self._spout.setSenderName(self._name)
        rgba = cv2.cvtColor(frame.pixels, cv2.COLOR_RGB2RGBA)
        height, width, _ = rgba.shape
        # By position: width, height (SpoutGL 0.1.1 calls them the other way round), format, upside down, framebuffer.
        if not self._spout.sendImage(rgba, width, height, GL_RGBA, False, 0):
            raise OSError("Spout does not take the frame; is there a graphics card with DirectX 11?")

    def _close(self) -> None:
        if self._spout is not None:
            self._spout.releaseSender()
            self._spout = None
