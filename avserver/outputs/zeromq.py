"""Frames on a ZeroMQ PUB socket, one message part each: the 64-byte header, then the rows (see `frame`)."""

import contextlib
import errno
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import zmq

from avserver.addresses import ipc_path, is_loopback, refuse_taken_path
from avserver.errors import AddressInUse, ConfigError
from avserver.frame import HEADER_SIZE, Frame
from avserver.outputs.jpeg import jpeg
from avserver.outputs.keys import ServerKeys
from avserver.outputs.output import Output
from avserver.outputs.zeromq_door import Door
from avserver.pixel_format import BYTES_PER_PIXEL, PIXEL_FORMATS
from avserver.shape import Shape
from avserver.shaping import with_alpha

# A subscriber that stalls, or whose network is too slow, holds back at most so many frames here; then it misses some.
SEND_QUEUE_FRAMES = 2
_ANOTHER = "choose another with --zeromq or [zeromq] address"
_ALLOWED = "allowed: tcp://HOST:PORT with an address of this machine, ipc://PATH"
_TCP = re.compile(r"tcp://(?P<host>[^:]+|\[[0-9A-Fa-f:.]+\]):(?P<port>\d+|\*)")


class ZeroMqOutput(Output):
    """Publishes frames; a slow, stalled or missing subscriber costs nothing here.

    Subscribers that want only the newest frame set CONFLATE before they connect.

    Args:
        address: `tcp://host:port` (port `*` or 0 for a free one) or `ipc://path` (`ipc://*` for one made up).
        pixel_format: one of PIXEL_FORMATS.
        quality: of JPEG, in [1, 100].
        keys: only clients with a key of these get frames, and encrypted; None: whoever connects.
        insecure: allow addresses that other machines reach without keys, where anybody may look.
        name, shape, fps: see `Output`.

    Attributes:
        address: as given, and as bound once open.

    Raises ConfigError for an address of another kind, or one that other machines reach without `keys` or `insecure`,
    and for an unknown format; `open` raises AddressInUse if somebody has the address.
    """

    SURVIVES: ClassVar[tuple[type[Exception], ...]] = (zmq.ZMQError,)

    def __init__(
        self,
        address: str,
        *,
        pixel_format: str = "RGB8",
        quality: int = 90,
        keys: ServerKeys | None = None,
        insecure: bool = False,
        name: str = "",
        shape: Shape | None = None,
        fps: float = 0.0,
    ) -> None:
        super().__init__(name or f"zeromq {address}", shape=shape, fps=fps)
        _check(address, exposed=insecure or keys is not None)
        if pixel_format not in PIXEL_FORMATS:
            raise ConfigError(f"ZeroMQ sends {', '.join(PIXEL_FORMATS)}, got {pixel_format!r}")
        self.address = address
        self._format, self._quality = pixel_format, quality
        self._is_encrypted = keys is not None
        self._door = Door(keys)
        self._encoded: tuple[npt.NDArray[np.uint8], bytes] | None = None
        self._context: zmq.Context[zmq.Socket[bytes]] | None = None
        self._socket: zmq.Socket[bytes] | None = None
        self._file: tuple[Path, int] | None = None

    @property
    def where(self) -> str:
        """The address, as bound."""
        return f"{self.address} (ZeroMQ PUB, {self._format}{', encrypted' if self._is_encrypted else ''})"

    def _open(self) -> None:
        refuse_taken_path(self.address, choose="--zeromq or [zeromq] address")
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.PUB)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.SNDHWM, SEND_QUEUE_FRAMES)
        self._socket.setsockopt(zmq.IPV6, "[" in self.address)
        self._door.open(self._context, self._socket)
        try:
            self._socket.bind(self.address)
        except zmq.ZMQError as err:
            self._release()
            if err.errno == errno.EADDRINUSE:
                raise AddressInUse(f"ZeroMQ address {self.address} is in use; {_ANOTHER}") from err
            reason = zmq.strerror(err.errno or 0)
            raise ConfigError(f"ZeroMQ cannot listen at {self.address}: {reason}; {_ALLOWED}") from err
        self.address = self._socket.getsockopt_string(zmq.LAST_ENDPOINT)
        path = ipc_path(self.address)
        self._file = None if path is None else (path, path.stat().st_ino)

    def _send(self, frame: Frame) -> None:
        assert self._socket is not None
        self._door.attend()
        # A message of its own, never written again: ZeroMQ may go on reading it after send has returned.
        message: bytes | memoryview = (
            self._jpeg_message(frame) if self._format == "JPEG" else _message(frame, self._format)
        )
        self._socket.send(message, flags=zmq.DONTWAIT, copy=False)

    def _jpeg_message(self, frame: Frame) -> bytes:
        if self._encoded is None or self._encoded[0] is not frame.pixels:  # a repeated frame is not encoded again
            self._encoded = (frame.pixels, jpeg(frame.pixels, self._quality))
        picture = self._encoded[1]
        return frame.header(time.time_ns(), "JPEG", len(picture)).pack() + picture

    def _status(self) -> Mapping[str, str | float | int]:
        return {
            "address": self.address,
            "format": self._format,
            "encrypted": int(self._is_encrypted),
            "subscribers": self._door.present,
            "refused": self._door.refused,
        }

    def _close(self) -> None:
        self._release()
        if self._file is not None:
            path, inode = self._file
            with contextlib.suppress(FileNotFoundError):  # newer libzmq removes it, older ones leave it
                if path.stat().st_ino == inode:
                    path.unlink()

    def _release(self) -> None:
        assert self._socket is not None
        assert self._context is not None
        self._door.close(self._socket)
        self._socket.close(linger=0)
        self._context.term()


def _message(frame: Frame, pixel_format: str) -> memoryview:
    """Return header and pixels in one piece; converting them is the only copy that is made."""
    height, width, _ = frame.pixels.shape
    channels = BYTES_PER_PIXEL[pixel_format]
    message = np.empty(HEADER_SIZE + height * width * channels, np.uint8)
    rows = message[HEADER_SIZE:].reshape(height, width, channels)
    if pixel_format == "RGB8":
        rows[:] = frame.pixels
    else:
        with_alpha(frame.pixels, pixel_format, out=rows)
    message[:HEADER_SIZE] = np.frombuffer(frame.header(time.time_ns(), pixel_format).pack(), np.uint8)
    return message.data


def _check(address: str, *, exposed: bool) -> None:
    """Raise ConfigError if the address is not one to publish at; `exposed`: others may reach it."""
    if address.startswith("ipc://") and len(address) > len("ipc://"):
        return
    found = _TCP.fullmatch(address)
    if not found or (found["port"] != "*" and int(found["port"]) > 65535):
        raise ConfigError(f"ZeroMQ cannot listen at {address!r}; {_ALLOWED}")
    if not exposed and not is_loopback(found["host"]):
        raise ConfigError(
            f"ZeroMQ address {address} can be reached by other machines, where anybody may look; allowed: ipc://, "
            "tcp://127.0.0.1, any with keys (avserver keys new), or any with insecure = true in [zeromq]"
        )
