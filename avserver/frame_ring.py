"""FrameRing: frames in shared memory, one process writes, any process of the machine reads.

Little-endian. The first 64 bytes describe the ring, then the slots follow, each of 64 + 64 + `capacity` bytes
rounded up to a multiple of 64:

| at | type | ring header                                              |
|----|------|----------------------------------------------------------|
| 0  | 4s   | magic `AVSR`                                             |
| 4  | u32  | version = 1                                              |
| 8  | u32  | number of slots                                          |
| 12 | u32  | bytes from one slot to the next                          |
| 16 | u64  | frames written so far; the newest is in slot (this - 1) mod slots |

| at  | type  | slot                                                    |
|-----|-------|---------------------------------------------------------|
| 0   | u64   | sequence: odd while the slot is written (a seqlock)     |
| 64  | 64 B  | frame header, as on the wire (see `frame`)              |
| 128 | bytes | the rows, top first                                     |

A reader copies the slot and keeps the copy if the sequence was even and is still the same. The writer never waits.
Plain stores and loads are in order between processes on x86-64; other processors are not promised here.
"""

import struct
from multiprocessing import shared_memory

import numpy as np

from avserver.errors import WireError
from avserver.frame import HEADER_SIZE, Flags, Frame, FrameHeader

MAGIC = b"AVSR"
VERSION = 1
_RING = struct.Struct("<4sIIIQ")
_RING_SIZE = 64
_WRITTEN_AT = 16
_SLOT_PREFIX = 64
_U64 = struct.Struct("<Q")
# One being written, one being read, one between them.
SLOTS = 3
# A slot is overwritten only after SLOTS - 1 newer frames; failing this often means the memory is not a ring.
_ATTEMPTS = 100


class FrameRing:
    """A ring of frames in a named block of shared memory.

    `create` makes the block and owns it: its `close` removes it. `attach` uses one that exists, in a process started
    by multiprocessing from the creator (the two share one resource tracker).
    """

    def __init__(self, memory: shared_memory.SharedMemory, *, owner: bool) -> None:
        if memory.buf is None:
            raise WireError(f"the shared memory {memory.name} is closed")
        self._memory = memory
        self._buffer = memory.buf
        self._owner = owner
        magic, version, self._slots, self._stride, _ = _RING.unpack_from(self._buffer)
        if magic != MAGIC or version != VERSION:
            raise WireError(f"expected a frame ring {MAGIC!r} version {VERSION}, got {magic!r} version {version}")

    @classmethod
    def create(cls, *, width_px: int, height_px: int, slots: int = SLOTS) -> "FrameRing":
        """Make a ring for RGB frames of up to that size."""
        stride = _SLOT_PREFIX + HEADER_SIZE + width_px * height_px * 3
        stride = -(-stride // 64) * 64
        memory = shared_memory.SharedMemory(create=True, size=_RING_SIZE + slots * stride)
        memory.buf[: _RING.size] = _RING.pack(MAGIC, VERSION, slots, stride, 0)  # type: ignore[index]
        return cls(memory, owner=True)

    @classmethod
    def attach(cls, name: str) -> "FrameRing":
        """Use the ring of that name. Raises FileNotFoundError if there is none, WireError if it is no ring."""
        return cls(shared_memory.SharedMemory(name), owner=False)

    @property
    def name(self) -> str:
        """Name of the shared memory."""
        return self._memory.name

    def write(self, frame: Frame) -> None:
        """Write one frame into the oldest slot."""
        buffer = self._buffer
        header = frame.header(published_ns=0)
        if _SLOT_PREFIX + HEADER_SIZE + header.size_bytes > self._stride:
            raise WireError(f"a frame of {header.width_px}x{header.height_px} px does not fit the ring")
        (written,) = _U64.unpack_from(buffer, _WRITTEN_AT)
        at = _RING_SIZE + (written % self._slots) * self._stride
        (sequence,) = _U64.unpack_from(buffer, at)
        # A writer that was killed half-way leaves an odd number: the next one is odd again.
        sequence |= 1
        _U64.pack_into(buffer, at, sequence)
        pixels_at = at + _SLOT_PREFIX + HEADER_SIZE
        buffer[at + _SLOT_PREFIX : pixels_at] = header.pack()
        np.frombuffer(buffer, np.uint8, header.size_bytes, pixels_at)[:] = frame.pixels.reshape(-1)
        _U64.pack_into(buffer, at, sequence + 1)
        _U64.pack_into(buffer, _WRITTEN_AT, written + 1)

    def newest(self) -> Frame | None:
        """Return a copy of the newest whole frame, or None if none was written yet."""
        buffer = self._buffer
        for _ in range(_ATTEMPTS):
            (written,) = _U64.unpack_from(buffer, _WRITTEN_AT)
            if written == 0:
                return None
            at = _RING_SIZE + ((written - 1) % self._slots) * self._stride
            (before,) = _U64.unpack_from(buffer, at)
            if before & 1:
                continue
            header = FrameHeader.unpack(buffer[at + _SLOT_PREFIX : at + _SLOT_PREFIX + HEADER_SIZE])
            pixels = np.frombuffer(buffer, np.uint8, header.size_bytes, at + _SLOT_PREFIX + HEADER_SIZE).copy()
            (after,) = _U64.unpack_from(buffer, at)
            if after == before:
                return Frame(
                    pixels=pixels.reshape(header.height_px, header.width_px, 3),
                    index=header.index,
                    t_s=header.t_s,
                    audio_ns=header.audio_ns,
                    flags=Flags(header.flags),
                )
        raise WireError(f"no whole frame could be read from the ring in {_ATTEMPTS} attempts")

    def close(self) -> None:
        """Let go of the memory; the creator also removes it. Frames already read stay valid."""
        self._memory.close()
        if self._owner:
            self._memory.unlink()
