"""Output: the contract of everything that frames go to. The base class guards, a backend does."""

import logging
from abc import ABC, abstractmethod
from types import TracebackType
from typing import ClassVar, Self

from avserver.frame import Frame

_LOG = logging.getLogger(__name__)


class Output(ABC):
    """A place where frames go. Opened once, closed once; a frame that cannot be sent is counted and the show goes on.

    A backend writes `_open`, `_send` and `_close`, and names in SURVIVES the errors that may come of a network, a disk
    or a driver. Any other error is a mistake of ours and is not hidden.

    Attributes:
        name: for messages, e.g. `zeromq tcp://127.0.0.1:5555`.
        sent: frames that were handed over.
        failed: frames that were not.
    """

    SURVIVES: ClassVar[tuple[type[Exception], ...]] = (OSError,)

    def __init__(self, name: str) -> None:
        self.name = name
        self.sent = 0
        self.failed = 0
        self._is_open = False
        self._was_open = False

    def open(self) -> None:
        """Make it ready to send. Raises UserError if that is impossible, RuntimeError if it was open before."""
        if self._was_open:
            raise RuntimeError(f"{self.name} was opened before; an output is opened once")
        self._open()
        self._is_open = self._was_open = True

    def send(self, frame: Frame) -> None:
        """Send one frame, or count that it failed; never waits. Raises RuntimeError if the output is not open."""
        if not self._is_open:
            raise RuntimeError(f"{self.name} is not open; frames are sent between open and close")
        try:
            self._send(frame)
        except self.SURVIVES as err:
            self.failed += 1
            if self.failed == 1:
                _LOG.warning("%s did not take a frame: %s (more are only counted)", self.name, err)
        else:
            self.sent += 1

    def close(self) -> None:
        """Let go of everything. Does nothing if the output is not open."""
        if self._is_open:
            self._is_open = False
            self._close()

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
        """Send one frame without waiting for anybody. May raise what SURVIVES names."""

    @abstractmethod
    def _close(self) -> None:
        """Give back what `_open` took; called once, and only after `_open` succeeded."""
