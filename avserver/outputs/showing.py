"""Showing: the newest picture as JPEG, encoded once, for everybody who waits for it in one asyncio loop."""

import asyncio

from avserver.frame import Frame
from avserver.outputs.jpeg import jpeg


class Showing:
    """What is shown, and who waits for the next.

    Args:
        quality: of the JPEG, 1 to 100.

    Attributes:
        frame: the newest; set from any thread, then `wake` is called in the loop.
        viewers: how many look on.
    """

    def __init__(self, quality: int) -> None:
        self.frame: Frame | None = None
        self.viewers = 0
        self._quality = quality
        self._encoded: tuple[object, bytes] = (None, b"")
        self._news = asyncio.Event()

    def wake(self) -> None:
        """Tell everybody who waits that there is another frame."""
        self._news.set()
        self._news = asyncio.Event()

    async def after(self, frame: Frame | None) -> Frame:
        """Wait for a frame that is not this one."""
        while self.frame is None or self.frame is frame:
            await self._news.wait()
        return self.frame

    def jpeg(self, frame: Frame) -> bytes:
        """Return a frame as JPEG; encoded once, for all who ask for the same picture."""
        if self._encoded[0] is not frame.pixels:
            self._encoded = (frame.pixels, jpeg(frame.pixels, self._quality))
        return self._encoded[1]
