"""OSC packets: bytes to messages and back (opensoundcontrol.org/spec-1_0).

A packet comes from anybody: whatever it holds, reading it takes a time that its length bounds, and ends with messages
or with a WireError.
"""

import struct
from dataclasses import dataclass

from avserver.control.osc_types import read_arguments, read_text, write_argument, write_text
from avserver.errors import WireError

BUNDLE = b"#bundle\0"
# A bundle in a bundle in a bundle: nobody sends more, and a deep nest would only serve to exhaust a stack.
MAX_DEPTH = 8
# Seconds from 1900, where time tags count from, to 1970.
NTP_TO_UNIX_S = 2_208_988_800
_IMMEDIATELY = 1
_SIZE, _TIME = struct.Struct(">i"), struct.Struct(">Q")


@dataclass(frozen=True, slots=True)
class Message:
    """One OSC message; arrays among the arguments are tuples."""

    address: str
    arguments: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Bundle:
    """Messages that are executed together, at `due_unix_s` (s, Unix) or, where that is None, at once."""

    due_unix_s: float | None
    messages: list[Message]


def decode(packet: bytes) -> list[Bundle]:
    """Read a packet: one bundle, and beside it those of its inner bundles that have a later time of their own.

    Raises WireError for anything that is not OSC 1.0.
    """
    if not packet.startswith(BUNDLE):
        return [Bundle(None, [_message(packet)])]
    bundles = [Bundle(_due(packet), [])]
    _read_elements(packet, bundles, bundles[0], depth=1)
    return bundles


def encode(address: str, *arguments: object) -> bytes:
    """Write a message.

    Switches go out as 1 and 0 (few receivers know the tags T and F), whole numbers as int32 where they fit.

    Raises TypeError for an argument that OSC has no type for.
    """
    tags, body = ",", b""
    for argument in arguments:
        tag, data = write_argument(argument)
        tags += tag
        body += data
    return write_text(address) + write_text(tags) + body


def _read_elements(packet: bytes, bundles: list[Bundle], into: Bundle, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise WireError(f"bundles are nested deeper than {MAX_DEPTH}")
    at = len(BUNDLE) + _TIME.size
    while at < len(packet):
        size = _read(_SIZE, packet, at)
        element = packet[at + 4 : at + 4 + size]
        if size <= 0 or len(element) < size:
            raise WireError(f"a bundle element claims {size} bytes, and {len(packet) - at - 4} are left")
        at += 4 + size
        if not element.startswith(BUNDLE):
            into.messages.append(_message(element))
            continue
        inner = into
        due_s = _due(element)
        if due_s is not None and due_s > (into.due_unix_s or 0.0):
            inner = Bundle(due_s, [])
            bundles.append(inner)
        _read_elements(element, bundles, inner, depth + 1)


def _due(bundle: bytes) -> float | None:
    tag = _read(_TIME, bundle, len(BUNDLE))
    return None if tag == _IMMEDIATELY else tag / 2**32 - NTP_TO_UNIX_S


def _read(layout: struct.Struct, data: bytes, at: int) -> int:
    try:
        number: int = layout.unpack_from(data, at)[0]
    except struct.error as err:
        raise WireError(f"the bundle ends within a number of {layout.size} bytes") from err
    return number


def _message(data: bytes) -> Message:
    if not data.startswith(b"/"):
        raise WireError(f"an OSC message begins with an address, got {data[:32]!r}")
    address, at = read_text(data, 0)
    if at == len(data):  # old senders leave the types out where there are no arguments
        return Message(address, ())
    tags, at = read_text(data, at)
    if not tags.startswith(","):
        raise WireError(f"after the address of an OSC message come its types, got {data[:32]!r}")
    return Message(address, read_arguments(tags[1:], data, at))
