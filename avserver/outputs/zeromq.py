"""Frames on a ZeroMQ PUB socket, one message part each: the 64-byte header, then the rows (see `frame`)."""

import contextlib
import errno
import re
import time
from pathlib import Path
from typing import ClassVar

import zmq

from avserver.addresses import ipc_path, is_loopback, refuse_taken_path
from avserver.errors import AddressInUse, ConfigError
from avserver.frame import Frame
from avserver.outputs.output import Output
from avserver.outputs.shape import Shape

# A subscriber that stalls holds back at most so many frames here; then it misses some.
SEND_QUEUE_FRAMES = 4
_ANOTHER = "choose another with --zeromq or [zeromq] address"
_ALLOWED = "allowed: tcp://HOST:PORT with an address of this machine, ipc://PATH"
_TCP = re.compile(r"tcp://(?P<host>[^:]+|\[[0-9A-Fa-f:.]+\]):(?P<port>\d+|\*)")


class ZeroMqOutput(Output):
    """Publishes frames; a slow, stalled or missing subscriber costs nothing here.

    Subscribers that want only the newest frame set CONFLATE before they connect.

    Args:
        address: `tcp://host:port` (port `*` or 0 for a free one) or `ipc://path` (`ipc://*` for one made up).
        insecure: allow addresses that other machines reach, where anybody may look.
        name, shape, fps: see `Output`.

    Attributes:
        address: as given, and as bound once open.

    Raises ConfigError for an address of another kind, or one that other machines reach without `insecure`;
    `open` raises AddressInUse if somebody has the address.
    """

    SURVIVES: ClassVar[tuple[type[Exception], ...]] = (zmq.ZMQError,)

    def __init__(
        self, address: str, *, insecure: bool = False, name: str = "", shape: Shape | None = None, fps: float = 0.0
    ) -> None:
        super().__init__(name or f"zeromq {address}", shape=shape, fps=fps)
        _check(address, insecure)
        self.address = address
        self._context: zmq.Context[zmq.Socket[bytes]] | None = None
        self._socket: zmq.Socket[bytes] | None = None
        self._file: tuple[Path, int] | None = None

    @property
    def where(self) -> str:
        """The address, as bound."""
        return f"{self.address} (ZeroMQ PUB)"

    def _open(self) -> None:
        refuse_taken_path(self.address, choose="--zeromq or [zeromq] address")
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.PUB)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.SNDHWM, SEND_QUEUE_FRAMES)
        self._socket.setsockopt(zmq.IPV6, "[" in self.address)
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
        header = frame.header(published_ns=time.time_ns()).pack()
        # A message of its own, never written again: ZeroMQ may go on reading it after send has returned.
        message = b"".join((header, frame.pixels.data))
        self._socket.send(message, flags=zmq.DONTWAIT, copy=False)

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
        self._socket.close(linger=0)
        self._context.term()


def _check(address: str, insecure: bool) -> None:
    """Raise ConfigError if the address is not one to publish at."""
    if address.startswith("ipc://") and len(address) > len("ipc://"):
        return
    found = _TCP.fullmatch(address)
    if not found or (found["port"] != "*" and int(found["port"]) > 65535):
        raise ConfigError(f"ZeroMQ cannot listen at {address!r}; {_ALLOWED}")
    if not insecure and not is_loopback(found["host"]):
        raise ConfigError(
            f"ZeroMQ address {address} can be reached by other machines, where anybody may look; allowed: ipc://, "
            "tcp://127.0.0.1, or any with insecure = true in [zeromq]"
        )
