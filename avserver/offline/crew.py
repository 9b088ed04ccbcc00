"""Crew: whoever draws the frames of a role, all of them and in order."""

from collections import deque
from collections.abc import Sequence
from typing import Protocol

from avserver.frame import Frame
from avserver.frame_spec import FrameSpec
from avserver.generator.drawer import Drawer


class Crew(Protocol):
    """What a studio needs of those who draw: a `Drawer`, several of them, or other machines."""

    def submit(self, spec: FrameSpec) -> None:
        """Have a frame drawn."""

    def take(self) -> Frame:
        """Wait for the oldest frame that has not been taken, and return it. Raises UserError if there will be none."""


class Drawers:
    """Several processes that draw by turns. A frame that looks back is drawn by the one that drew the frame before."""

    def __init__(self, drawers: Sequence[Drawer]) -> None:
        self._drawers = drawers
        self._turn = 0
        self._last: FrameSpec | None = None
        self._waiting = deque[tuple[FrameSpec, bool]]()  # and whether it looks back
        self._drawing = deque[Drawer]()  # who draws which of the frames, the oldest first

    def submit(self, spec: FrameSpec) -> None:
        """Have a frame drawn. Whoever submits many at a time only has them wait here."""
        self._waiting.append((spec, spec.looks_back(self._last)))
        self._last = spec
        self._hand_out()

    def take(self) -> Frame:
        """Wait for the oldest frame that has not been taken, and return it. Raises as a `Drawer` does."""
        frame = self._drawing.popleft().take()
        self._hand_out()
        return frame

    def _hand_out(self) -> None:
        while self._waiting:
            spec, looks_back = self._waiting[0]
            turn = self._turn if looks_back else (self._turn + 1) % len(self._drawers)
            drawer = self._drawers[turn]
            if drawer.full:
                return
            self._waiting.popleft()
            self._turn = turn
            if not looks_back:
                drawer.forget()
            drawer.submit(spec)
            self._drawing.append(drawer)
