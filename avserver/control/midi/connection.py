"""Connection: a controller that is plugged in; Inbox: the messages that have come from all of them."""

import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

# Two seconds of the densest stream that a USB controller sends; beyond that the oldest are of no interest to anyone.
INBOX_LENGTH = 8192


@dataclass(frozen=True, slots=True)
class Connection:
    """A controller that is plugged in; unplugged and plugged in again it is another connection.

    Attributes:
        name: of its input port.
        number: counts the connections of a show.
    """

    name: str
    number: int


# Means every controller; ALSA's loop from every program to every other is none.
ANY = "*"
_LOOP = "midi through"


def meant(part: str, names: Iterable[str]) -> list[str]:
    """Return the names of the ports that are meant by a part of a name: the first that has it, or all for ANY.

    Upper and lower case are the same.
    """
    if part == ANY:
        return [name for name in names if _LOOP not in name.casefold()]
    return [name for name in names if part.casefold() in name.casefold()][:1]


Received = tuple[Connection, bytes, float]


class Inbox:
    """The port thread puts, the engine's thread drains; neither waits for the other longer than a moment.

    Attributes:
        received: messages that came.
        dropped: messages that found no room: the oldest go, so that what is last is right.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._arrived: deque[Received] = deque(maxlen=INBOX_LENGTH)
        self.received = 0
        self.dropped = 0

    def put(self, connection: Connection, message: bytes, received_s: float) -> None:
        """Hand over a message; `received_s` is when it came (s, monotonic)."""
        with self._lock:
            self.received += 1
            self.dropped += len(self._arrived) == INBOX_LENGTH
            self._arrived.append((connection, message, received_s))

    def drain(self) -> list[Received]:
        """Return what has come, in order."""
        with self._lock:
            arrived, self._arrived = self._arrived, deque(maxlen=INBOX_LENGTH)
        return list(arrived)
