"""OscIntake: makes events of packets, whatever they came by."""

import logging
import struct
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace

from avserver.control.events import ROOT, Event, EventQueue, Reply
from avserver.control.osc_packet import Bundle, Message, decode, encode
from avserver.errors import WireError

_LOG = logging.getLogger(__name__)
_INSIDE = f"{ROOT}/"
# Heads of packets that are remembered: every knob of a large show, and no more than some hundred kilobytes.
_MOST_HEADS = 1024
_LONGEST_HEAD = 256
_NUMBERS = {b",f\0\0": (float, struct.Struct(">f")), b",i\0\0": (int, struct.Struct(">i"))}


@dataclass(frozen=True, slots=True)
class OscPeer:
    """Who sent a packet.

    Attributes:
        sender: as in Event.
        name: for messages.
        reply: as in Event.
        reply_at: returns a reply that arrives at another port of the client's machine; None if there is no such thing.
    """

    sender: Hashable
    name: str
    reply: Reply
    reply_at: Callable[[int], Reply] | None = None


class OscIntake:
    """Reads packets and enqueues what they say; for one thread.

    Faders send the same few bytes over and over, but for the number at the end. What comes before it, address and
    type, is read once and remembered.

    Attributes:
        received: packets.
        malformed: those that were not OSC.
    """

    def __init__(self, queue: EventQueue) -> None:
        self._queue = queue
        self._heads: dict[bytes, tuple[str, struct.Struct]] = {}
        self.received = 0
        self.malformed = 0

    def take(self, packet: bytes, client: OscPeer) -> None:
        """Enqueue what a packet says. What is not OSC is counted, what is not one of our addresses is marked."""
        self.received += 1
        known = self._heads.get(packet[:-4])
        if known is not None:
            address, number = known
            arguments = number.unpack_from(packet, len(packet) - 4)
            self._queue.put(_event(address, arguments, client))
            return
        try:
            bundles = decode(packet)
        except WireError as err:
            self.refuse(err, client)
            return
        for bundle in bundles:
            self._enqueue(bundle, client)
        self._remember(packet, bundles[0])

    def refuse(self, err: WireError, client: OscPeer) -> None:
        """Count something that was not OSC; say so the first time."""
        self.malformed += 1
        if self.malformed == 1:
            _LOG.warning("dropped a malformed OSC packet from %s: %s (more are only counted)", client.name, err)

    def _enqueue(self, bundle: Bundle, client: OscPeer) -> None:
        self._queue.put(*(_told(message, client, bundle.due_unix_s) for message in bundle.messages))

    def _remember(self, packet: bytes, bundle: Bundle) -> None:
        """Remember the head of a packet that is nothing but one message with one number."""
        kind, layout = _NUMBERS.get(packet[-8:-4], (None, None))
        if layout is None or len(packet) > _LONGEST_HEAD or len(bundle.messages) != 1:
            return
        message = bundle.messages[0]
        # Written again it must be the same: bytes may look like a head and be none.
        plain = [type(argument) for argument in message.arguments] == [kind]
        if not plain or encode(message.address, *message.arguments) != packet:
            return
        if len(self._heads) >= _MOST_HEADS:
            self._heads.clear()
        self._heads[packet[:-4]] = (message.address, layout)


def _told(message: Message, client: OscPeer, due_unix_s: float | None) -> Event:
    match message.address, message.arguments:
        # Some listen on another port than they send from.
        case "/avserver/notify", (switch, int() | float() as port) if client.reply_at and 1 <= port <= 65535:
            return replace(_event(message.address, (switch,), client, due_unix_s), reply=client.reply_at(int(port)))
    return _event(message.address, message.arguments, client, due_unix_s)


def _event(address: str, arguments: tuple[object, ...], client: OscPeer, due_unix_s: float | None = None) -> Event:
    outside = not address.startswith(_INSIDE)
    return Event(
        address if outside else address.removeprefix(ROOT),
        arguments,
        client.sender,
        client.reply,
        due_unix_s,
        outside=outside,
        received_unix_s=time.time(),
    )
