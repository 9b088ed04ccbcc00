"""Progress: one line on a terminal that says how far a long piece of work is, and how long it will still take."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, TextIO

_WIDTH = 30  # characters of the bar
_EVERY_S = 0.1  # often enough to see it move


class Progress:
    """A bar that is drawn while it is entered. It says nothing where nobody looks: in a pipe or a log file.

    Args:
        total: how many steps there are.
        out: where it is drawn, usually stderr.
        clock: the time (s); only differences count.
    """

    def __init__(self, total: int, out: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._total = total
        self._out = out
        self._clock = clock
        self._drawn_s: float | None = None

    def __enter__(self) -> Self:
        self._begun_s = self._clock()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._drawn_s is not None:
            self._out.write("\n")
            self._out.flush()

    def show(self, done: int, note: str = "") -> None:
        """Draw the bar after `done` steps, with a few words behind it."""
        now_s = self._clock()
        soon = self._drawn_s is not None and now_s - self._drawn_s < _EVERY_S and done < self._total
        if soon or not self._out.isatty():
            return
        self._drawn_s = now_s
        full = _WIDTH * done // self._total
        left_s = (now_s - self._begun_s) * (self._total - done) / max(done, 1)
        bar = "#" * full + "." * (_WIDTH - full)
        # Back to the start of the line, and clear what is left of a longer one.
        self._out.write(f"\r{bar} {done}/{self._total}, {_duration(left_s)} left  {note}\x1b[K")
        self._out.flush()


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes}:{seconds:02d}"
