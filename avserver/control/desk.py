"""The desk: where the knobs stand. Only the engine's thread turns them, by executing events."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from avserver.control import relative
from avserver.control.address_pattern import is_pattern
from avserver.control.events import ROOT, SHOW, Event, Reply
from avserver.control.params import Kind, Param, ParamTable, Value
from avserver.control.pattern_book import PatternBook
from avserver.control.relative import stepped
from avserver.control.subscribers import Subscribers
from avserver.errors import ParamError, UserError

PANIC = "/panic"
# An answer must fit a datagram, whatever was asked.
_REASON_CHARACTERS = 300
# Of the events that cannot be done, so many a frame are told why: to look for the nearest name takes half a
# millisecond, and a client that sends garbage by the thousand must not hold up the frame.
MAX_EXPLAINED = 10
# What servers say. If another server is made to say it to us, answering would never end.
_ANSWERS = frozenset({"/fail", "/synced", "/status.reply", "/preset/list.reply", "/preset/saved", "/preset/deleted"})

# What a lock leaves to everybody: what ends a show in peace, what asks, and what is heard.
_UNLOCKED = frozenset(
    {"/lock", PANIC, "/output/blackout", "/output/freeze", "/output/opacity"}
    | {"/status", "/notify", "/sync", "/preset/list"}
)
_UNLOCKED_ROOT = "/input/"

Status = Callable[[], Mapping[str, str | float | int]]


@dataclass(frozen=True, slots=True)
class Command:
    """What a message does that turns no knob.

    Attributes:
        run: called with the arguments of a message; raises UserError for bad ones.
        types: OSC type tags of the arguments it takes, e.g. `sf`; more may be left out than these tell.
        description: one line.
        at_desk: `run` is an `AtDesk` instead.
    """

    run: Callable[..., Iterable[Event] | None]
    types: str
    description: str
    at_desk: bool = False


# Given a message and the desk as it stands at that message, it may answer, and returns what is executed right after.
AtDesk = Callable[[Event, "Desk"], Iterable[Event]]


class Desk:
    """Holds the value of every parameter and executes what control threads have enqueued.

    Beside the addresses of the table it knows `/status`, `/notify 1|0` and `/sync id`. What cannot be done is answered
    with `/avserver/fail address reason`, at most MAX_EXPLAINED times a frame; nothing that an event contains raises.

    Args:
        table: the parameters.
        status: asked at `/status`; its pairs are the answer.
        commands: further addresses (without `/avserver`), and what they do.
        on_fire: by the address of a trigger, what else is done when it fires.

    Attributes:
        values: the value of every parameter that has one, as a snapshot: it never changes, `apply` makes a new one.
        failures: events that could not be done.
    """

    def __init__(
        self,
        table: ParamTable,
        status: Status,
        commands: Mapping[str, Command] | None = None,
        on_fire: Mapping[str, AtDesk] | None = None,
    ) -> None:
        self._table = table
        self._on_fire = on_fire or {}
        self._glides: dict[str, float] = {}
        self._status = status
        self._commands = commands or {}
        self._defaults = table.defaults()
        self.values: Mapping[str, Value] = MappingProxyType(self._defaults)
        self.failures = 0
        self._subscribers = Subscribers()
        self._book = PatternBook([*table, *self._commands])
        self._turned: dict[str, Value] = {}
        self._explained = 0

    @property
    def table(self) -> ParamTable:
        """The parameters that it holds."""
        return self._table

    def value(self, address: str) -> Value:
        """Return where a knob stands at this moment, within a frame too; a trigger is never on."""
        return self._turned[address] if address in self._turned else self.values.get(address, False)

    def take_glides(self) -> Mapping[str, float]:
        """Return, once, how long what was turned since the last call is to take (s), where who turned it said so."""
        glides, self._glides = self._glides, {}
        return glides

    def take(self, table: ParamTable, former: Mapping[str, str] | None = None) -> None:
        """Hold the parameters of another table. Knobs that are in both stay where they were turned to.

        `former` says what groups of parameters were called (`/bend/new` was `/bend/old`). Subscribers are told of the
        values that are new.
        """
        values: dict[str, Value] = {}
        for address, default in table.defaults().items():
            group, _, name = address.rpartition("/")
            was = f"{(former or {}).get(group, group)}/{name}"
            before = self._defaults.get(was)
            turned = before is not None and self.values[was] != before
            values[address] = table[address].coerce(self.values[was]) if turned else default
        self._table, self._defaults = table, table.defaults()
        self._book = PatternBook([*table, *self._commands])
        old, self.values = self.values, MappingProxyType(values)
        self._subscribers.tell({at: value for at, value in values.items() if old.get(at) != value}, values)

    def subscribe(self, sender: Hashable, reply: Reply) -> None:
        """Tell `sender`, by `reply(address, value)`, of every knob that others turn; as `/notify 1` does."""
        self._subscribers.add(sender, reply)

    def unsubscribe(self, sender: Hashable) -> None:
        """Tell `sender` nothing more; no error if nothing was told."""
        self._subscribers.remove(sender)

    def complain(self, reason: str) -> None:
        """Tell every subscriber of something that could not be done, though none of them asked for it."""
        self.announce("/fail", "", reason)

    def announce(self, address: str, *words: str) -> None:
        """Tell every subscriber, at an address (without `/avserver`), of something that is no knob."""
        self._subscribers.announce(address, *(word[:_REASON_CHARACTERS] for word in words))

    def expand(self, events: Sequence[Event]) -> list[Event]:
        """Return the events with one for each address that a pattern means, in the order of the table.

        Without arguments a pattern asks: it means those of its addresses that have a value. It fires no triggers then:
        `/*` is how one looks around, and must not panic. A pattern that means nothing, or too much, fails.
        """
        self._book.begin_frame()
        expanded: list[Event] = []
        for event in events:
            if event.outside or event.address in self._table or not is_pattern(event.address):
                expanded.append(event)
                continue
            try:
                expanded += [replace(event, address=address) for address in self._meant(event)]
            except UserError as err:
                self._fail(event, str(err))
        return expanded

    def apply(self, events: Sequence[Event]) -> frozenset[str]:
        """Execute the events of a frame, tell the subscribers what changed, and return the triggers that fired."""
        fired: set[str] = set()
        for event in events:
            self._subscribers.heard(event.sender)
            try:
                self._execute(event, fired)
            except UserError as err:
                self._fail(event, str(err))
        if self._turned:
            self.values = MappingProxyType({**self.values, **self._turned})
        self._subscribers.tell(self._turned, self.values)
        self._turned.clear()
        self._explained = 0
        return frozenset(fired)

    def _meant(self, event: Event) -> Sequence[str]:
        """Return the addresses that an event's pattern means."""
        meant = self._book.look_up(event.address)
        if event.arguments not in ((), (relative.ASK,)):
            return meant
        asked = [address for address in meant if address in self.values]
        if not asked:
            raise ParamError("a pattern without arguments asks, and none of these has a value; 1 fires triggers")
        return asked

    def _execute(self, event: Event, fired: set[str]) -> None:
        self._refuse_if_locked(event)
        match event.address, event.arguments:
            case _ if event.outside:
                raise ParamError(f"addresses here begin with {ROOT}/, and no mapping listens to this one")
            case "/status", _:
                event.reply(f"{ROOT}/status.reply", *(item for pair in self._status().items() for item in pair))
            case "/notify", (switch,) if switch in (0, 1):
                if switch:
                    self.subscribe(event.sender, event.reply)
                else:
                    self.unsubscribe(event.sender)
            case "/notify", _:
                raise ParamError(f"/notify takes 0 or 1 (over UDP also 1 and a port), got {_shown(event.arguments)}")
            case "/sync", (identifier,):
                event.reply(f"{ROOT}/synced", identifier)
            case "/sync", _:
                raise ParamError(f"/sync takes one id, got {_shown(event.arguments)}")
            case address, _ if address in _ANSWERS:
                return
            case address, arguments if address in self._commands:
                command = self._commands[address]
                for further in (command.run(event, self) if command.at_desk else command.run(arguments)) or ():
                    self._play(further, fired)
            case _:
                self._play(event, fired)

    def _play(self, event: Event, fired: set[str]) -> None:
        """Turn, ask or fire the parameter that the event names."""
        if event.address not in self._table and self._explained >= MAX_EXPLAINED:
            raise ParamError("there is no such parameter")
        param = self._table[event.address]
        match event.arguments:
            case () if param.kind is Kind.TRIGGER:
                self._fire(param, event, fired)
            case (relative.ASK,) if param.kind is Kind.TRIGGER:
                raise ParamError(f"{param.address} is a trigger: it has no value to ask for")
            case () | (relative.ASK,):
                event.reply(ROOT + param.address, self.value(param.address))
            case (str(sign), amount) if sign in relative.SIGNS:
                self._turn(param.address, stepped(param, self.value(param.address), sign, amount), event)
            case (value,) | (relative.ABSOLUTE, value) if param.kind is Kind.TRIGGER:
                if value is None or param.coerce(value):  # OSCQuery's clients send it a nil
                    self._fire(param, event, fired)
            case (value,) | (relative.ABSOLUTE, value):
                self._turn(param.address, param.coerce(value), event, sent=value)
            case _:
                raise ParamError(
                    f"{param.address} takes one value, or '+', '-' or '*' and a number, got {_shown(event.arguments)}"
                )

    def _fire(self, param: Param, event: Event, fired: set[str]) -> None:
        fired.add(param.address)
        if param.address == PANIC:
            self._panic()
        if param.address in self._on_fire:
            for further in self._on_fire[param.address](event, self):
                self._play(further, fired)

    def _refuse_if_locked(self, event: Event) -> None:
        """Refuse what turns something while `/lock` is on. Questions are no turning; a trigger is never a question."""
        if not self._turned.get("/lock", self.values.get("/lock", False)) or event.sender == SHOW:
            return
        if event.address in _UNLOCKED or event.address in _ANSWERS or event.address.startswith(_UNLOCKED_ROOT):
            return
        if event.address in self.values and event.arguments in ((), (relative.ASK,)):
            return
        raise ParamError("the show is locked")

    def _turn(self, address: str, value: Value, event: Event, sent: object = None) -> None:
        moved = value != self.value(address)
        self._subscribers.turned(address, event.sender, as_sent=value == sent, moved=moved)
        if moved:
            self._turned[address] = value
            if event.glide_s is not None:
                self._glides[address] = event.glide_s

    def _panic(self) -> None:
        for address, default in self._defaults.items():
            if not self._table[address].survives_panic and default != self.value(address):
                self._turned[address] = default
                self._subscribers.turned(address, None, as_sent=True, moved=True)

    def _fail(self, event: Event, reason: str) -> None:
        self.failures += 1
        self._explained += 1
        if self._explained > MAX_EXPLAINED:
            return
        address = event.address if event.outside else ROOT + event.address
        event.reply(f"{ROOT}/fail", address[:_REASON_CHARACTERS], reason[:_REASON_CHARACTERS])


def together(one: Mapping[str, AtDesk], other: Mapping[str, AtDesk]) -> dict[str, AtDesk]:
    """Return what triggers do when both have something to do: the one first."""

    def both(address: str) -> AtDesk:
        return lambda event, desk: [*one[address](event, desk), *other[address](event, desk)]

    return {**one, **other, **{address: both(address) for address in one.keys() & other.keys()}}


def _shown(arguments: tuple[object, ...]) -> str:
    """Say what came, in a few words however much it was."""
    if len(arguments) > 3:
        return f"{len(arguments)} arguments"
    return ", ".join(repr(argument) for argument in arguments) or "nothing"
