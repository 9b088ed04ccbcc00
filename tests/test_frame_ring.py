"""The ring between two real processes."""

import multiprocessing
import os
import struct
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import shared_memory
from pathlib import Path

import numpy as np
import psutil
import pytest

from avserver.errors import AddressInUse, ConfigError, WireError
from avserver.frame import Frame
from avserver.frame_ring import SLOTS, FrameRing

WIDTH, HEIGHT = 64, 48


def picture(index: int) -> Frame:
    """Return a frame of one grey that belongs to its index, so that a torn one shows."""
    pixels = np.full((HEIGHT, WIDTH, 3), index % 251, np.uint8)
    return Frame(pixels=pixels, index=index, t_s=index / 30)


def write_many(name: str, count: int) -> None:
    ring = FrameRing.attach(name)
    for index in range(count):
        ring.write(picture(index))
    ring.close()


@pytest.fixture
def ring():
    ring = FrameRing.create(width_px=WIDTH, height_px=HEIGHT)
    yield ring
    ring.close()


def test_nothing_is_read_before_something_is_written(ring: FrameRing) -> None:
    assert ring.newest() is None


def test_the_newest_frame_is_read(ring: FrameRing) -> None:
    for index in range(5):
        ring.write(picture(index))
    newest = ring.newest()
    assert newest is not None
    assert newest.index == 4
    assert newest.t_s == 4 / 30
    assert (newest.pixels == 4).all()


def test_frames_are_read_by_their_number_while_they_are_there(ring: FrameRing) -> None:
    for index in range(5):
        ring.write(picture(index))
    assert [ring.numbered(number).index for number in range(5 - SLOTS, 5)] == [2, 3, 4]
    for number in (5 - SLOTS - 1, 5):
        with pytest.raises(WireError, match=f"frame {number} is not in the ring: 5 were written, it holds {SLOTS}"):
            ring.numbered(number)


def test_a_frame_of_another_process_is_never_torn(ring: FrameRing) -> None:
    count = 5000
    writer = multiprocessing.get_context("spawn").Process(target=write_many, args=(ring.name, count))
    writer.start()
    seen = set()
    while writer.is_alive() or not seen:
        frame = ring.newest()
        if frame is not None:
            assert (frame.pixels == frame.index % 251).all()
            seen.add(frame.index)
    writer.join()
    assert writer.exitcode == 0
    newest = ring.newest()
    assert newest is not None
    assert newest.index == count - 1
    assert len(seen) > 3


def test_a_writer_killed_in_the_middle_leaves_the_ring_usable(ring: FrameRing) -> None:
    ring.write(picture(1))
    memory = shared_memory.SharedMemory(ring.name)
    stride = struct.unpack_from("<I", memory.buf, 12)[0]
    memory.buf[64 + stride] = 1  # the next slot, half-written
    memory.close()
    newest = ring.newest()
    assert newest is not None
    assert newest.index == 1
    ring.write(picture(2))
    newest = ring.newest()
    assert newest is not None
    assert newest.index == 2


def test_a_frame_that_is_too_large_is_refused(ring: FrameRing) -> None:
    large = Frame(pixels=np.zeros((HEIGHT * 2, WIDTH, 3), np.uint8), index=0, t_s=0.0)
    with pytest.raises(WireError, match="64x96 px does not fit"):
        ring.write(large)


def test_the_memory_is_gone_after_the_owner_closed_it() -> None:
    ring = FrameRing.create(width_px=8, height_px=8)
    name = ring.name
    ring.close()
    with pytest.raises(FileNotFoundError):
        FrameRing.attach(name)


def test_memory_that_is_no_ring_is_refused() -> None:
    memory = shared_memory.SharedMemory(create=True, size=4096)
    try:
        with pytest.raises(WireError, match="expected a frame ring"):
            FrameRing.attach(memory.name)
    finally:
        memory.close()
        memory.unlink()


HOLD = """
import sys
from avserver.frame_ring import FrameRing
ring = FrameRing.create(width_px=8, height_px=8, name=sys.argv[1])
print("held", flush=True)
sys.stdin.read()
ring.close()
"""


@pytest.fixture
def name() -> Iterator[str]:
    name = f"test-{uuid.uuid4().hex[:12]}"
    yield name
    assert not Path("/dev/shm", name).exists()


@contextmanager
def held(name: str) -> Iterator[subprocess.Popen[bytes]]:
    """Have another process own the ring of that name."""
    command = [sys.executable, "-c", HOLD, name]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process


def test_a_name_has_one_ring_at_a_time(name: str) -> None:
    with held(name) as process:
        with pytest.raises(AddressInUse, match=f"'{name}' is in use by process {process.pid}; choose another name"):
            FrameRing.create(width_px=8, height_px=8, name=name)
        FrameRing.attach(name).close()  # and it is still there


def test_a_ring_of_a_killed_process_is_replaced(name: str) -> None:
    with held(name) as process:
        process.kill()
        # Not waited for: in a container without an init, dead processes stay in the table as zombies.
        while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.001)
        assert Path("/dev/shm", name).exists()
        ring = FrameRing.create(width_px=16, height_px=16, name=name)
        ring.close()


def test_a_later_process_with_the_id_of_the_dead_one_does_not_hold_its_ring(name: str) -> None:
    dead = FrameRing.create(width_px=8, height_px=8, name=name)
    path = Path("/dev/shm", name)
    header = bytearray(path.read_bytes())
    assert struct.unpack_from("<I", header, 24) == (os.getpid(),)
    struct.pack_into("<d", header, 32, psutil.Process().create_time() - 60)
    path.write_bytes(header)
    ring = FrameRing.create(width_px=8, height_px=8, name=name)
    dead._memory.close()
    ring.close()


@pytest.mark.parametrize("left", [b"", bytes(4096)])
def test_memory_whose_maker_was_killed_at_once_is_replaced(name: str, left: bytes) -> None:
    Path("/dev/shm", name).write_bytes(left)
    FrameRing.create(width_px=8, height_px=8, name=name).close()


def test_memory_of_something_else_is_not_replaced(name: str) -> None:
    path = Path("/dev/shm", name)
    path.write_bytes(b"words" * 100)
    with pytest.raises(ConfigError, match="exists and is not a frame ring; choose another"):
        FrameRing.create(width_px=8, height_px=8, name=name)
    assert path.read_bytes() == b"words" * 100
    path.unlink()


@pytest.mark.parametrize("bad", ["a/b", "..", "-a", "ä", "a" * 31, "a b"])
def test_names_that_cannot_be_are_refused(bad: str) -> None:
    with pytest.raises(ConfigError, match="shared memory cannot be called"):
        FrameRing.create(width_px=8, height_px=8, name=bad)


def test_too_little_room_is_told_and_nothing_is_left(name: str) -> None:
    with pytest.raises(OSError, match=r"no room for 20\d{5}\.\d MB of frames in /dev/shm, where .* MB are free"):
        FrameRing.create(width_px=8192, height_px=8192, slots=10_000, name=name)


def test_the_owner_is_gone_once_it_has_closed(name: str) -> None:
    ring = FrameRing.create(width_px=8, height_px=8, name=name)
    reader = FrameRing.attach(name)
    ring.close()
    assert struct.unpack_from("<I", reader._buffer, 24) == (0,)
    reader._memory.close()
