"""Sender: signals go out to other programs, as OSC over UDP."""

import logging
import socket
from collections.abc import Mapping, Sequence

from avserver.control.modulator import Modulator
from avserver.control.osc_packet import encode
from avserver.control.patch import Sending
from avserver.signals import Signals

_LOG = logging.getLogger(__name__)


class Sender:
    """Sends what the `[[send]]` tables of a mapping say, and to nobody else; for the engine's thread.

    A frame sends only what differs from what was sent before, as a 32-bit float. It never waits: what the network does
    not take is counted, and tried again at the next frame.

    Attributes:
        sent: messages so far.
        unsent: those that the network did not take.
    """

    def __init__(self) -> None:
        self._lines: list[_Line] = []
        self._sockets: dict[int, socket.socket] = {}
        self.sent = 0
        self.unsent = 0

    def take(self, sends: Sequence[Sending]) -> None:
        """Send these from now on; those that were there before go on as they were."""
        at_work = {line.sending: line for line in self._lines}
        self._lines = [at_work.get(sending) or _Line(sending) for sending in sends]

    def update(self, signals: Signals, inputs: Mapping[str, float], t_s: float) -> None:
        """Send what is new at `t_s` (s, show time). `signals` and `inputs` are as for a `Modulator`."""
        for line in self._lines:
            packet = line.news(signals, inputs, t_s)
            if packet is not None and self._send(packet, line.sending):
                line.told(packet)

    def close(self) -> None:
        """Let go of the sockets. A second call does nothing."""
        for sock in self._sockets.values():
            sock.close()
        self._sockets.clear()

    def _send(self, packet: bytes, sending: Sending) -> bool:
        family = socket.AF_INET6 if ":" in sending.host else socket.AF_INET
        try:
            if family not in self._sockets:
                self._sockets[family] = socket.socket(family, socket.SOCK_DGRAM)
                self._sockets[family].setblocking(False)
            self._sockets[family].sendto(packet, (sending.host, sending.port))
        except OSError as err:
            self.unsent += 1
            if self.unsent == 1:
                _LOG.warning("nothing can be sent to %s: %s (more are only counted)", sending.host, err)
            return False
        self.sent += 1
        return True


class _Line:
    """One sending at work."""

    def __init__(self, sending: Sending) -> None:
        self.sending = sending
        self._modulator = Modulator(sending.drive)
        self._told: bytes | None = None

    def news(self, signals: Signals, inputs: Mapping[str, float], t_s: float) -> bytes | None:
        """Return the packet to be sent at this frame, None if there is nothing to say."""
        value = self._modulator.update(signals, inputs, t_s)
        if value is None:
            return None
        address, when = self.sending.drive.target, self.sending.when
        if when is not None and value < when:
            self._told = None  # it may rise again
            return None
        packet = encode(address, float(value) if when is None else 1)
        return packet if packet != self._told else None

    def told(self, packet: bytes) -> None:
        """Take note that a packet has left."""
        self._told = packet
