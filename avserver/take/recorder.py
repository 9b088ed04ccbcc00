"""TakeRecorder: takes of a show, begun and ended while it plays."""

import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Self

from avserver.audio.overheard import Overheard
from avserver.errors import ConfigError
from avserver.take.chunks import SUFFIX
from avserver.take.decision import Decision
from avserver.take.settings import TakeSettings
from avserver.take.writer import TakeWriter

_LOG = logging.getLogger(__name__)

# What waits to be written: a minute at 30 a second, for a disk that pauses.
_WAITING = 2048
# How often it is written (s): what a crash can lose.
_FLUSH_S = 0.5
_CLOSE_S = 10.0


class TakeRecorder:
    """Keeps takes from `start` to `stop`, one file at a time.

    It never holds the show up: a thread writes what is decided; where that is too slow, ticks are left out and counted.
    A disk that fills up ends the take, not the show; what was written stays.

    Args:
        settings: see `TakeSettings`. With a `path` it begins with the first frame.
        sound: what is heard.
        show: what of the show's settings the take is to know.
        now: tells the time of day, for names.
    """

    def __init__(
        self,
        settings: TakeSettings,
        sound: Overheard,
        show: Mapping[str, object],
        *,
        now: Callable[[], datetime] = lambda: datetime.now().astimezone(),
    ) -> None:
        self._settings = settings
        self._sound = sound
        self._show = show
        self._now = now
        self._asked: Path | None = None  # what is being written; None after `stop`
        # Ticks; where one is to be begun, its file; and where it ends, how many of its ticks were lost.
        self._waiting: deque[Decision | Path | int] = deque()
        self._wake = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="avserver-take", daemon=True)
        self._writer: TakeWriter | None = None
        self._shared = threading.Lock()  # of what follows; held for microseconds
        self._path: Path | None = None
        self._seconds, self._bytes, self._lost = 0.0, 0, 0
        self._reason = ""

    def __enter__(self) -> Self:
        """Begin with `settings.path`, if there is one. Raises ConfigError if that cannot be."""
        if self._settings.path:
            self._begin(Path(self._settings.path))
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._closing = True
        self._wake.set()
        self._thread.join(_CLOSE_S)

    @property
    def watching(self) -> bool:
        """Whether a take is being written, so that there is somebody to tell what was decided."""
        return self._asked is not None

    def start(self, name: str = "") -> Path:
        """Begin a take in the folder of takes with the next frame, and return its file. Never waits.

        Args:
            name: a path inside the folder; empty: one made of the date.

        Raises ConfigError for a name that is not allowed or taken, and while a take is written.
        """
        if self._asked:
            raise ConfigError(f"{self._asked} is being written; /take/stop ends it")
        if Path(name).anchor or ".." in Path(name).parts:
            raise ConfigError(f"takes lie in {self._settings.folder}, so a path in it is allowed, got {name!r}")
        path = Path(self._settings.folder) / name if name else self._dated()
        path = path if path.suffix else path.with_suffix(SUFFIX)
        self._begin(path)
        return path

    def stop(self) -> None:
        """End the take with the newest frame; its file is complete soon. Raises ConfigError if there is none."""
        if not self._asked:
            raise ConfigError("no take is being written; /take/start begins one")
        self._asked = None
        self._waiting.append(self._lost)

    def saw(self, decision: Decision) -> None:
        """Keep what was decided, if a take is being written; never waits."""
        if self._asked is None:
            return
        if len(self._waiting) >= _WAITING:
            self._lost += 1
            return
        self._waiting.append(decision)

    def status(self) -> Mapping[str, str | float | int]:
        """Return how the take does, or how the last one went."""
        asked = self._asked
        with self._shared:
            begun = not asked or asked == self._path  # or else the figures are still those of the one before
            reason = "" if asked else self._reason
            finishing = self._writer is not None
            return {
                "take.state": "recording" if asked else "finishing" if finishing else "failed" if reason else "idle",
                "take.error": reason,
                "take.path": str(asked or self._path or ""),
                "take.seconds": round(self._seconds, 3) if begun else 0.0,
                "take.bytes": self._bytes if begun else 0,
                "take.lost": self._lost if begun else 0,
            }

    def _dated(self) -> Path:
        """Return a path that is free, named by the date and time of day."""
        name = self._now().strftime("%Y-%m-%d_%H-%M-%S")
        path, number = Path(self._settings.folder) / f"{name}{SUFFIX}", 1
        while path.exists():
            number += 1
            path = Path(self._settings.folder) / f"{name}_{number}{SUFFIX}"
        return path

    def _begin(self, path: Path) -> None:
        if path.suffix != SUFFIX:
            raise ConfigError(f"a take's name ends in {SUFFIX}, got {str(path)!r}")
        if path.exists() and not (self._settings.overwrite and path.is_file()):
            raise ConfigError(f"{path} exists; choose another, or allow overwrite in [take] (--force)")
        self._waiting.append(path)
        self._asked, self._lost = path, 0

    def _run(self) -> None:
        """Write what waits, every _FLUSH_S; the thread."""
        while True:
            self._wake.wait(_FLUSH_S)
            self._write_waiting()
            if self._closing:
                self._end(self._lost)
                return

    def _write_waiting(self) -> None:
        for _ in range(len(self._waiting)):
            item = self._waiting.popleft()
            try:
                if isinstance(item, int):
                    self._end(item)
                elif isinstance(item, Path):
                    self._open(item)
                elif self._writer:
                    self._writer.write(item)
            except OSError as err:
                self._give_up(err)
        try:
            if self._writer:
                self._writer.flush()
        except OSError as err:
            self._give_up(err)
        self._tell()

    def _open(self, path: Path) -> None:
        with self._shared:
            self._path, self._reason = path, ""
            self._seconds, self._bytes = 0.0, 0
        path.parent.mkdir(parents=True, exist_ok=True)
        sound = self._sound if self._settings.sound else None
        self._writer = TakeWriter(path, self._show, sound, overwrite=self._settings.overwrite)
        _LOG.info("writing the take %s", path)

    def _tell(self) -> None:
        with self._shared:
            if self._writer:
                self._seconds, self._bytes = self._writer.seconds, self._writer.bytes

    def _end(self, lost: int) -> None:
        if self._writer is None:
            return
        try:
            self._writer.finish(lost)
        except OSError as err:
            self._give_up(err)
            return
        self._tell()
        _LOG.info("wrote the take %s, %.1f s", self._path, self._writer.seconds)
        self._writer = None

    def _give_up(self, error: OSError) -> None:
        """Say why a take ended that nobody ended; the show goes on, and another may be begun."""
        why = os.strerror(error.errno) if error.errno else str(error)
        _LOG.error("the take %s failed: %s; what was written stays, and the show goes on", self._path, why)
        self._tell()
        if self._writer:
            self._writer.abandon()
            self._writer = None
        with self._shared:
            self._reason = why
        if self._asked == self._path:
            self._asked = None
