"""The OSC server: sockets and their thread, which turn packets into events and nothing else."""

import logging
import selectors
import socket
import threading
import time
from dataclasses import dataclass

from avserver.addresses import bound_socket, refuse_exposed
from avserver.control.events import EventQueue
from avserver.control.osc_intake import OscIntake, OscPeer
from avserver.control.osc_packet import encode
from avserver.control.osc_tcp import OscTcp

_LOG = logging.getLogger(__name__)
# The largest UDP datagram, and room for bursts that come while another thread has the interpreter.
_DATAGRAM_BYTES = 65536
_RECEIVE_BUFFER_BYTES = 1 << 20
# After each look at the sockets the thread rests: of ten thousand messages a second it then takes twenty at once, which
# costs a fraction of waking up for each and leaves the interpreter to the frames. What comes alone does not wait.
_REST_S = 0.002
# Datagrams in a row, before whatever else there is.
_BATCH = 200
# Clients that are remembered from one datagram to the next.
_MOST_CLIENTS = 256

Address = tuple[object, ...]


class OscServer:
    """Listens on a UDP port, and if asked on the TCP port of the same number, from its construction until `close`.

    Whatever a packet holds, the server goes on: what is not OSC is counted and dropped. Addresses that are not ours are
    marked as such; a mapping may listen to them. Answers leave by the same socket, so they come from the port that was
    asked.

    Attributes:
        address: (host, port) as bound.
        unsent: answers that the network did not take.

    Raises AddressInUse if somebody has the port, ConfigError if the address is not one to listen on, or one that other
    machines reach without `insecure`.
    """

    def __init__(self, host: str, port: int, queue: EventQueue, *, tcp: bool = False, insecure: bool = False) -> None:
        refuse_exposed(host, insecure, name="OSC", section="osc", why="anybody may turn everything")
        choose = "--osc-port or [osc] port"
        self._socket = bound_socket(host, port, socket.SOCK_DGRAM, name="OSC", choose=choose)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
        self.address: tuple[str, int] = self._socket.getsockname()[:2]
        self.unsent = 0
        self._intake = OscIntake(queue)
        self._clients: dict[Address, OscPeer] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._socket, selectors.EVENT_READ, self._receive)
        self._waker, self._wake = socket.socketpair()
        self._waker.setblocking(False)
        self._selector.register(self._wake, selectors.EVENT_READ, self._awake)
        self._closing = False
        self._tcp: OscTcp | None = None
        if tcp:
            try:
                listener = bound_socket(
                    host, self.address[1], socket.SOCK_STREAM, name="OSC over TCP", choose=f"{choose}, or tcp = false"
                )
            except Exception:
                self._close_sockets()
                raise
            self._tcp = OscTcp(listener, self._selector, self._intake, queue, self._ring)
        self._thread = threading.Thread(target=self._listen, name="osc", daemon=True)
        self._thread.start()

    @property
    def received(self) -> int:
        """Packets so far."""
        return self._intake.received

    @property
    def malformed(self) -> int:
        """Those that were not OSC."""
        return self._intake.malformed

    @property
    def tcp_clients(self) -> int:
        """Clients that are connected over TCP."""
        return 0 if self._tcp is None else len(self._tcp)

    def close(self) -> None:
        """Stop listening and free the port, within half a second. A second call does nothing."""
        if not self._thread.is_alive():
            return
        self._closing = True
        self._ring()
        self._thread.join(0.5)

    def _listen(self) -> None:
        while not self._closing:
            for key, ready in self._selector.select():
                key.data(ready)
            time.sleep(_REST_S)
        if self._tcp is not None:
            self._tcp.close()
        self._close_sockets()

    def _close_sockets(self) -> None:
        self._selector.close()
        for sock in (self._socket, self._waker, self._wake):
            sock.close()

    def _ring(self) -> None:
        """Have the thread look up. Called from any thread."""
        try:
            self._waker.send(b"x")
        except OSError:  # it has been rung often enough, or has ended
            return

    def _awake(self, _ready: int) -> None:
        self._wake.recv(_DATAGRAM_BYTES)
        if self._tcp is not None:
            self._tcp.flush()

    def _receive(self, _ready: int) -> None:
        take, receive, clients = self._intake.take, self._socket.recvfrom, self._clients
        for _ in range(_BATCH):
            try:
                packet, source = receive(_DATAGRAM_BYTES)
            except BlockingIOError:
                return
            except OSError as err:  # on some systems an answer that did not arrive is reported here
                _LOG.debug("OSC receive: %s", err)
                continue
            take(packet, clients.get(source) or self._client(source))

    def _client(self, source: Address) -> OscPeer:
        if len(self._clients) >= _MOST_CLIENTS:
            self._clients.clear()

        def reply_at(port: int) -> _Reply:
            return _Reply(self, (source[0], port, *source[2:]))

        client = OscPeer(("osc", *source), str(source[0]), _Reply(self, source), reply_at)
        self._clients[source] = client
        return client

    def send(self, destination: Address, address: str, *arguments: object) -> None:
        """Send a message; called from any thread. A full buffer or a vanished client is counted, not raised."""
        try:
            self._socket.sendto(encode(address, *arguments), destination)
        except OSError as err:
            self.unsent += 1
            if self.unsent == 1:
                _LOG.warning("an OSC answer to %s was not sent: %s (more are only counted)", destination[0], err)


@dataclass(frozen=True, slots=True)
class _Reply:
    """Answers over UDP; equal to others that answer at the same place."""

    server: OscServer
    destination: Address

    def __call__(self, address: str, *arguments: object) -> None:
        self.server.send(self.destination, address, *arguments)
