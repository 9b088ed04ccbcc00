"""OSC over TCP: any number of clients, each with a stream of SLIP frames both ways. Lives in the OSC thread."""

import itertools
import logging
import selectors
import socket
import threading
from collections.abc import Callable

from avserver.control.events import Event, EventQueue
from avserver.control.osc_intake import OscIntake, OscPeer
from avserver.control.osc_packet import encode
from avserver.control.osc_slip import SlipReader, frame, unframe
from avserver.errors import WireError

_LOG = logging.getLogger(__name__)
MAX_CLIENTS = 64
# As much as a UDP datagram holds, every byte of it escaped.
MAX_FRAME_BYTES = 2 * 65536
# Answers that wait for a client to read. Feedback of every knob in every frame fills it in some seconds.
MAX_UNREAD_BYTES = 1 << 20
_CHUNK_BYTES = 65536


class OscTcp:
    """Accepts clients and serves them; a client that misbehaves loses its own connection and nothing else.

    Args:
        listener: bound; closed with the rest.
        selector: of the thread; what is registered with it has a function to call as its data.
        intake: takes the packets.
        queue: is told when a client has left.
        ring: has the thread call `flush`; called from any thread.
    """

    def __init__(
        self,
        listener: socket.socket,
        selector: selectors.BaseSelector,
        intake: OscIntake,
        queue: EventQueue,
        ring: Callable[[], None],
    ) -> None:
        self._listener = listener
        self._selector = selector
        self._intake = intake
        self._queue = queue
        self._ring = ring
        self._connections: dict[int, _Connection] = {}
        self._numbers = itertools.count(1)
        listener.setblocking(False)
        listener.listen()
        selector.register(listener, selectors.EVENT_READ, self._accept)

    def __len__(self) -> int:
        return len(self._connections)

    def flush(self) -> None:
        """Send what waits for the clients."""
        for connection in list(self._connections.values()):
            self._send(connection)

    def close(self) -> None:
        """Send what clients will take at once, and hang up."""
        self.flush()
        for connection in list(self._connections.values()):
            self._drop(connection)
        self._selector.unregister(self._listener)
        self._listener.close()

    def _accept(self, _ready: int) -> None:
        try:
            sock, address = self._listener.accept()
        except OSError as err:  # gone again already, or no more files may be open
            _LOG.debug("OSC over TCP: %s", err)
            return
        if len(self._connections) >= MAX_CLIENTS:
            _LOG.warning("%s was refused: %d clients are connected over TCP, no more are served", address, MAX_CLIENTS)
            sock.close()
            return
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # answers are short and urgent
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # a machine that is gone never hangs up
        number = next(self._numbers)
        connection = _Connection(number, sock, address[0], self._ring)
        self._connections[number] = connection
        self._selector.register(sock, selectors.EVENT_READ, lambda ready: self._serve(connection, ready))

    def _serve(self, connection: "_Connection", ready: int) -> None:
        if ready & selectors.EVENT_READ:
            self._receive(connection)
        if ready & selectors.EVENT_WRITE:
            self._send(connection)

    def _receive(self, connection: "_Connection") -> None:
        try:
            data = connection.socket.recv(_CHUNK_BYTES)
            frames = connection.reader.feed(data)
        except BlockingIOError:
            return
        except (OSError, WireError) as err:
            self._drop(connection, str(err))
            return
        for escaped in frames:
            try:
                packet = unframe(escaped)
            except WireError as err:
                self._intake.refuse(err, connection.client)
                continue
            self._intake.take(packet, connection.client)
        if not data:
            self._drop(connection)

    def _send(self, connection: "_Connection") -> None:
        if connection.number not in self._connections:
            return
        try:
            waits = connection.send()
        except (OSError, WireError) as err:
            self._drop(connection, str(err))
            return
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if waits else 0)
        key = self._selector.get_key(connection.socket)
        if key.events != wanted:
            self._selector.modify(connection.socket, wanted, key.data)

    def _drop(self, connection: "_Connection", reason: str = "") -> None:
        """Hang up, and have the client told nothing more."""
        if self._connections.pop(connection.number, None) is None:
            return
        if reason:
            _LOG.warning("OSC over TCP: %s was hung up on: %s", connection.client.name, reason)
        self._selector.unregister(connection.socket)
        connection.socket.close()
        self._queue.put(Event("/notify", (0,), connection.client.sender, connection.client.reply))


class _Connection:
    """One client: its stream, and the answers that it has not read yet."""

    def __init__(self, number: int, sock: socket.socket, host: str, ring: Callable[[], None]) -> None:
        self.number = number
        self.socket = sock
        self.reader = SlipReader(MAX_FRAME_BYTES)
        self.client = OscPeer(("osc-tcp", number), host, self._reply)
        self._ring = ring
        self._lock = threading.Lock()
        self._unread = bytearray()
        self._too_slow = False

    def send(self) -> bool:
        """Send what the network takes; return whether something is left.

        Raises WireError if the client has left too much unread, OSError if it is gone.
        """
        with self._lock:
            if self._too_slow:
                raise WireError(f"it left more than {MAX_UNREAD_BYTES} bytes of answers unread")
            if self._unread:
                try:
                    del self._unread[: self.socket.send(self._unread)]
                except BlockingIOError:
                    return True
            return bool(self._unread)

    def _reply(self, address: str, *arguments: object) -> None:
        """Have an answer sent. Called from any thread; never waits for the client."""
        data = frame(encode(address, *arguments))
        with self._lock:
            first = not self._unread
            self._too_slow = self._too_slow or len(self._unread) + len(data) > MAX_UNREAD_BYTES
            if not self._too_slow:
                self._unread += data
        if first or self._too_slow:
            self._ring()
