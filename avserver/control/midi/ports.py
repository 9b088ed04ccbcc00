"""MidiPorts: the controllers that are plugged in; a thread of its own watches, opens and closes their ports."""

import logging
import threading
import time
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Any

from avserver.control.midi.connection import ANY, Connection, Inbox, meant
from avserver.control.midi.driver import Driver, Names
from avserver.errors import MidiError

_log = logging.getLogger(__name__)

# No system tells that a controller was plugged in, so the names are looked at this often (s): before a hand has left
# the plug.
LOOK_EVERY_S = 0.25
# A system without MIDI is asked again now and then (s): JACK may be started later, and its library writes to stderr.
_ASK_AGAIN_S = 10.0
# Messages are fetched this often (s): an eighth of a frame at 30 frames a second, for one per cent of a slow core.
_FETCH_EVERY_S = 0.004
# The system knows better than we when a message came, as long as both agree to within this (s).
_TRUSTED_S = 0.02
# RtMidi frees what JACK's thread may still read if a port is let go of as soon as it is closed (s).
_CLOSING_S = 0.1
# MIDI clock: song position, clock, start, continue, stop.
_CLOCK = frozenset((0xF2, 0xF8, 0xFA, 0xFB, 0xFC))
_FIRST_SYSTEM = 0xF0

# Given MIDI clock's messages: the message, when it came (s, monotonic), the name of the port. In the port thread.
Clock = Callable[[bytes, float, str], None]


@dataclass(slots=True)
class _Open:
    """A controller whose ports are open; `last_s` is when its last message came."""

    connection: Connection
    input: Any
    output: Any | None
    names: tuple[str, str | None]
    last_s: float = 0.0


