"""The types of OSC's arguments, to bytes and back (opensoundcontrol.org/spec-1_0, and `I` of 1.1).

| tag | read as | written for |
|---|---|---|
| `i` `h` | int | whole numbers and switches; `h` where 32 bits do not hold it |
| `f` `d` | float | numbers; `d` where 32 bits do not reach |
| `s` | str | str |
| `b` | bytes | bytes |
| `T` `F` `N` | True, False, None | None |
| `I` | True: a bang fires a trigger | - |
| `r` `t` | int, as it stands there | - |
| `m` | a tuple of four ints | - |
| `[` `]` | a tuple | tuple, list |
"""

import struct
from numbers import Integral, Real

from avserver.errors import WireError

TAGS = frozenset("ihfdsbrmtTFNI[]")
# Arrays in arrays exist on paper. Deeper ones would only serve to exhaust a stack.
MAX_NESTED = 8
_NUMBERS = {
    tag: struct.Struct(layout) for tag, layout in zip("ihfdrt", (">i", ">q", ">f", ">d", ">I", ">Q"), strict=True)
}
_WORDS = {"T": True, "F": False, "N": None, "I": True}
_INT, _LONG, _FLOAT, _DOUBLE = (_NUMBERS[tag] for tag in "ihfd")


def read_text(data: bytes, at: int) -> tuple[str, int]:
    """Return the string that begins at byte `at`, and where what follows it begins.

    Raises WireError if it does not end, is not padded to four bytes, or is not UTF-8.
    """
    stop = data.find(b"\0", at)
    after = stop + 4 - (stop - at) % 4
    if stop < 0 or after > len(data):
        raise WireError(f"an OSC string does not end: {data[at : at + 32]!r}")
    try:
        return data[at:stop].decode(), after
    except UnicodeDecodeError as err:
        raise WireError(f"an OSC string is UTF-8, got {data[at : at + 32]!r}") from err


def read_arguments(tags: str, data: bytes, at: int) -> tuple[object, ...]:
    """Return the arguments that begin at byte `at`; what follows them is ignored.

    Raises WireError for tags that are unknown or do not fit the bytes.
    """
    if not TAGS.issuperset(tags):
        raise WireError(f"the types of arguments are some of {''.join(sorted(TAGS))}, got {tags[:32]!r}")
    arrays: list[list[object]] = [[]]
    for tag in tags:
        if tag == "[":
            arrays.append([])
            if len(arrays) > MAX_NESTED + 1:
                raise WireError(f"arrays are nested deeper than {MAX_NESTED}")
        elif tag == "]":
            if len(arrays) == 1:
                raise WireError(f"an array ends that has not begun: {tags[:32]!r}")
            array = tuple(arrays.pop())
            arrays[-1].append(array)
        else:
            argument, at = _read(tag, data, at)
            arrays[-1].append(argument)
    if len(arrays) > 1:
        raise WireError(f"an array does not end: {tags[:32]!r}")
    return tuple(arrays[0])


def _read(tag: str, data: bytes, at: int) -> tuple[object, int]:
    if tag in _WORDS:
        return _WORDS[tag], at
    if tag == "s":
        return read_text(data, at)
    try:
        if tag == "b":
            return _read_blob(data, at)
        layout = _INT if tag == "m" else _NUMBERS[tag]
        number = layout.unpack_from(data, at)[0]
    except struct.error as err:
        raise WireError(f"the packet ends within an argument of type {tag}") from err
    return (tuple(data[at : at + 4]) if tag == "m" else number), at + layout.size


def _read_blob(data: bytes, at: int) -> tuple[bytes, int]:
    size = _INT.unpack_from(data, at)[0]
    stop = at + 4 + size
    if size < 0 or stop > len(data):
        raise WireError(f"a blob claims {size} bytes, and {len(data) - at - 4} are left")
    return data[at + 4 : stop], stop + -size % 4


def write_text(text: str) -> bytes:
    """Return a string as it stands in a packet; a zero within it, which would end it, is left out."""
    data = text.encode(errors="replace").replace(b"\0", b"")
    return data + bytes(4 - len(data) % 4)


def write_argument(argument: object) -> tuple[str, bytes]:
    """Return an argument's tag (an array's tags) and its bytes.

    Raises TypeError for what OSC has no type for.
    """
    match argument:
        case Integral():
            return _write_int(int(argument))
        case Real():
            return _write_float(float(argument))
        case str():
            return "s", write_text(argument)
        case bytes():
            return "b", _INT.pack(len(argument)) + argument + bytes(-len(argument) % 4)
        case None:
            return "N", b""
        case tuple() | list():
            written = [write_argument(part) for part in argument]
            return f"[{''.join(tags for tags, _ in written)}]", b"".join(data for _, data in written)
    raise TypeError(f"OSC has no type for {type(argument).__name__}")


def _write_int(number: int) -> tuple[str, bytes]:
    if -(2**31) <= number < 2**31:
        return "i", _INT.pack(number)
    if -(2**63) <= number < 2**63:
        return "h", _LONG.pack(number)
    try:
        return "d", _DOUBLE.pack(number)  # a time tag, for instance, that comes back
    except OverflowError:
        return "d", _DOUBLE.pack(float("inf") if number > 0 else float("-inf"))


def _write_float(number: float) -> tuple[str, bytes]:
    try:
        return "f", _FLOAT.pack(number)
    except OverflowError:
        return "d", _DOUBLE.pack(number)
