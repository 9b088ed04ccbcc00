"""Librarian: reads and writes presets in a thread of its own, for disks are slow and the show must not wait."""

import contextlib
import logging
import queue
import threading
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self

from avserver.control.preset_folder import PresetFolder, Shelf
from avserver.errors import PresetError

_LOG = logging.getLogger(__name__)

# How soon a file that somebody edits is noticed.
LOOK_EVERY_S = 0.5
# More that wait at once come from no human hand.
_MOST_WAITING = 64
# Longer is no disk waited for at the end of a show.
_PATIENCE_S = 2.0

Job = Callable[[PresetFolder], None]
# Told when a job is done: None, or in a sentence why it could not be.
Done = Callable[[str | None], None]


class Librarian:
    """Keeps the shelf as the folder is. At work between entering and leaving.

    A preset of 250 knobs takes some 5 ms to read and 15 ms to save (on one slow core and a local disk); once it is on
    the shelf, a recall costs a frame about 1 ms.

    Attributes:
        shelf: what was read last; replaced, never changed.

    Raises PresetError if the folder cannot be read at the start.
    """

    def __init__(self, folder: PresetFolder) -> None:
        self._folder = folder
        self.shelf: Shelf = folder.look()
        self._tell_refused(Shelf())
        self._jobs: queue.Queue[tuple[Job, Done] | None] = queue.Queue(_MOST_WAITING)
        self._stopping = False
        self._done: deque[tuple[Done, str | None]] = deque()
        self._thread = threading.Thread(target=self._work, name="presets", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Do what was asked for, so that nothing that was saved is lost, and stop."""
        self._stopping = True
        with contextlib.suppress(queue.Full):
            self._jobs.put_nowait(None)  # wakes it, unless it has enough to do
        self._thread.join(_PATIENCE_S)

    def ask(self, job: Job, done: Done) -> None:
        """Have a job done, and the folder looked at after it; `report` then calls `done`. Never blocks.

        Raises PresetError if too many wait.
        """
        try:
            self._jobs.put_nowait((job, done))
        except queue.Full:
            raise PresetError(f"{_MOST_WAITING} presets are waiting to be read or written: too many at once") from None

    def report(self) -> None:
        """Tell whoever asked what has been done since the last call; in the thread that calls this."""
        while self._done:
            done, problem = self._done.popleft()
            done(problem)

    def _work(self) -> None:
        while True:
            try:
                asked = self._jobs.get(timeout=LOOK_EVERY_S)
            except queue.Empty:
                asked = None
            if asked is not None:
                job, done = asked
                self._done.append((done, self._attempt(job)))
            elif self._stopping:
                return
            else:
                self._attempt(lambda _: None)

    def _attempt(self, job: Job) -> str | None:
        """Do a job and look at the folder; return what went wrong."""
        problem = None
        try:
            job(self._folder)
        except PresetError as err:
            problem = str(err)
        try:
            before, self.shelf = self.shelf, self._folder.look()
        except PresetError as err:
            return problem or str(err)
        self._tell_refused(before)
        return problem

    def _tell_refused(self, before: Shelf) -> None:
        for name, reason in self.shelf.refused.items():
            if before.refused.get(name) != reason:
                _LOG.warning("%s; this preset is left out", reason)
