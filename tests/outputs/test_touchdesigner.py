"""TouchDesigner's shared memory: its bytes, read by a parser of its own, and what the output does with the memory.

The memory itself exists on Windows only; a stand-in takes its place. TouchDesigner was not at hand.
"""

import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from avserver.frame import Frame
from avserver.outputs.output import OutputState
from avserver.outputs.touchdesigner import TouchDesignerOutput, write
from avserver.shape import Shape


def parse(memory: bytes) -> np.ndarray:
    """Return the picture (h, w, 4), RGBA, top row first, reading each field at the offset that is published."""

    def field(layout: str, at: int) -> float:
        return struct.unpack_from("<" + layout, memory, at)[0]

    assert memory[0:4] == bytes([0x35, 0xF8, 0x5E, 0xD9])
    assert field("i", 4) == 1
    width, height = field("i", 8), field("i", 12)
    assert field("f", 16) / field("f", 20) == pytest.approx(width / height)
    assert field("I", 24) == 37  # RGBA, 8 bits each
    size, offset = field("q", 32), field("i", 40)
    assert (size, offset) == (width * height * 4, 48)
    assert memory[28:32] == memory[44:48] == bytes(4)
    return np.frombuffer(memory, np.uint8, size, offset).reshape(height, width, 4)[::-1]


def picture() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (3, 5, 3), np.uint8)


def test_the_bytes_are_those_of_the_published_fields() -> None:
    memory = bytearray(b"\xee" * (48 + 3 * 5 * 4 + 7))
    write(memoryview(memory), picture())
    got = parse(bytes(memory))
    np.testing.assert_array_equal(got[..., :3], picture())
    assert (got[..., 3] == 255).all()
    assert memory[-7:] == b"\xee" * 7


class FakeMemory:
    """Counts what is done with it."""

    def __init__(self, name: str, size: int) -> None:
        self.name, self.bytes = name, bytearray(size)
        self.is_locked = self.is_closed = False
        self.trouble: OSError | None = None

    @contextmanager
    def locked(self) -> Iterator[memoryview]:
        if self.trouble:
            raise self.trouble
        assert not self.is_locked
        assert not self.is_closed
        self.is_locked = True
        yield memoryview(self.bytes)
        self.is_locked = False

    def close(self) -> None:
        assert not self.is_locked
        self.is_closed = True


def send(output: TouchDesignerOutput) -> None:
    before = output.sent + output.failed
    output.send(Frame(pixels=picture(), index=0, t_s=0.0))
    end_s = time.monotonic() + 10
    while output.sent + output.failed == before:
        assert time.monotonic() < end_s
        time.sleep(0.001)


def test_frames_go_to_the_memory_and_the_mutex_comes_first() -> None:
    made: list[FakeMemory] = []

    def make(name: str, size: int) -> FakeMemory:
        made.append(FakeMemory(name, size))
        return made[-1]

    output = TouchDesignerOutput("stage", shape=Shape(10, 6, "fill"), open_memory=make)
    assert output.where == "TouchDesigner, Shared Mem In TOP, name stage"
    with output:
        send(output)
        first = made[0]
        assert (first.name, len(first.bytes)) == ("TouchSHMstage", 48 + 10 * 6 * 4)
        assert parse(bytes(first.bytes)).shape == (6, 10, 4)
        first.trouble = TimeoutError("TouchSHMstageMutex was held by another program for 1000 ms")
        send(output)
        assert output.state is OutputState.FAILING
        assert output.error == str(first.trouble)
        assert first.is_closed
        while len(made) == 1:
            send(output)
        assert output.sent >= 1
    assert made[-1].is_closed
