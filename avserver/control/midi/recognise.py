"""Recognise: which control it is that somebody is moving, from what its controller sends meanwhile."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from avserver.control.midi.connection import Connection, Received
from avserver.control.midi.controls import FINE, Control, Move
from avserver.control.midi.decoder import Decoder

# In this order, as what is meant may come with what is not: the bank with a program, aftertouch with a key.
_ORDER = ("nrpn", "program", "note", "cc14", "bend", "cc", "poly", "pressure")
# A fader that is touched may send a note first; what then moves so often is the fader.
_MOVED = 3
# Encoders send small turns: up to so many detents at once.
_TURN = 15
_UP, _DOWN_SIGNED = range(1, _TURN + 1), range(65, 65 + _TURN)
_DOWN_TWOS, _DOWN_OFFSET = range(128 - _TURN, 128), range(64 - _TURN, 64)


@dataclass(frozen=True, slots=True)
class Found:
    """What was moved.

    Attributes:
        connection: on which controller.
        control: which control.
        encoder: how it writes its turns, if it seems to be one without end; else empty.
        button: whether it was only ever fully on or off.
    """

    connection: Connection
    control: Control
    encoder: str = ""
    button: bool = False


def recognise(received: Sequence[Received]) -> Found | None:
    """Return what was moved on the controller that spoke first; None if it is nothing that can be mapped.

    Of a knob without end the first turn is taken to be clockwise.
    """
    if not received:
        return None
    first, decoder = received[0][0], Decoder()
    by_control: dict[Control, list[Move]] = {}
    for connection, message, t_s in received:
        for move in decoder.feed(message, t_s) if connection == first else ():
            by_control.setdefault(move.control, []).append(move)
    candidates = [control for control in by_control if control.kind != "cc14" or _both_halves(control, by_control)]
    if not candidates:
        return None
    control = min(candidates, key=lambda control: _rank(control, by_control[control]))
    values = [move.value for move in by_control[control]]
    encoder = encoding_of(values) if control.kind == "cc" else ""
    return Found(first, control, encoder, button=control.kind == "note" or set(values) <= {0, 127})


def _rank(control: Control, moves: Sequence[Move]) -> tuple[int, int]:
    """Return how early a control is to be taken: small is first."""
    swept = control.kind in ("cc14", "bend", "cc") and len({move.value for move in moves}) >= _MOVED
    place = _ORDER.index(control.kind)
    return (place - _ORDER.index("note") if swept else place), -len(moves)


def _both_halves(control: Control, moved: dict[Control, list[Move]]) -> bool:
    """Tell whether both halves moved, more than once: else they are two knobs of seven bits."""
    halves = (Control("cc", control.channel, number) for number in (control.number, control.number + FINE))
    return all(len(moved.get(half, ())) > 1 for half in halves)


def encoding_of(values: Sequence[int]) -> str:
    """Return how turns are written if these are turns, the first of them up; empty if they are positions.

    What stands somewhere never says the same twice; what turns says little else.
    """
    repeats = sum(a == b for a, b in pairwise(values))
    if len(values) < _MOVED or 3 * repeats < len(values) - 1:
        return ""
    kinds = {
        "twos": (*_UP, *_DOWN_TWOS),
        "offset": (*_DOWN_OFFSET, *_DOWN_SIGNED),
        "signed" if values[0] in _UP else "signed2": (*_UP, *_DOWN_SIGNED),
    }
    return next((kind for kind, allowed in kinds.items() if set(values) <= set(allowed)), "")
