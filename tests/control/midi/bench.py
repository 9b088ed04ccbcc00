"""A desk with controllers on it, without cables: what a controller sends in bytes, what the desk holds in values."""

from collections.abc import Hashable

from avserver.control.desk import Command, Desk
from avserver.control.events import Event
from avserver.control.mapping import parse_patch
from avserver.control.midi.connection import Connection, Inbox
from avserver.control.midi.hand import MidiHand
from avserver.control.moment import Moment
from avserver.control.params import Value

FPS = 30


class Plugs:
    """Stands where the port thread stands."""

    def __init__(self, *names: str) -> None:
        self.inbox = Inbox()
        self.connections = tuple(Connection(name, number) for number, name in enumerate(names))
        self.wanted: frozenset[str] = frozenset()
        self.sent: list[bytes] = []

    def want(self, names: frozenset[str]) -> None:
        self.wanted = names

    def send(self, connection: Connection, key: Hashable, messages: tuple[bytes, ...]) -> None:
        self.sent += messages


class Bench:
    """Plays a mapping file's knobs on a real desk, a frame at a time."""

    def __init__(self, text: str, *ports: str) -> None:
        self.patch = parse_patch(text, file="x.toml")
        table = self.patch.param_table()
        self.plugs = Plugs(*(ports or ("nano",)))
        self.told: dict[str, float] = {}
        self.commands: list[tuple[object, ...]] = []
        command = Command(self.commands.append, "s", "recall")
        self.desk = Desk(table, dict, {"/preset/recall": command})
        self.hand = MidiHand(self.plugs, self.patch, table, self.told.__setitem__)
        self.t_s = 0.0
        self.fired: list[str] = []
        self.frame()
        self.plugs.sent.clear()

    def take(self, text: str) -> None:
        """Edit the mapping file."""
        self.patch = parse_patch(text, file="x.toml")
        table = self.patch.param_table()
        self.desk.take(table)
        self.hand.take(self.patch, table)

    def play(self, *messages: bytes | str, port: int = 0) -> None:
        """Send messages (bytes, or as hexadecimal digits) within one frame."""
        for message in messages:
            raw = bytes.fromhex(message) if isinstance(message, str) else message
            self.plugs.inbox.put(self.plugs.connections[port], raw, self.t_s)
        self.frame()

    def turn(self, address: str, value: object) -> None:
        """Have somebody else turn a parameter."""
        self.frame(Event(address, (value,), "somebody else", lambda *_: None))

    def frame(self, *others: Event) -> None:
        """Let a frame pass."""
        events = self.hand.events(Moment(self.t_s, self.t_s), self.desk.values)
        self.fired += sorted(self.desk.apply([*others, *events]))
        self.t_s += 1 / FPS

    def rest(self) -> list[bytes]:
        """Let a second pass, and return what was sent to the controllers in it."""
        self.plugs.sent.clear()
        for _ in range(FPS):
            self.frame()
        return self.plugs.sent

    def __getitem__(self, address: str) -> Value:
        return self.desk.values[address]
