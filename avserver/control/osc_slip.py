"""SLIP (RFC 1055): packets in a stream of bytes, as OSC 1.1 has them over TCP."""

from avserver.errors import WireError

_END, _ESC = b"\xc0", b"\xdb"
_ESCAPED_END, _ESCAPED_ESC = b"\xdb\xdc", b"\xdb\xdd"


def frame(packet: bytes) -> bytes:
    """Return a packet as it goes into the stream, with an END before it and one after."""
    return _END + packet.replace(_ESC, _ESCAPED_ESC).replace(_END, _ESCAPED_END) + _END


def unframe(escaped: bytes) -> bytes:
    """Return the packet of a frame without its ENDs.

    Raises WireError for an escape of anything but END and ESC.
    """
    if _ESC not in escaped:
        return escaped
    first, *parts = escaped.split(_ESC)
    packet = bytearray(first)
    for part in parts:
        match part[:1]:
            case b"\xdc":
                packet += _END
            case b"\xdd":
                packet += _ESC
            case _:
                raise WireError("a SLIP frame escapes something else than END and ESC")
        packet += part[1:]
    return bytes(packet)


class SlipReader:
    """Cuts a stream into frames; ENDs before a frame, after it or both are all right.

    Args:
        most_bytes: the longest frame (bytes, escaped).
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._begun = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Return the frames that end within `data`, still escaped (see `unframe`).

        Raises WireError once a frame is too long; the stream is of no use any more.
        """
        *ended, rest = data.split(_END)
        frames = []
        for part in ended:
            self._grow(part)
            if self._begun:
                frames.append(bytes(self._begun))
                self._begun.clear()
        self._grow(rest)
        return frames

    def _grow(self, part: bytes) -> None:
        if len(self._begun) + len(part) > self._most_bytes:
            raise WireError(f"a SLIP frame has at most {self._most_bytes} bytes, and this one does not end")
        self._begun += part
