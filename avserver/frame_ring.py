"""FrameRing: frames in shared memory, one process writes, any process of the machine reads.

Little-endian. The first 64 bytes describe the ring, then the slots follow, each of 64 + 64 + `capacity` bytes
rounded up to a multiple of 64:

| at | type | ring header                                                                             |
|----|------|-----------------------------------------------------------------------------------------|
| 0  | 4s   | magic `AVSR`; four zeros in the moment before the ring is ready                          |
| 4  | u32  | version = 1                                                                             |
| 8  | u32  | number of slots                                                                         |
| 12 | u32  | bytes from one slot to the next                                                         |
| 16 | u64  | frames written so far; the newest is in slot (this - 1) mod slots                       |
| 24 | u32  | process id of the owner; 0 once it let go of the ring, whose name is then another's     |
| 28 | u32  | 0                                                                                       |
| 32 | f64  | when the owner was started (s, Unix), which tells it from a later process with its id    |

| at  | type  | slot                                                    |
|-----|-------|---------------------------------------------------------|
| 0   | u64   | sequence: odd while the slot is written (a seqlock)     |
| 64  | 64 B  | frame header, as on the wire (see `frame`)              |
| 128 | bytes | the rows, top first                                     |

A reader copies the slot and keeps the copy if the sequence was even and is still the same. The writer never waits.
Plain stores and loads are in order between processes on x86-64; other processors are not promised here.

A ring with a name of its own outlives a writer that is killed; the next one of that name takes its place. So a reader
that sees no new frames for a while attaches to the name again. It never removes the memory.
"""

import contextlib
import os
import re
import shutil
import struct
from collections.abc import Iterator
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

import numpy as np
import numpy.typing as npt
import psutil

from avserver.errors import AddressInUse, ConfigError, WireError
from avserver.frame import BYTES_PER_PIXEL, HEADER_SIZE, Flags, Frame, FrameHeader

MAGIC = b"AVSR"
VERSION = 1
_RING = struct.Struct("<4sIIIQIId")
_RING_SIZE = 64
_WRITTEN_AT = 16
_OWNER_AT = 24
_SLOT_PREFIX = 64
# In the processor's own order (little-endian everywhere we run): that is one store, where "<Q" stores byte by byte.
_U64 = struct.Struct("@Q")
_U32 = struct.Struct("@I")
# One being written, one being read, one between them.
SLOTS = 3
# A slot is overwritten only after SLOTS - 1 newer frames; failing this often means the memory is not a ring.
_ATTEMPTS = 100
# 31 characters with the slash that comes before it are what macOS allows.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,29}")
# Where Linux keeps shared memory.
_FOLDER = Path("/dev/shm")  # noqa: S108
# The start of a process is known to about a tick of 10 ms.
_SAME_START_S = 1.0


