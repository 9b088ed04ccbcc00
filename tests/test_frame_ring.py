"""The ring between two real processes."""

import multiprocessing
import struct
from multiprocessing import shared_memory

import numpy as np
import pytest

from avserver.errors import WireError
from avserver.frame import Frame
from avserver.frame_ring import FrameRing

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
