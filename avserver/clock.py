"""Clocks: when the next frame is due, and which one it is.

A frame's show time is always index / fps, live and offline, so that the same song gives the same FrameSpecs.
"""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tick:
    """The moment at which frame `index` is decided; `t_s` is its show time."""

    index: int
    t_s: float


class WallClock:
    """Ticks that follow the time of day. It is told the time (s, any monotonic clock) and never sleeps.

    Ticks that were missed are skipped and counted: the show stays with the music.
    """

    def __init__(self, fps: float) -> None:
        self.fps = fps
        self.reset()

    def reset(self) -> None:
        """Forget the start; the next `due` is tick 0."""
        self._start_s: float | None = None
        self._last = -1
        self.skipped = 0

    @property
    def start_s(self) -> float:
        """When tick 0 was, on the clock given to `due`."""
        if self._start_s is None:
            raise RuntimeError("the clock has not been started")
        return self._start_s

    def due(self, now_s: float) -> Tick | None:
        """Return the newest tick that is due and was not returned yet, or None."""
        if self._start_s is None:
            self._start_s = now_s
        # A timer that wakes a hair early must not wait for another round: 10 us are nothing to a frame.
        index = int((now_s - self._start_s + 1e-5) * self.fps)
        if index <= self._last:
            return None
        self.skipped += index - self._last - 1
        self._last = index
        return Tick(index, index / self.fps)

    def wait_s(self, now_s: float) -> float:
        """Return how long it is until the next tick (s, at least 0)."""
        if self._start_s is None:
            return 0.0
        return max(0.0, self._start_s + (self._last + 1) / self.fps - now_s)


class SongClock:
    """Ticks of a song that is rendered: every one, as fast as they are taken.

    A film has whole frames: together they are as long as the song to half a frame.
    """

    def __init__(self, fps: float, duration_s: float) -> None:
        self.fps = fps
        self.duration_s = duration_s

    @property
    def ticks(self) -> int:
        """How many there are."""
        return round(self.duration_s * self.fps)

    def __iter__(self) -> Iterator[Tick]:
        for index in range(self.ticks):
            yield Tick(index, index / self.fps)
