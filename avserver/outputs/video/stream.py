"""Streams: MPEG-TS over UDP, and pushes to RTMP and RTSP servers."""

import contextlib
import socket
import subprocess
import sys
import threading
from typing import ClassVar
from urllib.parse import urlsplit

from avserver.audio.overheard import Overheard
from avserver.errors import AvserverError, ConfigError
from avserver.frame import Frame
from avserver.outputs.output import Output
from avserver.outputs.settings import StreamSettings
from avserver.outputs.video.encoding import AUTO, LIVE, Container, FilmForm
from avserver.outputs.video.film import FILM_ERRORS, Film, Target, works
from avserver.outputs.video.push import CONNECTED
from avserver.outputs.video.stretch import Stretch, exact_rate

# Seven packets of a transport stream: what fits an Ethernet frame, and every receiver expects.
_DATAGRAM_BYTES = 7 * 188
_UDP = Container("mpegts", {"flush_packets": "1"})
# What a push is handed over in: small, and made to be read while it is written.
_PIPE = Container("nut", {"flush_packets": "1"})
PUSHED = ("rtmp", "rtmps", "rtsp")
_ALLOWED = "allowed: udp://HOST:PORT, rtmp://…, rtmps://…, rtsp://…"


class StreamOutput(Output):
    """Encodes the show and sends it on; a receiver that is not there is tried again.

    Args:
        settings: see `StreamSettings`.
        name: see `Output`.
        sound: what is heard, None for pictures only.
        fps: of the show.

    Raises ConfigError for a URL that is not one to send to.
    """

    SURVIVES: ClassVar[tuple[type[Exception], ...]] = (*FILM_ERRORS, AvserverError)

    def __init__(self, settings: StreamSettings, name: str, *, sound: Overheard | None, fps: float) -> None:
        super().__init__(name, shape=settings.shape)
        _check(settings.url)
        self._is_udp = urlsplit(settings.url).scheme == "udp"
        self._settings = settings
        self._sound = sound if settings.sound else None
        self._fps = exact_rate(settings.fps or fps)
        self._codec = settings.codec
        self._stretch: Stretch | None = None
        self._push: _Push | None = None

    @property
    def where(self) -> str:
        """The URL, without what is secret in it."""
        return f"{self._shown} (stream)"

    def _arrives(self) -> bool:
        return self._is_udp or (self._push is not None and self._push.connected)

    def _status(self) -> dict[str, str | float | int]:
        """Say whether the server has taken the connection; over UDP nobody knows."""
        push = self._push
        return {} if self._is_udp else {"connected": int(push is not None and push.connected)}

    def close(self) -> None:
        """Send what waits, and let go of everything."""
        super().close()
        push = self._push
        if push:  # it hangs in a connection: its end frees the thread that waits for it
            push.kill()

    @property
    def _shown(self) -> str:
        # The path of RTMP is the key of the channel, and a user's password may stand before the host.
        parts = urlsplit(self._settings.url)
        host = f"{parts.hostname or ''}:{parts.port}" if parts.port else parts.hostname or ""
        return f"{parts.scheme}://{host}"

    def _open(self) -> None:
        """Nothing that could wait: the connection is made in the output's thread, by the first frame."""

    def _send(self, frame: Frame) -> None:
        if self._stretch is None:
            self._stretch = self._connect(frame)
        try:
            self._stretch.add(frame)
        except FILM_ERRORS as err:
            raise ConnectionError(self._why(err)) from err

    def _close(self) -> None:
        stretch, self._stretch = self._stretch, None
        if self._push and not self._push.connected:
            self._push.kill()  # it would not take what is still to be written
        if stretch:
            # A receiver that is gone leaves nothing to finish; one that is there is told that it is over.
            with contextlib.suppress(*FILM_ERRORS):
                stretch.finish()
        self._push = None

    def _connect(self, frame: Frame) -> Stretch:
        settings = self._settings
        if self._codec == AUTO:
            self._codec = "h264_nvenc" if works(LIVE["h264_nvenc"]) else "h264"
        parts = urlsplit(settings.url)
        target: Target
        if self._is_udp:
            assert parts.hostname is not None
            assert parts.port is not None
            target, container = _Datagrams(parts.hostname, parts.port), _UDP
        else:
            target, container = _Push(settings.url), _PIPE
            self._push = target
        height_px, width_px, _ = frame.pixels.shape
        form = FilmForm(
            container=container,
            encoder=LIVE[self._codec],
            bit_rate=settings.bit_rate_kbps * 1000,
            keyframe_s=settings.keyframe_s,
        )
        try:
            film = Film(
                target,
                form,
                width_px=width_px,
                height_px=height_px,
                fps=self._fps,
                sound=self._sound is not None,
                burst=_DATAGRAM_BYTES,
            )
        except FILM_ERRORS as err:
            target.close()
            raise ConnectionError(self._why(err)) from err
        return Stretch(film, self._sound, frame)

    def _why(self, error: Exception) -> str:
        """Return what is wrong: what the push said, if there is one, else the error."""
        said = self._push.said() if self._push else ""
        return said or str(error) or type(error).__name__


class _Datagrams:
    """UDP as a target: each write is a datagram. Nobody has to be there."""

    def __init__(self, host: str, port: int) -> None:
        self._address: tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]
        family, kind, protocol, _, self._address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        self._socket = socket.socket(family, kind, protocol)
        self.name = f"udp://{host}:{port}"

    def write(self, data: bytes) -> int:
        """Send bytes as one datagram."""
        return self._socket.sendto(data, self._address)

    def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()


class _Push:
    """A process that sends on what it is given.

    It is one of its own because libav holds Python's lock while it connects: here the show would stop.

    Attributes:
        connected: whether the server has taken the connection.
    """

    def __init__(self, url: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "avserver.outputs.video.push"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            # A Ctrl-C is for the show, which ends this in its own time.
            start_new_session=True,
        )
        self.name = "push"
        self.connected = False
        self._last_words = ""
        self._listener = threading.Thread(target=self._listen, name="push", daemon=True)
        self._listener.start()
        # Not among the arguments, where every user of the machine could read the key.
        self.write(url.encode() + b"\n")

    def write(self, data: bytes) -> int:
        """Hand bytes over; waits while the connection does not take them. Raises BrokenPipeError once it has ended."""
        assert self._process.stdin is not None
        rest = memoryview(data)
        while rest:
            rest = rest[self._process.stdin.write(rest) or 0 :]
        return len(data)

    def said(self) -> str:
        """Return what it said as it ended; waits a moment for that."""
        self._listener.join(1.0)
        return self._last_words

    def _listen(self) -> None:
        """Take what it says, until it ends; the thread."""
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                if line.decode(errors="replace") == CONNECTED:
                    self.connected = True
                else:
                    self._last_words = line.decode(errors="replace").strip()

    def kill(self) -> None:
        """End it on the spot."""
        self._process.kill()

    def close(self) -> None:
        """Let it send what it has, for a moment, then end it."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _check(url: str) -> None:
    """Raise ConfigError if a URL is not one to send to."""
    try:
        parts = urlsplit(url)
        complete = bool(parts.hostname) and (parts.scheme in PUSHED or (parts.scheme == "udp" and parts.port))
    except ValueError:
        complete = False
    if not complete:
        raise ConfigError(f"cannot stream to {url!r}; {_ALLOWED}")
