"""Publisher: hands every frame to every output, and keeps their rate when no new frame comes."""

import dataclasses
from collections import deque
from collections.abc import Sequence
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from avserver.frame import Flags, Frame
from avserver.outputs.failsafe import Failsafe

Pixels = npt.NDArray[np.uint8]

# How late a frame may be, in frame times, before the last one is sent again in its place. Half a frame time is more
# than frames jitter, and it keeps the longest gap at a receiver well under two.
_PATIENCE = 1.5
# From so long without new frames on, opacity is laid over the last one. Among frames that still come, with theirs drawn
# in, it would flicker.
_STILL_S = 0.5
# Moves of the fader that no frame has shown yet: half a minute's at 30 a second.
_KEPT_FADES = 1000


class Sink(Protocol):
    """What the publisher needs of an output."""

    def send(self, frame: Frame) -> None:
        """Hand one frame over; never blocks, never raises for a broken receiver."""


class Publisher:
    """The one way out for frames. It is told the time (s, any monotonic clock) and never sleeps.

    Until the first frame comes it sends a black one with the failsafe flag; a frame that is sent again carries the
    repeated flag; a blackout sends black in place of whatever comes. After a silence the failsafe takes over, until a
    frame comes. Frames come with the opacity drawn in; those that are sent again follow it.

    Attributes:
        blackout: send black.
        frozen: no new frames are asked for, so that there is nothing wrong if none come.
        frames: how many were new.
        repeated: how many were sent again.
    """

    def __init__(
        self,
        outputs: Sequence[Sink],
        *,
        fps: float,
        width_px: int,
        height_px: int,
        failsafe: Failsafe | None = None,
    ) -> None:
        self._outputs = outputs
        self._period_s = 1.0 / fps
        self._black = np.zeros((height_px, width_px, 3), np.uint8)
        self._last = Frame(pixels=self._black, index=0, t_s=0.0, flags=Flags.FAILSAFE)
        self._due_s = 0.0
        self._failsafe = failsafe or Failsafe()
        self._silent_s = 0.0
        self._seen_s: float | None = None  # when time was last told
        self._fades: deque[tuple[int, float]] = deque([(-1, 1.0)], _KEPT_FADES)
        self._kept: tuple[tuple[float, float], Pixels] | None = None
        self.blackout = False
        self.frozen = False
        self.frames = 0
        self.repeated = 0

    @property
    def failing(self) -> bool:
        """Whether the failsafe is on."""
        return self._failsafe.is_on(self._silent_s)

    def fade(self, index: int, opacity: float) -> None:
        """Take note of the opacity that hands have set, as of the tick `index`: from there on frames have it."""
        if opacity != self._fades[-1][1]:
            self._fades.append((index, opacity))

    def publish(self, frame: Frame, now_s: float) -> None:
        """Send a new frame to all outputs."""
        self._last, self._kept = frame, None
        self._silent_s, self._seen_s = 0.0, now_s
        while len(self._fades) > 1 and self._fades[1][0] <= frame.index:
            self._fades.popleft()
        self.frames += 1
        self._due_s = now_s + _PATIENCE * self._period_s
        self._send(frame)

    def keep_rate(self, now_s: float) -> None:
        """Send the last frame again, or what stands in for it, if the next one is overdue."""
        if now_s < self._due_s:
            return
        if self._seen_s is not None and not self.frozen:
            self._silent_s += now_s - self._seen_s
        self._seen_s = now_s
        self.repeated += 1
        # From the time it was due, so that the rate holds; unless that is long past.
        self._due_s = max(self._due_s + self._period_s, now_s + 0.5 * self._period_s)
        flags = self._last.flags | Flags.REPEATED | (Flags.FAILSAFE if self.failing else Flags.NONE)
        self._send(dataclasses.replace(self._last, pixels=self._again(), flags=flags))

    def wait_s(self, now_s: float) -> float:
        """Return how long it is until `keep_rate` has something to do (s, at least 0)."""
        return max(0.0, self._due_s - now_s)

    def _again(self) -> Pixels:
        """Return the last frame as it is to be seen now; the same array as long as nothing changes."""
        drawn, wanted = self._fades[0][1], self._fades[-1][1]
        still = self.frozen or self._silent_s > _STILL_S
        # What was drawn at opacity 0 is black and stays so.
        gain = wanted / drawn if still and drawn else 1.0
        share = self._failsafe.share(self._silent_s)
        levels = gain * (1 - share), wanted * share
        if levels == (1.0, 0.0):
            return self._last.pixels
        if self._kept is None or self._kept[0] != levels:
            self._kept = levels, self._blended(*levels)
        return self._kept[1]

    def _blended(self, gain: float, share: float) -> Pixels:
        """Return so much of the last frame and so much of the failsafe's picture, added."""
        last, picture = np.ascontiguousarray(self._last.pixels), self._failsafe.picture
        if picture is None or not share:
            return np.asarray(cv2.convertScaleAbs(last, alpha=gain))
        return np.asarray(cv2.addWeighted(last, gain, picture, share, 0.0), np.uint8)

    def _send(self, frame: Frame) -> None:
        if self.blackout:
            frame = dataclasses.replace(frame, pixels=self._black, flags=frame.flags | Flags.BLACKOUT)
        for output in self._outputs:
            output.send(frame)