class FrameRing:
    """A ring of frames in a named block of shared memory.

    `create` makes the block and owns it: its `close` removes it. `attach` uses one that exists, in a process started
    by multiprocessing from the creator (the two share one resource tracker).
    """

    def __init__(self, memory: SharedMemory, *, owner: bool, tracked: bool = True) -> None:
        if memory.buf is None:
            raise WireError(f"the shared memory {memory.name} is closed")
        self._memory = memory
        self._buffer = memory.buf
        self._owner = owner
        self._tracked = tracked
        magic, version, self._slots, self._stride = _RING.unpack_from(self._buffer)[:4]
        if magic != MAGIC or version != VERSION:
            raise WireError(f"expected a frame ring {MAGIC!r} version {VERSION}, got {magic!r} version {version}")

    @classmethod
    def create(
        cls, *, width_px: int, height_px: int, pixel_format: str = "RGB8", slots: int = SLOTS, name: str = ""
    ) -> "FrameRing":
        """Make a ring for frames of up to that size.

        Args:
            width_px: of the largest frame.
            height_px: of the largest frame.
            pixel_format: of the largest frame, one of frame.BYTES_PER_PIXEL.
            slots: how many frames it holds.
            name: for readers that are no children of this process; empty: a name made up, and removed with this
                process however it ends.

        Raises AddressInUse if a living process has a ring of that name, ConfigError for a name that cannot be or that
        is the name of something else, OSError if the memory cannot be had.
        """
        stride = _SLOT_PREFIX + HEADER_SIZE + width_px * height_px * BYTES_PER_PIXEL[pixel_format]
        stride = -(-stride // 64) * 64
        memory = _allocate(name, _RING_SIZE + slots * stride)
        pid = os.getpid()
        ring = _RING.pack(MAGIC, VERSION, slots, stride, 0, pid, 0, psutil.Process(pid).create_time())
        memory.buf[: _RING.size] = ring  # type: ignore[index]
        return cls(memory, owner=True, tracked=not name)

    @classmethod
    def attach(cls, name: str) -> "FrameRing":
        """Use the ring of that name. Raises FileNotFoundError if there is none, WireError if it is no ring."""
        return cls(SharedMemory(name), owner=False)

    @property
    def name(self) -> str:
        """Name of the shared memory."""
        return self._memory.name

    def write(self, frame: Frame) -> None:
        """Write one frame into the oldest slot."""
        with self.slot(frame.header(published_ns=0)) as pixels:
            pixels[:] = frame.pixels

    @contextlib.contextmanager
    def slot(self, header: FrameHeader) -> Iterator[npt.NDArray[np.uint8]]:
        """Lend the oldest slot: uint8 (height, width, channels), to be filled. Readers see it when the block is left.

        Raises WireError for a frame that is too large.
        """
        buffer = self._buffer
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
        rows = np.frombuffer(buffer, np.uint8, header.size_bytes, pixels_at)
        yield rows.reshape(header.height_px, header.width_px, -1)
        _U64.pack_into(buffer, at, sequence + 1)
        _U64.pack_into(buffer, _WRITTEN_AT, written + 1)

    def newest(self) -> Frame | None:
        """Return a copy of the newest whole frame, or None if none was written yet.

        Raises WireError if it is not RGB8, or no frame at all.
        """
        for _ in range(_ATTEMPTS):
            (written,) = _U64.unpack_from(self._buffer, _WRITTEN_AT)
            if written == 0:
                return None
            frame = self._copy(written - 1)
            if frame is not None:
                return frame
        raise WireError(f"no whole frame could be read from the ring in {_ATTEMPTS} attempts")

    def numbered(self, number: int) -> Frame:
        """Return a copy of frame `number`, counted from 0, for readers that want every one.

        Raises WireError if it is not RGB8, was not written yet, or made room for a newer one.
        """
        (written,) = _U64.unpack_from(self._buffer, _WRITTEN_AT)
        frame = self._copy(number) if written - self._slots <= number < written else None
        if frame is None:
            raise WireError(f"frame {number} is not in the ring: {written} were written, it holds {self._slots}")
        return frame

    def _copy(self, number: int) -> Frame | None:
        """Return a copy of what is in the slot of frame `number`, None if it is written at the moment."""
        buffer = self._buffer
        at = _RING_SIZE + (number % self._slots) * self._stride
        (before,) = _U64.unpack_from(buffer, at)
        if before & 1:
            return None
        header = FrameHeader.unpack(buffer[at + _SLOT_PREFIX : at + _SLOT_PREFIX + HEADER_SIZE])
        pixels = np.frombuffer(buffer, np.uint8, header.size_bytes, at + _SLOT_PREFIX + HEADER_SIZE).copy()
        (after,) = _U64.unpack_from(buffer, at)
        if after != before:
            return None
        if header.pixel_format != "RGB8":
            raise WireError(f"expected a frame in RGB8, got {header.pixel_format}")
        return Frame(
            pixels=pixels.reshape(header.height_px, header.width_px, 3),
            index=header.index,
            t_s=header.t_s,
            audio_ns=header.audio_ns,
            flags=Flags(header.flags),
        )

    def close(self) -> None:
        """Let go of the memory; the creator also removes it. Frames already read stay valid."""
        if self._owner:
            _U32.pack_into(self._buffer, _OWNER_AT, 0)
        self._memory.close()
        if self._owner:
            _remove(self._memory, tracked=self._tracked)


def check_name(name: str) -> None:
    """Raise ConfigError if a block of shared memory cannot be called so on every system."""
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"shared memory cannot be called {name!r}; allowed: 1 to 30 letters, digits, dots, dashes and underscores, "
            "the first no dot and no dash"
        )