class MidiPorts:
    """Keeps open the ports that are wanted, as long as they are there. What fails is logged once, and the show goes on.

    Args:
        backend: see `Driver`.
        also: parts of names of ports to open beside those of the mapping file.
        clock: given what MIDI clock says.
        everything: open all inputs there are, and no output; for those who look on.

    Attributes:
        inbox: what controllers have sent.
        connections: the controllers that are there now.
    """

    def __init__(
        self,
        backend: str = "",
        *,
        also: Iterable[str] = (),
        clock: Clock | None = None,
        everything: bool = False,
    ) -> None:
        self._backend = backend
        self._also = frozenset(also)
        self._clock = clock
        self._everything = everything
        self._wanted = self._also
        self._driver: Driver | None = None
        self._open: list[_Open] = []
        self._opened = 0
        self._closed: list[Any] = []  # ports that are let go of at the next look
        self._waiting: dict[tuple[Connection, Hashable], tuple[bytes, ...]] = {}
        self._waiting_lock = threading.Lock()
        self._said: set[str] = set()
        self._wake = threading.Event()
        self._closing = False
        self.inbox = Inbox()
        self.connections: tuple[Connection, ...] = ()
        self._thread = threading.Thread(target=self._run, name="midi", daemon=True)
        self._thread.start()

    def want(self, names: frozenset[str]) -> None:
        """Open the ports whose names contain one of these, whenever they are there."""
        self._wanted = self._also | names
        self._wake.set()

    def send(self, connection: Connection, key: Hashable, messages: tuple[bytes, ...]) -> None:
        """Send to a controller; what waits under the same key is sent no more."""
        with self._waiting_lock:
            self._waiting[connection, key] = messages
        self._wake.set()

    def close(self) -> None:
        """Close all ports."""
        self._closing = True
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        look_s = 0.0
        while not self._closing:
            now_s = time.monotonic()
            if now_s >= look_s and (self._wanted or self._everything or self._open or self._closed):
                look_s = now_s + self._look()
            for port in tuple(self._open):
                self._fetch(port)
            self._send_waiting()
            self._wake.wait(_FETCH_EVERY_S if self._open else LOOK_EVERY_S)
            self._wake.clear()
        for port in tuple(self._open):
            self._shut(port)
        if self._closed:
            time.sleep(_CLOSING_S)
            self._let_go()
        if self._driver is not None:
            self._driver.close()

    def _look(self) -> float:
        """Open what came, close what went, and return in how long to look again (s)."""
        self._let_go()
        try:
            self._driver = self._driver or Driver(self._backend)
            names = self._driver.look()
        except MidiError as err:
            self._say(f"{err}; the show goes on without MIDI")
            names, pause_s = Names(), _ASK_AGAIN_S
        else:
            pause_s = LOOK_EVERY_S
        wanted = self._pairs(names)
        for port in tuple(self._open):
            if port.names not in wanted:
                self._shut(port)
        for pair in wanted:
            if all(port.names != pair for port in self._open):
                self._join(*pair)
        return pause_s

    def _pairs(self, names: Names) -> list[tuple[str, str | None]]:
        """Return the ports to hold open: inputs, each with the output that leads to the same controller."""
        if self._everything:
            return [(name, None) for name in names.inputs]
        pairs: dict[str, str | None] = {}
        for part in sorted(self._wanted - {ANY}):
            for found in meant(part, names.inputs):
                # ALSA calls both ways the same; others tell them apart, but both bear the controller's name.
                pairs.setdefault(
                    found, found if found in names.outputs else next(iter(meant(part, names.outputs)), None)
                )
        for found in meant(ANY, names.inputs) if ANY in self._wanted else ():
            pairs.setdefault(found, found if found in names.outputs else None)
        return list(pairs.items())

    def _join(self, name: str, output: str | None) -> None:
        assert self._driver is not None
        try:
            opened = self._driver.open_input(name)
            feedback = self._driver.open_output(output) if output else None
        except MidiError as err:
            self._say(str(err))
            return
        self._opened += 1
        self._open.append(_Open(Connection(name, self._opened), opened, feedback, (name, output)))
        self.connections = tuple(port.connection for port in self._open)
        _log.info("MIDI controller: %s", name)

    def _shut(self, port: _Open) -> None:
        self._open.remove(port)
        self.connections = tuple(port.connection for port in self._open)
        for end in (port.input, port.output):
            if end is not None:
                end.close_port()
                self._closed.append(end)
        if not self._closing:
            _log.info("MIDI controller gone: %s", port.connection.name)

    def _let_go(self) -> None:
        """Free the ports that were closed a while ago."""
        for end in self._closed:
            end.delete()
        self._closed.clear()

    def _fetch(self, port: _Open) -> None:
        """Fetch what has come by a port."""
        while (found := port.input.get_message()) is not None:
            message, since_last_s = bytes(found[0]), found[1]
            port.last_s = received_at(port.last_s, since_last_s, time.monotonic())
            if message[0] < _FIRST_SYSTEM:
                self.inbox.put(port.connection, message, port.last_s)
            elif message[0] in _CLOCK and self._clock is not None:
                self._clock(message, port.last_s, port.connection.name)

    def _send_waiting(self) -> None:
        with self._waiting_lock:
            waiting, self._waiting = self._waiting, {}
        outputs = {port.connection: port.output for port in self._open if port.output is not None}
        for (connection, _), messages in waiting.items():
            if connection in outputs:
                self._send(outputs[connection], messages)

    def _send(self, output: Any, messages: tuple[bytes, ...]) -> None:
        assert self._driver is not None
        try:
            for message in messages:
                output.send_message(message)
        except self._driver.error as err:
            self._say(f"a MIDI controller cannot be sent to: {err}")

    def _say(self, problem: str) -> None:
        if problem not in self._said:
            self._said.add(problem)
            _log.warning("%s", problem)


def received_at(last_s: float, since_last_s: float, now_s: float) -> float:
    """Return when a message came (s, monotonic).

    Args:
        last_s: when the one before it came.
        since_last_s: how long after that one it came, by the clock of the system's driver, which notes it at once.
        now_s: when it was fetched, which may be late, and by a different while each time.
    """
    noted_s = last_s + since_last_s
    return noted_s if now_s - _TRUSTED_S <= noted_s <= now_s else now_s
