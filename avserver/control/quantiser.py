"""Quantiser: actions that wait for the beat or the bar, so that a hand need not be in time.

Of presets and of segments, one action waits at most, and so does one reseeding of each choir: a later one takes the
place of the one before; reseeding them all takes that of each choir's.
"""

import fnmatch
import math
from collections.abc import Mapping

from avserver.control.events import SHOW, Event
from avserver.control.moment import Moment
from avserver.control.params import Value

QUANTISE = ("off", "beat", "bar")
OFF, BEAT, BAR = range(3)

# The parameter that says what is waited for, and the actions that wait.
_GROUPS = {
    "/quantise/preset": ("/preset/recall", "/preset/next", "/preset/previous"),
    "/quantise/segment": ("/segment/next", "/segment/previous", "/segment/select"),
    "/quantise/reseed": ("/reseed/all", "/choir/*/reseed"),
}
# What all of these begin with: a rain of other messages must cost nothing here.
_BEGINNINGS = tuple({f"/{address.split('/')[1]}/" for actions in _GROUPS.values() for address in actions})
_PANIC, _RESEED_ALL = "/panic", "/reseed/all"
# Of these a message without an argument, or with "?" as Resolume has it, is a question.
_ASKABLE = frozenset({"/segment/select", "/preset/recall"})


class Quantiser:
    """Holds events back until the first frame at or after the next beat or bar. A panic drops what waits."""

    def __init__(self) -> None:
        # By what takes its place: the knob that it waits for, and the event.
        self._waiting: dict[str, tuple[str, Event]] = {}
        self._beats = 0.0

    @property
    def pending(self) -> list[str]:
        """The addresses of what waits."""
        return [event.address for _, event in self._waiting.values()]

    def due(self, events: list[Event], moment: Moment, values: Mapping[str, Value]) -> list[Event]:
        """Return what is to be executed in this frame: what waited and is due, then what need not wait, in order.

        Without a tempo nothing waits.
        """
        begins = {OFF: True, BEAT: self._begins(moment, 1), BAR: self._begins(moment, moment.quantum)}
        self._beats = moment.beats
        is_due = {knob: not moment.bpm or begins[int(values[knob])] for knob in _GROUPS}
        due = [event for knob, event in self._waiting.values() if is_due[knob]]
        self._waiting = {key: (knob, event) for key, (knob, event) in self._waiting.items() if not is_due[knob]}
        for event in events:
            if event.address == _PANIC:
                self._waiting.clear()
            knob = _knob_of(event)
            if knob is None or is_due[knob]:
                due.append(event)
            else:
                self._hold(knob, event)
        return due

    def _begins(self, moment: Moment, period: int) -> bool:
        """Tell whether one of the count's periods began since the last frame."""
        return math.floor(moment.beats / period) > math.floor(self._beats / period)

    def _hold(self, knob: str, event: Event) -> None:
        key = knob
        if knob == "/quantise/reseed":
            key = event.address
            if event.address == _RESEED_ALL:
                self._waiting = {key: held for key, held in self._waiting.items() if held[0] != knob}
        self._waiting.pop(key, None)
        self._waiting[key] = (knob, event)


def _knob_of(event: Event) -> str | None:
    """Return the address of the knob that says what an event waits for, None if it is none of those that may wait."""
    # A preset that was waited for does not wait again, one knob after the other.
    if event.sender == SHOW or not event.address.startswith(_BEGINNINGS):
        return None
    is_question = event.address in _ASKABLE and event.arguments in ((), ("?",))
    # A button that is let go sends 0.
    is_release = event.address not in _ASKABLE and event.arguments[:1] == (0,)
    if is_question or is_release:
        return None
    for knob, addresses in _GROUPS.items():
        if any(fnmatch.fnmatchcase(event.address, address) for address in addresses):
            return knob
    return None
