"""Inputs: what was last heard from outside of what a mapping listens to: a camera, a fader of another program, a knob.

Only the engine's thread uses them, before anybody else looks at the events of a frame. A source is named as in a
mapping file: `osc /camera/xy 2` is the second argument of messages to `/camera/xy`, `midi cc 1 7` where that control of
a MIDI controller stands, from 0 to 1.

Under `/avserver/input/NAME/…` is room for whoever has something to tell: unlike other addresses of ours these may be
listened to, and unlike those outside they are no mistake where nobody listens.
"""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from avserver.control.events import ROOT, Event
from avserver.control.scale import Scale

# An address as OSC 1.0 allows it, without the signs of patterns, and which of the arguments.
_OSC = re.compile(r"(/[^\s#*,/?\[\]{}]+(?:/[^\s#*,/?\[\]{}]+)*)(?: ([1-9]\d?))?")
_FREE = re.compile(r"/input/[^/]+/.")
_OURS = re.compile(r"/avserver(?!/input/[^/]+/)(/|$)")
OSC_ALLOWED = (
    "'/ADDRESS' or '/ADDRESS NUMBER', the argument from 1 to 99, of an address outside /avserver "
    "or under /avserver/input/NAME/"
)


@dataclass(frozen=True, slots=True)
class OscKnob:
    """An address outside of ours turns a parameter, as a knob does.

    Attributes:
        source: the address and the number of the argument, as `osc_source` returns it.
        target: address of the parameter; a trigger fires from 0.5 on.
        scale: from the argument to the parameter's value.
    """

    source: str
    target: str
    scale: Scale


def osc_source(text: str) -> str | None:
    """Return `/ADDRESS NUMBER` for an address with or without the number of an argument, None for what is neither."""
    found = _OSC.fullmatch(text)
    return f"{found[1]} {found[2] or 1}" if found and not _OURS.match(text) else None


class Inputs:
    """Keeps what is listened to, and nothing else.

    Attributes:
        values: the last number from each source that has been heard, by the source's name.
    """

    def __init__(self) -> None:
        self.values: dict[str, float] = {}
        self._sources: frozenset[str] = frozenset()
        self._knobs: tuple[OscKnob, ...] = ()
        self._addresses: dict[str, set[int]] = {}

    def take(self, sources: Iterable[str], knobs: Sequence[OscKnob]) -> None:
        """Listen to these from now on; what is known of those that stay is kept."""
        self._sources, self._knobs = frozenset(sources), tuple(knobs)
        self.values = {name: value for name, value in self.values.items() if name in self._sources}
        named = [name.removeprefix("osc ") for name in self._sources if name.startswith("osc ")]
        self._addresses = {}
        for name in [*named, *(knob.source for knob in self._knobs)]:
            address, _, number = name.rpartition(" ")
            self._addresses.setdefault(address, set()).add(int(number))

    def hear(self, events: Iterable[Event]) -> list[Event]:
        """Take what comes from outside out of a frame's events, and put what it turns in its place.

        What nobody listens to stays, and so does everything that is ours but the room for others.
        """
        heard: list[Event] = []
        for event in events:
            free = not event.outside and _FREE.match(event.address)
            address = ROOT + event.address if free else event.address
            if (event.outside or free) and address in self._addresses:
                heard += self._turns(event, address)
            elif not free:
                heard.append(event)
        return heard

    def _turns(self, event: Event, address: str) -> list[Event]:
        """Note the numbers of a message, and return what they turn. What is no number is passed over."""
        turns = []
        for number in sorted(self._addresses[address]):
            value = event.arguments[number - 1] if number <= len(event.arguments) else None
            if isinstance(value, (bool, int, float)) and math.isfinite(value):
                name = f"{address} {number}"
                self.put(f"osc {name}", float(value))
                turns += [
                    replace(event, address=knob.target, arguments=(knob.scale.mapped(value),), outside=False)
                    for knob in self._knobs
                    if knob.source == name
                ]
        return turns

    def put(self, name: str, value: float) -> None:
        """Note where a source stands, if somebody listens to it."""
        if name in self._sources:
            self.values[name] = value

    def forget(self) -> None:
        """Know nothing, until something is heard again."""
        self.values.clear()
