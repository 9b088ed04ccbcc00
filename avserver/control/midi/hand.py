"""MidiHand: what all controllers together do at a frame. A `Hand`: it lives in the engine's thread and never waits."""

import logging
import time
from collections.abc import Callable, Hashable, Mapping
from typing import Any, Protocol

from avserver.control.events import Event
from avserver.control.midi.connection import ANY, Connection, Inbox, meant
from avserver.control.midi.controls import Control, Move
from avserver.control.midi.decoder import Decoder
from avserver.control.midi.grip import Grip
from avserver.control.midi.knob import COMMANDS
from avserver.control.moment import Moment
from avserver.control.params import ParamTable, Value
from avserver.control.patch import Patch
from avserver.control.tempo_source import MIDI, TEMPO_SOURCES

_log = logging.getLogger(__name__)

# Told where every control stands that is moved: its name in a mapping file (`midi cc 1 7`) and 0 to 1.
Tell = Callable[[str, float], None]
_CLOCK = TEMPO_SOURCES.index(MIDI)
_Said = tuple[Grip, tuple[object, ...], float]  # who says what, and since when (s, monotonic)


class Ports(Protocol):
    """Where controllers are plugged in. Nothing here blocks."""

    inbox: Inbox

    @property
    def connections(self) -> tuple[Connection, ...]:
        """The controllers that are there now."""

    def want(self, names: frozenset[str]) -> None:
        """Open the ports whose names contain one of these, whenever they are there."""

    def send(self, connection: Connection, key: Hashable, messages: tuple[bytes, ...]) -> None:
        """Send to a controller; what waits under the same key is sent no more."""


class MidiHand:
    """Turns what controllers send into events, and shows on them where the parameters stand.

    Args:
        ports: where the controllers are.
        patch: its `[[midi]]` tables say what turns what.
        table: the parameters of the show.
        tell: told where every control stands that moves, whether it turns anything or not.

    Attributes:
        coalesced: moves that a later one within the same frame made void.
    """

    def __init__(self, ports: Ports, patch: Patch, table: ParamTable, tell: Tell | None = None) -> None:
        self._ports = ports
        self._tell = tell
        self._grips: list[Grip] = []
        self._connections: tuple[Connection, ...] = ()
        self._decoders: dict[Connection, Decoder] = {}
        self._bound: dict[tuple[Connection, Control], list[Grip]] = {}
        self._plugged: set[tuple[Connection, Grip]] = set()
        self._clocked = False  # whether MIDI clock leads the tempo
        self.coalesced = 0
        self._complaint = ""
        self.take(patch, table)

    def take(self, patch: Patch, table: ParamTable) -> None:
        """Play another mapping file's knobs. Those that are in both go on as they were."""
        old = self._grips
        self._grips = []
        for knob in patch.midi:
            param = None if knob.target in COMMANDS else table[knob.target]
            kept = next((grip for grip in old if grip.knob == knob and grip.param == param), None)
            if kept is not None:
                old.remove(kept)
            self._grips.append(kept or Grip(knob, param))
        heard = any(modulation.source.startswith("midi ") for modulation in patch.modulations)
        self._named = frozenset([*(knob.port for knob in patch.midi), *([ANY] if heard else [])])
        self._want()
        self._bind()

    def status(self) -> dict[str, str | int]:
        """Return the figures of `/avserver/status`."""
        inbox = self._ports.inbox
        return {
            "midi_ports": ", ".join(connection.name for connection in self._ports.connections),
            "midi_received": inbox.received,
            "midi_coalesced": self.coalesced,
            "midi_dropped": inbox.dropped,
        }

    def events(self, moment: Moment, values: Mapping[str, Value]) -> list[Event]:
        """Return what the controllers do at this frame; `values` is where the parameters stand."""
        if (values.get("/tempo/source") == _CLOCK) != self._clocked:
            self._clocked = not self._clocked
            self._want()
        received = self._ports.inbox.drain()
        if self._ports.connections != self._connections:
            self._plug(self._ports.connections)
        now: dict[str, Any] = dict(values)
        done: dict[object, _Said] = {}
        for connection, message, received_s in received:
            decoder = self._decoders.get(connection)
            for move in decoder.feed(message, received_s) if decoder else ():
                self._told(move)
                for grip in self._bound.get((connection, move.control), ()):
                    said = grip.turn(move, now, moment.t_s)
                    if said is not None:
                        self._note((grip, said, received_s), now, done)
        self._show(values, now, moment.t_s)
        # The ports' clock is not that of the day, which taps are told by.
        unix_s = time.time() - time.monotonic()
        return [
            Event(grip.knob.target, said, ("midi", grip.knob.port), self._answer, received_unix_s=unix_s + received_s)
            for grip, said, received_s in done.values()
        ]

    def _want(self) -> None:
        """Have the ports opened that knobs name; all of them while one is to be found that sends MIDI clock."""
        self._ports.want(self._named | ({ANY} if self._clocked else frozenset()))

    def _told(self, move: Move) -> None:
        if self._tell is not None and not move.steps:
            self._tell(f"midi {move.control}", move.position)

    def _note(self, said: _Said, now: dict[str, Any], done: dict[object, _Said]) -> None:
        """Write down what a grip says; what it says next within this frame is said to where the parameter is then."""
        grip, arguments, _ = said
        if grip.knob.target in now:
            now[grip.knob.target] = arguments[0]
        key = grip if grip.continuous else object()
        self.coalesced += done.pop(key, None) is not None
        done[key] = said

    def _plug(self, connections: tuple[Connection, ...]) -> None:
        """Take note of the controllers that came and went."""
        self._connections = connections
        self._decoders = {connection: self._decoders.get(connection) or Decoder() for connection in connections}
        self._bind()

    def _bind(self) -> None:
        """Find the controllers of every knob."""
        connections = {connection.name: connection for connection in reversed(self._connections)}
        was, self._bound, self._plugged = self._plugged, {}, set()
        for grip in self._grips:
            for name in meant(grip.knob.port, [connection.name for connection in self._connections]):
                plugged = connections[name], grip
                if plugged not in was:
                    grip.plug()
                self._plugged.add(plugged)
                self._bound.setdefault((connections[name], grip.knob.control), []).append(grip)

    def _show(self, values: Mapping[str, Value], now: Mapping[str, Value], now_s: float) -> None:
        """Send feedback. What has just been turned is shown at the next frame, when it is known to have been done.

        Of several knobs on one control the first one is shown.
        """
        for (connection, control), grips in self._bound.items():
            grip = next((grip for grip in grips if grip.shows), None)
            if grip is None or values[grip.knob.target] != now[grip.knob.target]:
                continue
            if messages := grip.show(values, now_s):
                self._ports.send(connection, control, messages)

    def _answer(self, address: str, *words: object) -> None:
        """Log what could not be done, once: a fader would say it a hundred times."""
        complaint = ", ".join(str(word) for word in words)
        if address.endswith("/fail") and complaint != self._complaint:
            self._complaint = complaint
            _log.warning("a MIDI controller: %s", complaint)
