"""Publisher: hands every frame to every output, and keeps their rate when no new frame comes."""

import dataclasses
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from avserver.frame import Flags, Frame

# How late a frame may be, in frame times, before the last one is sent again in its place. Half a frame time is more
# than frames jitter, and it keeps the longest gap at a receiver well under two.
_PATIENCE = 1.5


class Sink(Protocol):
    """What the publisher needs of an output."""

    def send(self, frame: Frame) -> None:
        """Hand one frame over; never blocks, never raises for a broken receiver."""


class Publisher:
    """The one way out for frames. It is told the time (s, any monotonic clock) and never sleeps.

    Until the first frame comes it sends a black one with the failsafe flag; a frame that is sent again carries the
    repeated flag; a blackout sends black in place of whatever comes.
    """

    def __init__(self, outputs: Sequence[Sink], *, fps: float, width_px: int, height_px: int) -> None:
        self._outputs = outputs
        self._period_s = 1.0 / fps
        self._black = np.zeros((height_px, width_px, 3), np.uint8)
        self._last = Frame(pixels=self._black, index=0, t_s=0.0, flags=Flags.FAILSAFE)
        self._due_s = 0.0
        self.blackout = False
        self.frames = 0
        self.repeated = 0

    def publish(self, frame: Frame, now_s: float) -> None:
        """Send a new frame to all outputs."""
        self._last = frame
        self.frames += 1
        self._due_s = now_s + _PATIENCE * self._period_s
        self._send(frame)

    def keep_rate(self, now_s: float) -> None:
        """Send the last frame again if the next one is overdue."""
        if now_s < self._due_s:
            return
        self.repeated += 1
        # From the time it was due, so that the rate holds; unless that is long past.
        self._due_s = max(self._due_s + self._period_s, now_s + 0.5 * self._period_s)
        self._send(dataclasses.replace(self._last, flags=self._last.flags | Flags.REPEATED))

    def wait_s(self, now_s: float) -> float:
        """Return how long it is until `keep_rate` has something to do (s, at least 0)."""
        return max(0.0, self._due_s - now_s)

    def _send(self, frame: Frame) -> None:
        if self.blackout:
            frame = dataclasses.replace(frame, pixels=self._black, flags=frame.flags | Flags.BLACKOUT)
        for output in self._outputs:
            output.send(frame)
