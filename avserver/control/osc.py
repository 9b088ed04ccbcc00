"""The OSC server: a UDP socket and its thread, which turn packets into events and nothing else."""

import logging
import selectors
import socket
import threading
import time
from functools import partial

from avserver.addresses import bound_socket
from avserver.control.events import ROOT, Event, EventQueue
from avserver.control.osc_packet import Bundle, decode, encode
from avserver.errors import WireError

_LOG = logging.getLogger(__name__)
# The largest UDP datagram, and room for bursts that come while another thread has the interpreter.
_DATAGRAM_BYTES = 65536
_RECEIVE_BUFFER_BYTES = 1 << 20

Address = tuple[object, ...]


class OscServer:
    """Listens on a UDP port from its construction until `close`.

    Whatever a packet holds, the server goes on: what is not OSC is counted and dropped. Addresses that are not ours are
    marked as such; a mapping may listen to them. Answers leave by the same socket, so they come from the port that was
    asked.

    Attributes:
        address: (host, port) as bound.
        received: packets.
        malformed: those that were not OSC.
        unsent: answers that the network did not take.

    Raises AddressInUse if somebody has the port, ConfigError if the address is not one to listen on.
    """

    def __init__(self, host: str, port: int, queue: EventQueue) -> None:
        self._queue = queue
        self._socket = bound_socket(host, port, socket.SOCK_DGRAM, name="OSC", choose="--osc-port or [osc] port")
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
        self.address: tuple[str, int] = self._socket.getsockname()[:2]
        self.received = 0
        self.malformed = 0
        self.unsent = 0
        self._waker, self._wake = socket.socketpair()
        self._thread = threading.Thread(target=self._listen, name="osc", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening and free the port, within half a second. A second call does nothing."""
        if not self._thread.is_alive():
            return
        self._waker.send(b"x")
        self._thread.join(0.5)
        for sock in (self._socket, self._waker, self._wake):
            sock.close()

    def _listen(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_READ)
            selector.register(self._wake, selectors.EVENT_READ)
            while True:
                ready = [key.fileobj for key, _ in selector.select()]
                if self._wake in ready:
                    return
                self._receive()

    def _receive(self) -> None:
        try:
            packet, source = self._socket.recvfrom(_DATAGRAM_BYTES)
        except OSError as err:  # on some systems an answer that did not arrive is reported here
            _LOG.debug("OSC receive: %s", err)
            return
        self.received += 1
        try:
            bundles = decode(packet)
        except WireError as err:
            self.malformed += 1
            if self.malformed == 1:
                _LOG.warning("dropped a malformed OSC packet from %s: %s (more are only counted)", source[0], err)
            return
        for bundle in bundles:
            self._enqueue(bundle, source)

    def _enqueue(self, bundle: Bundle, source: Address) -> None:
        reply, now_unix_s = partial(self._reply, source), time.time()
        events = []
        for message in bundle.messages:
            outside = not message.address.startswith(f"{ROOT}/")
            address = message.address if outside else message.address.removeprefix(ROOT)
            sender = ("osc", *source)
            events.append(
                Event(
                    address,
                    message.arguments,
                    sender,
                    reply,
                    bundle.due_unix_s,
                    outside=outside,
                    received_unix_s=now_unix_s,
                )
            )
        if events:
            self._queue.put(*events)

    def _reply(self, destination: Address, address: str, *arguments: object) -> None:
        """Send an answer; called from any thread. A full buffer or a vanished client is counted, not raised."""
        try:
            self._socket.sendto(encode(address, *arguments), destination)
        except OSError as err:
            self.unsent += 1
            if self.unsent == 1:
                _LOG.warning("an OSC answer to %s was not sent: %s (more are only counted)", destination[0], err)
