"""RTP L16 (RFC 3550, RFC 3551): packets in, samples out.

It is uncompressed 16-bit sound, as ffmpeg and studios send it. Packets come late, twice, in the wrong order, or not at
all, and anybody may send some.
"""

import struct
from dataclasses import dataclass

import numpy as np

from avserver.audio.source import Samples
from avserver.errors import WireError

_HEADER = struct.Struct(">BBHII")
VERSION = 2
# Payload types that RFC 3551 gives to L16, with rate (Hz) and channels; from FIRST_DYNAMIC on the sides agree on them.
STATIC = {10: (44_100, 2), 11: (44_100, 1)}
FIRST_DYNAMIC = 96
# RTCP on the same port (RFC 5761): 200 to 204 less the marker bit.
_RTCP = range(72, 77)
# A packet is given up for lost when so many later ones have come: at 5 to 20 ms each, within FAR_S of a live source.
REORDER = 3
# Of what is missing at most so much (s) is replaced by silence; beyond, the sender has begun anew.
LONGEST_GAP_S = 1.0
# So many packets in a row that are of another sender, or long past: ours was started again.
PATIENCE = 20


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet; `payload` is interleaved big-endian 16-bit samples."""

    payload_type: int
    sequence: int
    timestamp: int
    sender: int
    payload: bytes


def parse(datagram: bytes) -> Packet:
    """Read a packet. Raises WireError for what is none."""
    if len(datagram) < _HEADER.size:
        raise WireError(f"an RTP packet has at least {_HEADER.size} bytes, got {len(datagram)}")
    flags, kind, sequence, timestamp, sender = _HEADER.unpack_from(datagram)
    if flags >> 6 != VERSION:
        raise WireError(f"expected RTP version {VERSION}, got {flags >> 6}")
    at = _HEADER.size + 4 * (flags & 0x0F)
    if flags & 0x10:
        if len(datagram) < at + 4:
            raise WireError("an RTP packet ends within its extension")
        at += 4 + 4 * struct.unpack_from(">H", datagram, at + 2)[0]
    end = len(datagram) - (datagram[-1] if flags & 0x20 else 0)
    if at > end:
        raise WireError(f"an RTP packet of {len(datagram)} bytes claims {at} bytes of header and padding")
    return Packet(kind & 0x7F, sequence, timestamp, sender, datagram[at:end])


class Depacketizer:
    """Puts the sound of a stream of packets together again.

    What is missing becomes silence of the same length, so that what follows comes at its time.

    Args:
        rate_hz: samples per second (Hz) of dynamic payload types.
        channels: how many those have.
        picked: which channels to mix to mono, counted from 1; none given means the first two.

    Attributes:
        rate_hz: of the stream that is heard now; it changes if the payload type does.
        lost: packets that did not come in time.
        late: those that came after that, or twice.
        malformed: datagrams that are not RTP L16.
        foreign: packets of other senders.
    """

    def __init__(self, *, rate_hz: int, channels: int, picked: tuple[int, ...] = ()) -> None:
        self._dynamic = rate_hz, channels
        self._picked = picked
        self.lost = self.late = self.malformed = self.foreign = 0
        self.rate_hz = rate_hz
        self.reset()

    def reset(self) -> None:
        """Begin with the next packet, whatever it is."""
        self._sender: int | None = None
        self._strange_in_a_row = 0
        self._early: dict[int, Packet] = {}
        self._next_sequence = 0
        self._next_timestamp = 0
        self._kind = -1

    def push(self, datagram: bytes) -> list[Samples]:
        """Take a datagram, return the blocks of mono samples that are known after it."""
        try:
            packet = parse(datagram)
            if packet.payload_type in _RTCP:
                return []
            self._check(packet)
        except WireError:
            self.malformed += 1
            return []
        if self._is_strange(packet):
            return []
        self._early[packet.sequence] = packet
        return self._take()

    def _check(self, packet: Packet) -> None:
        if packet.payload_type not in STATIC and packet.payload_type < FIRST_DYNAMIC:
            raise WireError(f"payload type {packet.payload_type} is not L16")
        _, channels = self._format(packet)
        if not packet.payload or len(packet.payload) % (2 * channels):
            raise WireError(f"{len(packet.payload)} bytes are not whole samples of {channels} channels")

    def _format(self, packet: Packet) -> tuple[int, int]:
        return STATIC.get(packet.payload_type, self._dynamic)

    def _is_strange(self, packet: Packet) -> bool:
        """Tell whether the packet does not belong to what is heard; begin anew if what is heard has ended."""
        other = packet.sender != self._sender
        ahead = (packet.sequence - self._next_sequence) & 0xFFFF
        past = ahead >= 0x8000 or packet.sequence in self._early
        if self._sender is not None and (other or past) and self._strange_in_a_row < PATIENCE:
            self._strange_in_a_row += 1
            self.foreign += other
            self.late += not other
            return True
        if other or past or packet.payload_type != self._kind:
            self.reset()
            self._sender, self._kind = packet.sender, packet.payload_type
            self._next_sequence, self._next_timestamp = packet.sequence, packet.timestamp
            self.rate_hz = self._format(packet)[0]
        self._strange_in_a_row = 0
        return False

    def _take(self) -> list[Samples]:
        """Return what can be played: all that is in sequence, and beyond a gap what has waited long enough."""
        blocks = []
        while self._early:
            packet = self._early.pop(self._next_sequence, None)
            if packet is None:
                if len(self._early) < REORDER:
                    break
                first = min(self._early, key=lambda sequence: (sequence - self._next_sequence) & 0xFFFF)
                self.lost += (first - self._next_sequence) & 0xFFFF
                self._next_sequence = first
                continue
            gap = (packet.timestamp - self._next_timestamp) & 0xFFFFFFFF
            if 0 < gap <= LONGEST_GAP_S * self.rate_hz:
                blocks.append(np.zeros(gap, np.float32))
            block = self._decode(packet)
            blocks.append(block)
            self._next_sequence = (packet.sequence + 1) & 0xFFFF
            self._next_timestamp = (packet.timestamp + block.size) & 0xFFFFFFFF
        return blocks

    def _decode(self, packet: Packet) -> Samples:
        _, channels = self._format(packet)
        samples = np.frombuffer(packet.payload, ">i2").reshape(-1, channels)
        return mixed(samples.astype(np.float32) / np.float32(32_768), self._picked)


def mixed(samples: Samples, picked: tuple[int, ...] = ()) -> Samples:
    """Return the mean (n,) of some channels of (n, channels), counted from 1; of the first two if none is given.

    Channels that are not there are left out; if none is left, it is all of them.
    """
    columns = [channel - 1 for channel in picked or (1, 2) if channel <= samples.shape[1]]
    return (samples[:, columns] if columns else samples).mean(axis=1, dtype=np.float32)
