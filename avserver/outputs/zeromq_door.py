"""The door of a ZeroMQ socket that publishes: counts who comes, and lets in only those with a key if there are keys."""

import zmq
from zmq.utils import z85
from zmq.utils.monitor import parse_monitor_message

from avserver.outputs.keys import ServerKeys

Socket = zmq.Socket[bytes]

# Where libzmq asks, of whatever encrypts in the same context, who may come in (rfc.zeromq.org/spec/27).
_ZAP = "inproc://zeromq.zap.01"
_FAILED = zmq.EVENT_HANDSHAKE_FAILED_AUTH | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
_EVENTS = zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED | _FAILED


class Door:
    """Keeps the door of one socket at a time. It has no thread: `attend` is called once a frame.

    Args:
        keys: of the server; None lets everybody in.

    Attributes:
        present: how many are connected.
        refused: how many attempts failed, mostly for want of the right keys; a client tries again and again.
    """

    def __init__(self, keys: ServerKeys | None) -> None:
        self.present = 0
        self.refused = 0
        self._keys = keys
        self._events: Socket | None = None
        self._asked: Socket | None = None

    def open(self, context: zmq.Context[Socket], socket: Socket) -> None:
        """Take a socket that is not bound yet. Call `close` before its context ends."""
        self.present = 0
        if self._keys is not None:
            # Before the socket: without somebody to ask, libzmq lets every key in.
            self._asked = context.socket(zmq.REP)
            self._asked.bind(_ZAP)
            socket.curve_server = True
            socket.curve_publickey = self._keys.public
            socket.curve_secretkey = self._keys.secret
        self._events = socket.get_monitor_socket(_EVENTS)

    def attend(self) -> None:
        """Answer whoever asks to come in, and take note of who came and went; never waits."""
        if self._asked is not None:
            self._answer(self._asked)
        if self._events is not None:
            self._count(self._events)

    def close(self, socket: Socket) -> None:
        """Let go of the socket, which is still open."""
        socket.disable_monitor()
        for end in (self._events, self._asked):
            if end is not None:
                end.close(linger=0)
        self._events = self._asked = None
        self.present = 0

    def _answer(self, asked: Socket) -> None:
        assert self._keys is not None
        while asked.poll(0):
            version, request, _domain, _address, _identity, mechanism, *credentials = asked.recv_multipart()
            known = mechanism == b"CURVE" and len(credentials) == 1 and z85.encode(credentials[0]) in self._keys.clients
            status = (b"200", b"OK") if known else (b"400", b"No such key")
            asked.send_multipart([version, request, *status, b"", b""])

    def _count(self, events: Socket) -> None:
        while events.poll(0):
            event = parse_monitor_message(events.recv_multipart())["event"]
            if event == zmq.EVENT_ACCEPTED:
                self.present += 1
            elif event == zmq.EVENT_DISCONNECTED:
                self.present -= 1
            else:
                self.refused += 1
