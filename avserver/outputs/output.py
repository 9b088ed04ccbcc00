"""Output: the contract of everything that frames go to. The base class paces, restarts and counts; a backend sends."""

import dataclasses
import logging
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from enum import StrEnum
from types import TracebackType
from typing import ClassVar, Self

from avserver.errors import AvserverError
from avserver.frame import Flags, Frame
from avserver.shape import Shape
from avserver.shaping import Shaper

_LOG = logging.getLogger(__name__)

# Before a failed output is opened again: soon, for a cable that slipped; then seldom, for one that stays out.
_BACKOFF_S = (0.2, 1.0, 2.0, 5.0, 10.0)


class OutputState(StrEnum):
    """How an output is, in words that `status` shows."""

    CLOSED = "closed"
    PLAYING = "playing"
    FAILING = "failing"  # it is tried again and again
    BROKEN = "broken"  # by a mistake of ours; it is not tried again


class Output(ABC):
    """A place where frames go, with a thread of its own, so that none waits for another, nor the show for any.

    A backend writes `_open`, `_send` and `_close`, and names in SURVIVES the errors that may come of a network, a disk
    or a driver. After one of those it is closed, and opened again with a growing pause, until that works; the reason is
    said once. Any other error is a mistake of ours and is not hidden.

    Attributes:
        name: in the status and in messages, e.g. `zeromq tcp://127.0.0.1:5555`.
        state: see `OutputState`.
        error: why it is failing; empty while it plays.
        sent: frames that were handed over.
        failed: frames that were not, because it was failing.
        skipped: frames that made room for newer ones, because it was too slow.
        restarts: how often it was opened again.
    """

    SURVIVES: ClassVar[tuple[type[Exception], ...]] = (OSError,)
    # How many frames wait for one that is being sent; the oldest make room for newer ones.
    DEPTH: ClassVar[int] = 1
    # How long `close` waits for a backend that is in the middle of sending (s).
    CLOSE_S: ClassVar[float] = 2.0

    def __init__(self, name: str, *, shape: Shape | None = None, fps: float = 0.0) -> None:
        """Make one that is not open yet.

        Args:
            name: see the attribute.
            shape: size of what is sent and how pictures are made to fit it; None sends them as they come.
            fps: how often a frame is sent, the last one again if there is no new one; 0: whenever one comes.
        """
        self.name = name
        self.state = OutputState.CLOSED
        self.error = ""
        self.sent = self.failed = self.skipped = self.restarts = 0
        self._shaper = Shaper(shape) if shape else None
        self._period_s = 1.0 / fps if fps else 0.0
        self._was_open = False
        self._is_open = False
        self._failures = 0  # since it played last
        self._again_s = 0.0
        self._closing = False
        self._waiting: deque[Frame] = deque()
        self._news = threading.Condition()
        self._sender = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def where(self) -> str:
        """Where a person finds the frames; one line."""
        return self.name

    def open(self) -> None:
        """Make it ready to send. Raises UserError if that is impossible, RuntimeError if it was open before.

        If one of SURVIVES is in the way, it is failing, and tried again later.
        """
        if self._was_open:
            raise RuntimeError(f"{self.name} was opened before; an output is opened once")
        try:
            self._open()
            self._is_open, self.state = True, OutputState.PLAYING
        except self.SURVIVES as err:
            self._fail(err)
        self._was_open = True
        self._sender.start()

    def send(self, frame: Frame) -> None:
        """Have a frame sent; never waits. Raises RuntimeError if the output is not open."""
        if self.state is OutputState.CLOSED:
            raise RuntimeError(f"{self.name} is not open; frames are sent between open and close")
        with self._news:
            while len(self._waiting) >= self.DEPTH:
                self._waiting.popleft()
                self.skipped += not self._period_s  # a slower rate leaves frames out on purpose
            self._waiting.append(frame)
            self._news.notify()

    def close(self) -> None:
        """Send what waits, and let go of everything. Does nothing if the output is not open."""
        if self.state is OutputState.CLOSED:
            return
        with self._news:
            self._closing = True
            self._news.notify()
        self._sender.join(self.CLOSE_S)
        if self._sender.is_alive():
            _LOG.warning("%s does not end; it is left behind", self.name)
        elif self._is_open:
            self._is_open = False
            self._close()
        self.state = OutputState.CLOSED

    def status(self) -> Mapping[str, str | float | int]:
        """Return how it does, as plain values; a backend adds to them in `_status`."""
        return {
            "state": str(self.state),
            "error": self.error,
            "sent": self.sent,
            "failed": self.failed,
            "skipped": self.skipped,
            "restarts": self.restarts,
            **self._status(),
        }

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def _open(self) -> None:
        """Take what is needed to send. Whatever was taken is given back if this raises."""

    @abstractmethod
    def _send(self, frame: Frame) -> None:
        """Send one frame, of the shape that was asked for. Called in the output's thread. May raise SURVIVES."""

    @abstractmethod
    def _close(self) -> None:
        """Give back what `_open` took; called once for each `_open` that succeeded."""

    def _arrives(self) -> bool:
        """Return whether what was sent has reached somebody; a backend that knows only later says False until then."""
        return True

    def _status(self) -> Mapping[str, str | float | int]:
        """Return what else there is to say, such as how many receivers there are."""
        return {}

    def _run(self) -> None:
        """Send what comes until `close`; the thread."""
        try:
            due_s = time.monotonic()
            last: Frame | None = None
            while (frame := self._next(last, due_s)) is not None:
                if self._period_s:
                    due_s = max(due_s + self._period_s, time.monotonic() - self._period_s)
                self._deliver(frame)
                last = frame
        except BaseException:
            self.state = OutputState.BROKEN
            raise

    def _next(self, last: Frame | None, due_s: float) -> Frame | None:
        """Wait for a frame to send, or for the time to send one; None if there is no more."""
        with self._news:
            if self._period_s:
                while not self._closing and (not self._waiting or time.monotonic() < due_s):
                    patience_s = due_s - time.monotonic()
                    if patience_s <= 0 and last is not None:
                        return dataclasses.replace(last, flags=last.flags | Flags.REPEATED)
                    self._news.wait(patience_s if patience_s > 0 else None)
            else:
                self._news.wait_for(lambda: self._waiting or self._closing)
            return self._waiting.popleft() if self._waiting else None

    def _deliver(self, frame: Frame) -> None:
        if not self._is_open:
            self._open_again()
        if not self._is_open:
            self.failed += 1
            return
        try:
            self._send(self._shaper(frame) if self._shaper else frame)
        except self.SURVIVES as err:
            self.failed += 1
            self._is_open = False
            self._fail(err)
            self._close()
        else:
            if self.error and self._arrives():
                _LOG.warning("%s plays again", self.name)
                self.error, self._failures, self.state = "", 0, OutputState.PLAYING
            self.sent += 1  # last: whoever sees it finds the state

    def _open_again(self) -> None:
        """Open it again if it is time to."""
        if time.monotonic() < self._again_s:
            return
        self.restarts += 1
        try:
            self._open()
        except AvserverError as err:
            self._fail(err)
        except self.SURVIVES as err:
            self._fail(err)
        else:
            self._is_open = True  # it plays again once a frame has left

    def _fail(self, error: Exception) -> None:
        """Plan to open it again, and say why it failed, once."""
        self._again_s = time.monotonic() + _BACKOFF_S[min(self._failures, len(_BACKOFF_S) - 1)]
        self._failures += 1
        if not self.error:
            _LOG.warning("%s fails: %s; it is tried again, and the others play on", self.name, error)
        self.error = str(error) or type(error).__name__
        self.state = OutputState.FAILING  # last: whoever sees it finds the reason
