"""Push: sends on a film that comes on standard input, to the URL in its first line. A process of its own.

libav holds Python's lock while it connects, and a server that does not answer must not stop a show. What goes wrong
is said in one line on standard error; the exit code is 1 then.
"""

import signal
import sys
from io import RawIOBase
from typing import Any

import av

# What it says on standard output once it is.
CONNECTED = "connected\n"
# A server that takes nothing for so long (s) is given up, and tried again.
_PATIENCE_S = 10


class _Pipe:
    """Standard input as libav is to see it: it cannot be sought in."""

    name = "pipe"

    def __init__(self, raw: RawIOBase) -> None:
        self._raw = raw

    def read(self, size: int) -> bytes:
        """Return what is there, at most `size` bytes, as soon as there is anything."""
        return self._raw.read(size) or b""


def push(url: str, raw: RawIOBase) -> None:
    """Send the film that `raw` (unbuffered) brings to `url`, until it ends. Raises av.FFmpegError."""
    scheme = url.partition(":")[0]
    name, options = ("rtsp", {"rtsp_transport": "tcp"}) if scheme == "rtsp" else ("flv", {})
    # It need not be looked at for long: all that there is to know stands at its beginning.
    quick = {"probesize": "4096", "analyzeduration": "0"}
    with av.open(_Pipe(raw), format="nut", options=quick, buffer_size=4096) as film:
        out: Any = av.open(url, "w", format=name, options={**options, "flush_packets": "1"})
        streams = {stream.index: out.add_stream_from_template(stream) for stream in film.streams}
        _hurry()
        out.start_encoding()
        sys.stdout.write(CONNECTED)
        sys.stdout.flush()
        for packet in film.demux():
            if packet.dts is not None:  # the last one is empty
                packet.stream = streams[packet.stream_index]
                _hurry()
                out.mux(packet)
                _take_your_time()
        _hurry()
        out.close()


def _hurry() -> None:
    """Have the process end if it is still busy with what comes now after _PATIENCE_S."""
    if hasattr(signal, "alarm"):
        signal.alarm(_PATIENCE_S)


def _take_your_time() -> None:
    if hasattr(signal, "alarm"):
        signal.alarm(0)


def _first_line(raw: RawIOBase) -> str:
    line = bytearray()
    while (byte := raw.read(1)) and byte != b"\n":
        line += byte
    return line.decode()


def main() -> int:
    """Push what comes."""
    try:
        with open(0, "rb", buffering=0, closefd=False) as raw:
            push(_first_line(raw), raw)
    except av.FFmpegError as err:
        sys.stderr.write(f"{err.strerror}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
