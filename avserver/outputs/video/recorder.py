"""Recorder: the show into files, begun and ended while it plays."""

import contextlib
import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from avserver.audio.overheard import Overheard
from avserver.errors import AvserverError, ConfigError
from avserver.frame import Flags, Frame
from avserver.outputs.output import Output
from avserver.outputs.settings import RecordingSettings
from avserver.outputs.video.encoding import form_of_file
from avserver.outputs.video.film import FILM_ERRORS, Film, FilmFile
from avserver.outputs.video.stretch import Stretch, exact_rate

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Order:
    """What the recorder's thread is to do once it has seen the frames up to a show time: begin a file, or end it.

    `skipped` is how many frames had been left out until then.
    """

    after_s: float
    path: Path | None
    skipped: int


class Recorder(Output):
    """Records from `start` to `stop`, one file at a time; in between it takes frames and does nothing with them.

    It never holds the show up: where the encoder is too slow frames are left out, counted, and made good by repeated
    ones, so that picture and sound stay together. A disk that fills up ends the recording, not the show; what was
    written stays.

    Args:
        settings: see `RecordingSettings`. With a `path` it records from the first frame on.
        sound: what is heard, None for recordings without.
        fps: of the show.
        now: tells the time of day, for names.

    `open` raises ConfigError if there is a `path` that cannot be recorded to.
    """

    SURVIVES: ClassVar[tuple[type[Exception], ...]] = FILM_ERRORS
    # A second at 30 a second, for a disk or an encoder that pauses: 83 MB of 720p.
    DEPTH: ClassVar[int] = 30
    # What waits has to be encoded before the file is complete.
    CLOSE_S: ClassVar[float] = 10.0

    def __init__(
        self,
        settings: RecordingSettings,
        sound: Overheard | None,
        *,
        fps: float,
        now: Callable[[], datetime] = lambda: datetime.now().astimezone(),
    ) -> None:
        super().__init__(settings.name or "recording", shape=settings.shape)
        self._settings = settings
        self._sound = sound if settings.sound else None
        self._fps = exact_rate(settings.fps or fps)
        self._now = now
        self._orders: deque[_Order] = deque()
        self._newest_s = -1.0
        self._stretch: Stretch | None = None
        self._asked: Path | None = None  # what was asked for last, None after `stop`
        self._shared = threading.Lock()  # of what follows; held for microseconds
        self._path: Path | None = None
        self._seconds, self._bytes, self._repeated, self._lost_before, self._lost = 0.0, 0, 0, 0, 0
        self._reason = ""

    @property
    def where(self) -> str:
        """What is recorded to."""
        return f"{self._asked or self._folder} (recording)"

    def start(self, name: str = "") -> Path:
        """Record into a file of the recordings' folder from the next frame on, and return it. Never waits.

        Args:
            name: a path inside the folder; empty: one made of the date.

        Raises ConfigError for a name that is not allowed or taken, and while something is recorded.
        """
        if self._asked:
            raise ConfigError(f"{self._asked} is being recorded; /record/stop ends it")
        if Path(name).anchor or ".." in Path(name).parts:
            raise ConfigError(f"recordings lie in {self._folder}, so a path in it is allowed, got {name!r}")
        path = self._folder / name if name else self._dated()
        self._begin(path)
        return path

    def stop(self) -> None:
        """End the recording after the newest frame; the file is complete soon. Raises ConfigError if there is none."""
        if not self._asked:
            raise ConfigError("nothing is being recorded; /record/start begins")
        self._asked = None
        self._orders.append(_Order(self._newest_s, None, self.skipped))

    def send(self, frame: Frame) -> None:
        """Have a frame recorded, if anything is; never waits."""
        self._newest_s = max(self._newest_s, frame.t_s)
        super().send(frame)

    def recording(self) -> Mapping[str, str | float | int]:
        """Return how the recording does, or how the last one went."""
        asked, stretch = self._asked, self._stretch
        reason = "" if asked else self._reason
        state = "recording" if asked else "finishing" if stretch else "failed" if reason else "idle"
        with self._shared:
            begun = not asked or asked == self._path  # or else the figures are still those of the one before
            return {
                "record.state": state,
                "record.error": reason,
                "record.path": str(asked or self._path or ""),
                "record.seconds": round(self._seconds, 3) if begun else 0.0,
                "record.bytes": self._bytes if begun else 0,
                "record.dropped": (self.skipped - self._lost_before if stretch else self._lost) if begun else 0,
                "record.repeated": self._repeated if begun else 0,
            }

    @property
    def _folder(self) -> Path:
        return Path(self._settings.folder)

    def _dated(self) -> Path:
        """Return a path that is free, named by the date and time of day."""
        name = self._now().strftime("%Y-%m-%d_%H-%M-%S")
        path, number = self._folder / f"{name}.{self._settings.container}", 1
        while path.exists():
            number += 1
            path = self._folder / f"{name}_{number}.{self._settings.container}"
        return path

    def _begin(self, path: Path) -> None:
        form_of_file(path, self._settings.codec, self._settings.quality)
        if path.exists() and not (self._settings.overwrite and path.is_file()):
            raise ConfigError(f"{path} exists; choose another, or allow overwrite in [recording] (--force)")
        self._asked = path
        self._orders.append(_Order(self._newest_s, path, self.skipped))

    def _open(self) -> None:
        if self._settings.path:
            self._begin(Path(self._settings.path))

    def _send(self, frame: Frame) -> None:
        # A repeated frame has the time of when it was drawn, which may be long past.
        self._obey(frame, before_s=float("inf") if Flags.REPEATED in frame.flags else frame.t_s)
        if self._stretch:
            self._record(self._stretch, frame)
        if not self._waiting:
            self._obey(None, before_s=float("inf"))

    def _close(self) -> None:
        self._obey(None, before_s=float("inf"))
        self._end()
        self._asked = None

    def _obey(self, frame: Frame | None, *, before_s: float) -> None:
        """Do what was ordered before that show time (s). A file begins with a frame: without one that waits."""
        while self._orders and self._orders[0].after_s < before_s:
            order = self._orders[0]
            if order.path is None:
                self._end()
            elif frame is None:
                return
            else:
                self._first(order.path, frame, order.skipped)
            self._orders.popleft()

    def _first(self, path: Path, frame: Frame, skipped: int) -> None:
        """Make the file, the first frame of which this is to be."""
        with self._shared:
            self._path, self._reason = path, ""
            self._seconds, self._bytes, self._repeated, self._lost, self._lost_before = 0.0, 0, 0, 0, skipped
        height_px, width_px, _ = frame.pixels.shape
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            film = Film(
                FilmFile(path, overwrite=self._settings.overwrite),
                form_of_file(path, self._settings.codec, self._settings.quality),
                width_px=width_px,
                height_px=height_px,
                fps=self._fps,
                sound=self._sound is not None,
            )
        except (AvserverError, *FILM_ERRORS) as err:
            self._give_up(path, err)
            if not isinstance(err, FileExistsError):
                _remove_empty(path)
        else:
            self._stretch = Stretch(film, self._sound, frame)
            _LOG.info("recording %s", path)

    def _record(self, stretch: Stretch, frame: Frame) -> None:
        try:
            repeated = stretch.add(frame)
        except FILM_ERRORS as err:
            stretch.abandon()
            self._stretch = None
            assert self._path is not None
            self._give_up(self._path, err)
        with self._shared:
            self._seconds, self._bytes = stretch.seconds, stretch.bytes
            self._repeated += repeated if self._stretch else 0
            self._lost = self.skipped - self._lost_before

    def _end(self) -> None:
        stretch, path = self._stretch, self._path
        if stretch is None or path is None:
            return
        try:
            stretch.finish()
        except FILM_ERRORS as err:
            self._give_up(path, err)
        else:
            _LOG.info("recorded %s, %.1f s", path, stretch.seconds)
        with self._shared:
            self._seconds, self._bytes = stretch.seconds, stretch.bytes
        self._stretch = None

    def _give_up(self, path: Path, error: Exception) -> None:
        """Say why a recording ended that nobody ended; the show goes on, and another may be started."""
        why = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
        _LOG.error("the recording %s failed: %s; what was written stays, and the show goes on", path, why)
        self._reason = why
        if self._asked == path:
            self._asked = None


def _remove_empty(path: Path) -> None:
    """Remove a file that nothing was written to, so that its name is free for the next attempt."""
    with contextlib.suppress(OSError):
        if path.stat().st_size == 0:
            path.unlink()
