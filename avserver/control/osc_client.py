"""OscClient: the other end of our OSC, for `watch`, `bench` and the tests."""

import contextlib
import socket
import time
from types import TracebackType
from typing import Self

from avserver.control.events import ROOT
from avserver.control.osc_packet import decode, encode
from avserver.errors import ConfigError, WireError


class OscClient:
    """A UDP socket that sends to a server and hears its answers.

    Args:
        host, port: of the server.

    Raises ConfigError for a host or a port that nothing can be sent to.
    """

    def __init__(self, host: str, port: int) -> None:
        if not 0 < port <= 65535:
            raise ConfigError(f"an OSC port is a number from 1 to 65535, got {port}")
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        except OSError as err:
            raise ConfigError(f"OSC cannot be sent to {host}:{port}: {err}") from err
        self._socket = socket.socket(family, kind, protocol)
        self._socket.connect(address)

    def send(self, address: str, *arguments: object) -> None:
        """Send one message to `/avserver` + address. A server that is not there is no error."""
        datagram = encode(ROOT + address, *arguments)
        try:
            self._socket.send(datagram)
        except ConnectionRefusedError:
            # What the last datagram met is reported now, and in place of sending this one.
            with contextlib.suppress(ConnectionRefusedError):
                self._socket.send(datagram)

    def receive(self, timeout_s: float) -> tuple[str, list[object]] | None:
        """Return the next (address, arguments) that comes, or None after `timeout_s`; skips what is not OSC."""
        end_s = time.monotonic() + timeout_s
        while (left_s := end_s - time.monotonic()) > 0:
            self._socket.settimeout(left_s)
            try:
                message = decode(self._socket.recv(65536))[0].messages[0]
            except TimeoutError:
                return None
            except (WireError, IndexError):  # IndexError: an empty bundle
                continue
            except ConnectionRefusedError:
                time.sleep(min(0.01, left_s))
                continue
            return message.address, list(message.arguments)
        return None

    def ask(
        self, address: str, *arguments: object, answer: str | None = None, timeout_s: float = 1.0
    ) -> list[object] | None:
        """Send a message and return the arguments of its answer, or None if none comes in time.

        `answer` is the address of the answer, without `/avserver`; by default that of the question.
        """
        self.send(address, *arguments)
        end_s = time.monotonic() + timeout_s
        while (message := self.receive(end_s - time.monotonic())) is not None:
            if message[0] == ROOT + (answer or address):
                return message[1]
        return None

    def status(self, timeout_s: float = 1.0) -> dict[str, object] | None:
        """Return what the server says of itself, or None if it does not answer in time."""
        pairs = self.ask("/status", answer="/status.reply", timeout_s=timeout_s)
        if pairs is None:
            return None
        return {str(name): value for name, value in zip(pairs[::2], pairs[1::2], strict=False)}

    def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