def _allocate(name: str, size: int) -> SharedMemory:
    """Return new memory, in place of what a dead process left under that name."""
    if not name:
        memory = SharedMemory(create=True, size=size)
    else:
        check_name(name)
        try:
            memory = SharedMemory(name, create=True, size=size)
        except FileExistsError:
            _remove_left_over(name)
            memory = SharedMemory(name, create=True, size=size)
        # The tracker removes what a killed process leaves, by name and maybe only seconds later: by then the name may
        # be that of the next process' ring.
        _track(memory, on=False)
    try:
        _reserve(memory.name, size)
    except OSError:
        memory.close()
        _remove(memory, tracked=not name)
        raise
    return memory


def _reserve(name: str, size: int) -> None:
    """Have Linux set the memory aside. It is else taken page by page, and a writer that finds none left is killed."""
    if not (path := _FOLDER / name).exists():
        return
    file = os.open(path, os.O_RDWR)
    try:
        os.posix_fallocate(file, 0, size)
    except OSError as err:
        free_mb = shutil.disk_usage(_FOLDER).free / 1e6
        raise OSError(
            f"there is no room for {size / 1e6:.1f} MB of frames in {_FOLDER}, where {free_mb:.1f} MB are free; "
            "mount it larger, or choose a smaller size"
        ) from err
    finally:
        os.close(file)


def _remove_left_over(name: str) -> None:
    """Remove the ring of a process that is no more. Raises AddressInUse or ConfigError if it is not one."""
    try:
        memory = SharedMemory(name)
    except FileNotFoundError:
        return
    except PermissionError as err:
        raise AddressInUse(f"the shared memory {name!r} is another user's; choose another name") from err
    except ValueError:  # it is empty: its maker was killed before it could give it a size
        (_FOLDER / name).unlink(missing_ok=True)
        return
    try:
        owner = _owner(memory)
    finally:
        memory.close()
        _track(memory, on=False)
    if owner is None:
        raise ConfigError(f"the shared memory {name!r} exists and is not a frame ring; choose another name")
    if owner:
        raise AddressInUse(f"the shared memory {name!r} is in use by process {owner}; choose another name")
    _remove(memory, tracked=False)


def _owner(memory: SharedMemory) -> int | None:
    """Return the process that writes to a ring, 0 if there is none any more, None if the memory is no ring."""
    assert memory.buf is not None
    if len(memory.buf) < _RING_SIZE:
        return None
    magic, _, _, _, _, pid, _, started_s = _RING.unpack_from(memory.buf)
    if magic != MAGIC:
        return None if any(magic) else 0  # its maker was killed before it wrote anything
    return int(pid) if pid and _lives(pid, started_s) else 0


def _lives(pid: int, started_s: float) -> bool:
    """Tell whether the process of that id is still the one that was started then."""
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - started_s) < _SAME_START_S
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def _remove(memory: SharedMemory, *, tracked: bool) -> None:
    """Remove the memory; who has it open keeps it until it lets go."""
    if not tracked:
        _track(memory, on=True)  # `unlink` tells the tracker to forget it
    memory.unlink()


def _track(memory: SharedMemory, *, on: bool) -> None:
    """Have Python's resource tracker know of the memory, or forget it. Windows has none."""
    if os.name == "posix":
        tell = resource_tracker.register if on else resource_tracker.unregister
        tell("/" + memory.name, "shared_memory")
