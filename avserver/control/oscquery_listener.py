"""OscQueryListener: one WebSocket client of OSCQuery, and what it has yet to be sent. Lives in the web thread."""

import asyncio
import itertools
import json
import logging
import threading
from collections.abc import Callable

from avserver.control.events import Event
from avserver.control.osc_intake import OscIntake, OscPeer
from avserver.control.osc_packet import encode
from avserver.control.oscquery_tree import OscQueryTree

_LOG = logging.getLogger(__name__)
# Messages that wait for a client that does not read: every knob of a large show, and some answers.
_MOST_WAITING = 4096
_numbers = itertools.count(1)


class OscQueryListener:
    """Hears changes of what it listens to, at most the newest of each, and has OSC packets executed.

    Args:
        host: the client's, for messages.
        tree: returns the tree as it is now.
        intake: takes its packets.
        put: takes events.
        call_soon: has the web thread call a function; used from the engine's thread.
    """

    def __init__(
        self,
        host: str,
        *,
        tree: Callable[[], OscQueryTree],
        intake: OscIntake,
        put: Callable[..., None],
        call_soon: Callable[..., object],
    ) -> None:
        self.awake = asyncio.Event()
        self._tree = tree
        self._intake = intake
        self._put = put
        self._call_soon = call_soon
        self._listening: set[str] = set()
        self._lock = threading.Lock()
        self._waiting: dict[object, bytes | str] = {}
        self._order = itertools.count()
        self._client = OscPeer(("oscquery", next(_numbers)), host, self._answer)

    def arrive(self) -> None:
        """Have the desk tell of changes."""
        self._put(Event("/notify", (1,), self._client.sender, self._hear))

    def leave(self) -> None:
        """Have the desk tell nothing more."""
        self._put(Event("/notify", (0,), self._client.sender, self._hear))

    def take_packet(self, packet: bytes) -> None:
        """Do what a binary message says."""
        self._intake.take(packet, self._client)

    def take_text(self, text: str) -> None:
        """Do what a text message says; what is not understood is only logged, the proposal knows no answer to it."""
        try:
            said = json.loads(text)
        except (ValueError, RecursionError):
            said = None
        match said:
            case {"COMMAND": "LISTEN", "DATA": str(path)} if path in self._tree():
                self._listening.add(path)
            case {"COMMAND": "IGNORE", "DATA": str(path)}:
                self._listening.discard(path)
            case _:
                _LOG.debug("OSCQuery: %s said %.80r", self._client.name, text)

    def tell(self, command: str, path: str) -> None:
        """Have the client told of a change of the tree. A path that is gone is not listened to any more."""
        if command == "PATH_REMOVED":
            self._listening.discard(path)
        self._wait(next(self._order), json.dumps({"COMMAND": command, "DATA": path}))

    def take_waiting(self) -> list[bytes | str]:
        """Return what is to be sent, once."""
        self.awake.clear()
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        return list(waiting.values())

    def _hear(self, path: str, *values: object) -> None:
        """Take note of a change; called from the engine's thread."""
        if path in self._listening and len(values) == 1:
            self._wait(path, self._tree().packet(path, values[0]))

    def _answer(self, path: str, *values: object) -> None:
        """Take an answer to a packet of the client's own; called from the engine's thread."""
        tree = self._tree()
        packet = tree.packet(path, values[0]) if path in tree and len(values) == 1 else encode(path, *values)
        self._wait(next(self._order), packet)

    def _wait(self, key: object, message: bytes | str) -> None:
        with self._lock:
            first = not self._waiting
            if key in self._waiting or len(self._waiting) < _MOST_WAITING:
                self._waiting[key] = message
        if first:
            self._call_soon(self.awake.set)
