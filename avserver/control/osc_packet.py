"""OSC 1.0 packets: bytes to messages and back (opensoundcontrol.org/spec-1_0), strict about what would hang a reader.

Written out here because a packet comes from anybody: python-osc 1.10 loops for ever on a bundle element of negative
size, and writes a log line for every argument of a type that it does not know.
"""

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral, Real

from avserver.errors import WireError

BUNDLE = b"#bundle\0"
# A bundle in a bundle in a bundle: nobody sends more, and a deep nest would only serve to exhaust a stack.
MAX_DEPTH = 8
# Seconds from 1900, where time tags count from, to 1970.
NTP_TO_UNIX_S = 2_208_988_800
_IMMEDIATELY = 1
_INT32 = range(-(2**31), 2**31)
_FLOAT32_MAX = 3.4028234e38


@dataclass(frozen=True, slots=True)
class Message:
    """One OSC message; arrays among the arguments are tuples, colours and MIDI messages 4 bytes."""

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
    tags, data = "", b""
    for argument in arguments:
        tag, value = _argument(argument)
        tags += tag
        data += value
    return _padded(address.encode()) + _padded(f",{tags}".encode()) + data


def _read_elements(packet: bytes, bundles: list[Bundle], into: Bundle, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise WireError(f"bundles are nested deeper than {MAX_DEPTH}")
    at = 16
    while at < len(packet):
        size = int(_number(_INT, packet, at))
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
    tag = int(_number(_TIME, bundle, len(BUNDLE)))
    return None if tag == _IMMEDIATELY else tag / 2**32 - NTP_TO_UNIX_S


def _message(data: bytes) -> Message:
    if not data.startswith(b"/"):
        raise WireError(f"an OSC message begins with '/', got {data[:8]!r}")
    address, at = _string(data, 0)
    if at >= len(data):  # old senders leave out the type tags of a message without arguments
        return Message(address, ())
    tags, at = _string(data, at)
    if not tags.startswith(","):
        raise WireError(f"OSC type tags begin with ',', got {tags[:8]!r}")
    levels: list[list[object]] = [[]]
    for tag in tags[1:]:
        if tag == "[":
            if len(levels) > MAX_DEPTH:
                raise WireError(f"arrays are nested deeper than {MAX_DEPTH}")
            levels.append([])
        elif tag == "]":
            if len(levels) == 1:
                raise WireError("an OSC array ends that did not begin")
            array = tuple(levels.pop())
            levels[-1].append(array)
        elif tag in _CONSTANTS:
            levels[-1].append(_CONSTANTS[tag])
        elif tag in _READERS:
            value, at = _READERS[tag](data, at)
            levels[-1].append(value)
        else:
            raise WireError(f"unknown OSC type {tag!r}")
    if len(levels) > 1:
        raise WireError("an OSC array does not end")
    return Message(address, tuple(levels[0]))


def _string(data: bytes, at: int) -> tuple[str, int]:
    end = data.find(b"\0", at)
    if end < 0:
        raise WireError("an OSC string does not end")
    try:
        return data[at:end].decode("utf-8"), (end // 4 + 1) * 4
    except UnicodeDecodeError as err:
        raise WireError(f"an OSC string is not UTF-8: {data[at : min(end, at + 16)]!r}") from err


def _blob(data: bytes, at: int) -> tuple[bytes, int]:
    size = int(_number(_INT, data, at))
    if not 0 <= size <= len(data) - at - 4:
        raise WireError(f"an OSC blob claims {size} bytes, and {len(data) - at - 4} are left")
    return data[at + 4 : at + 4 + size], at + 4 + -(-size // 4) * 4


def _number(layout: struct.Struct, data: bytes, at: int) -> float:
    try:
        number: float = layout.unpack_from(data, at)[0]
    except struct.error as err:
        raise WireError(f"the packet ends within a number of {layout.size} bytes") from err
    return number


def _number_reader(layout: struct.Struct) -> Callable[[bytes, int], tuple[object, int]]:
    return lambda data, at: (_number(layout, data, at), at + layout.size)


def _four_bytes(data: bytes, at: int) -> tuple[bytes, int]:
    if len(data) < at + 4:
        raise WireError("the packet ends within 4 bytes")
    return data[at : at + 4], at + 4


_INT = struct.Struct(">i")
_LONG = struct.Struct(">q")
_FLOAT = struct.Struct(">f")
_DOUBLE = struct.Struct(">d")
_TIME = struct.Struct(">Q")

_CONSTANTS: dict[str, object] = {"T": True, "F": False, "N": None, "I": math.inf}
_READERS: dict[str, Callable[[bytes, int], tuple[object, int]]] = {
    "i": _number_reader(_INT),
    "h": _number_reader(_LONG),
    "f": _number_reader(_FLOAT),
    "d": _number_reader(_DOUBLE),
    "t": _number_reader(_TIME),
    "s": _string,
    "S": _string,
    "b": _blob,
    "c": _four_bytes,
    "m": _four_bytes,
    "r": _four_bytes,
}


def _argument(value: object) -> tuple[str, bytes]:
    """Return the type tag and the bytes of one argument."""
    match value:
        case str():
            return "s", _padded(value.encode())
        case bytes():
            return "b", _INT.pack(len(value)) + value + bytes(-len(value) % 4)
        case None:
            return "N", b""
        case Integral():
            whole = int(value)
            return ("i", _INT.pack(whole)) if whole in _INT32 else ("h", _LONG.pack(whole))
        case Real():
            number = float(value)
            wide = math.isfinite(number) and abs(number) > _FLOAT32_MAX
            return ("d", _DOUBLE.pack(number)) if wide else ("f", _FLOAT.pack(number))
        case tuple() | list():
            parts = [_argument(part) for part in value]
            return "[" + "".join(tag for tag, _ in parts) + "]", b"".join(data for _, data in parts)
    raise TypeError(f"OSC has no type for {type(value).__name__}; it takes numbers, strings, bytes, None and lists")


def _padded(text: bytes) -> bytes:
    """End a string with 1 to 4 zeros, so that its length is a multiple of 4."""
    return text + bytes(4 - len(text) % 4)
