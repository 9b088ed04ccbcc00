"""Meter: what the loop counts and times, for `status`, `watch` and `bench`."""

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

# Ten seconds at 30 fps: long enough for a steady median, short enough to follow a change.
_KEPT = 300
# Two seconds: what is foretold from it must follow a machine that gets busy.
_RECENT = 60
_FPS_WINDOW_S = 2.0


class Meter:
    """Durations by stage (median over the last frames) and the rate of frames."""

    def __init__(self) -> None:
        self._durations_s: dict[str, deque[float]] = {}
        self._shown_s: deque[float] = deque(maxlen=_KEPT)

    @contextmanager
    def time(self, stage: str) -> Iterator[None]:
        """Time the body of a `with` as one run of `stage`."""
        start_s = time.perf_counter()
        try:
            yield
        finally:
            self.took(stage, time.perf_counter() - start_s)

    def took(self, stage: str, duration_s: float) -> None:
        """Note one duration (s) of `stage`."""
        self._durations_s.setdefault(stage, deque(maxlen=_KEPT)).append(duration_s)

    def shown(self, now_s: float) -> None:
        """Note that a new picture went out."""
        self._shown_s.append(now_s)

    def fps(self, now_s: float) -> float:
        """Return the rate of new pictures over the last two seconds."""
        recent = [at for at in self._shown_s if at > now_s - _FPS_WINDOW_S]
        return len(recent) / _FPS_WINDOW_S

    def recent_s(self, stage: str) -> float:
        """Return the median of the newest durations of a stage (s), 0 before its first."""
        return median(list(self._durations_s.get(stage, ()))[-_RECENT:] or [0.0])

    def medians_ms(self) -> dict[str, float]:
        """Return the median duration of each stage (ms)."""
        return {stage: 1e3 * median(durations) for stage, durations in self._durations_s.items()}
