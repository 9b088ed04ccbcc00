"""Frames through named shared memory, to real processes that read with the client's file as a user's copy would."""

import importlib.util
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from avserver.errors import AddressInUse, ConfigError
from avserver.frame import Flags, Frame
from avserver.outputs.catalogue import Stage, make_output
from avserver.outputs.settings import SharedMemorySettings
from avserver.outputs.shared_memory import SharedMemoryOutput
from avserver.shape import Shape

FOLDER = Path(__file__).parents[2] / "clients" / "python"
SHAPE = Shape(16, 12)

# Ctrl-C ends these, also where the tests were started in the background, with it turned off.
ENDED_BY_CTRL_C = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
"""

WRITER = (
    ENDED_BY_CTRL_C
    + """
import sys, time, numpy as np
from avserver.frame import Frame
from avserver.shape import Shape
from avserver.outputs.shared_memory import SharedMemoryOutput
name, grey, width = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
with SharedMemoryOutput(name, shape=Shape(width, 12)) as output:
    for index in range(100_000):
        output.send(Frame(pixels=np.full((12, width, 3), grey, np.uint8), index=index, t_s=0.0))
        time.sleep(0.005)
"""
)

# Writes as fast as it can, each frame in one grey.
RACER = """
import sys, time, numpy as np
from avserver.frame import Frame
from avserver.frame_ring import FrameRing
ring = FrameRing.create(width_px=64, height_px=48, name=sys.argv[1])
end_s = time.monotonic() + 0.5
index = 0
while time.monotonic() < end_s:
    ring.write(Frame(pixels=np.full((48, 64, 3), index % 251, np.uint8), index=index, t_s=0.0))
    index += 1
ring.close()
"""

# Prints what changes in what it sees, until it is ended.
READER = (
    ENDED_BY_CTRL_C
    + """
import sys
sys.path.insert(0, sys.argv[2])
from shared_frames import SharedFrames
with SharedFrames(sys.argv[1]) as frames:
    last = None
    for header, image in frames:
        assert image.min() == image.max()
        if (now := (image.shape, int(image[0, 0, 0]))) != last:
            print(now, flush=True)
        last = now
"""
)


@pytest.fixture(scope="module")
def client() -> ModuleType:
    spec = importlib.util.spec_from_file_location("shared_frames", FOLDER / "shared_frames.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def name() -> Iterator[str]:
    name = f"test-{uuid.uuid4().hex[:12]}"
    yield name
    assert not Path("/dev/shm", name).exists()


def frame(index: int) -> Frame:
    pixels = np.full((12, 16, 3), index % 256, np.uint8)
    pixels[0, 0] = (1, 2, 3)
    return Frame(pixels=pixels, index=index, t_s=index / 100, audio_ns=7, flags=Flags.BLACKOUT)


@contextmanager
def started(code: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code, *arguments], **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


def said(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def send_and_wait(output: SharedMemoryOutput, index: int) -> None:
    before = output.sent
    output.send(frame(index))
    end_s = time.monotonic() + 10
    while output.sent == before:
        assert time.monotonic() < end_s, output.status()
        time.sleep(0.001)


@pytest.mark.parametrize(
    ("pixel_format", "first"), [("RGB8", [1, 2, 3]), ("RGBA", [1, 2, 3, 255]), ("BGRA", [1, 2, 3, 255])]
)
def test_a_frame_arrives_whole(client: ModuleType, name: str, pixel_format: str, first: list[int]) -> None:
    before_ns = time.time_ns()
    with (
        SharedMemoryOutput(name, pixel_format, shape=SHAPE) as output,
        client.SharedFrames(name, timeout_s=5) as frames,
    ):
        assert output.where == f"shared memory {name} ({pixel_format}, 16x12 px)"
        for index in (8, 9):
            send_and_wait(output, index)
        header, image = frames.read()
        assert (header.width_px, header.height_px, header.pixel_format) == (16, 12, pixel_format.encode())
        assert (header.index, header.t_s, header.audio_ns, header.flags) == (9, 0.09, 7, client.BLACKOUT)
        assert (header.row_bytes, header.size_bytes) == (16 * len(first), 16 * 12 * len(first))
        assert before_ns < header.published_ns < time.time_ns()
        assert image[0, 0].tolist() == first
        np.testing.assert_array_equal(image[..., :3], frame(9).pixels)
        assert frames.poll() is None  # once only
        frames._look_again_s = 0.0
        assert frames.poll() is None  # nor after it has looked the name up again
        send_and_wait(output, 10)
        assert frames.read()[0].index == 10


def test_pictures_of_another_size_are_made_to_fit(client: ModuleType, name: str) -> None:
    output = make_output(SharedMemorySettings(memory=name), "shared", Stage(30.0, 32, 24))
    with output, client.SharedFrames(name, timeout_s=5) as frames:
        output.send(frame(1))
        assert frames.read()[1].shape == (24, 32, 3)


def test_readers_come_and_go_and_writers_too(name: str) -> None:
    """Two readers before there is a server; it is killed, another comes, readers are killed and ended."""
    with started(READER, name, str(FOLDER)) as first, started(READER, name, str(FOLDER)) as second:
        with started(WRITER, name, "10", "16") as writer:
            assert said(first) == said(second) == b"((12, 16, 3), 10)"
            writer.kill()
        with started(WRITER, name, "20", "24") as writer:
            assert said(first) == said(second) == b"((12, 24, 3), 20)"
            first.kill()
            second.send_signal(signal.SIGINT)
            _, error = second.communicate(timeout=10)
            assert b"KeyboardInterrupt" in error
            assert b"leaked" not in error
            with started(READER, name, str(FOLDER)) as third:  # neither took the memory away
                assert said(third) == b"((12, 24, 3), 20)"
            writer.send_signal(signal.SIGINT)
            _, error = writer.communicate(timeout=10)
            assert b"leaked" not in error
            assert b"KeyError" not in error
    assert not Path("/dev/shm", name).exists()


def test_a_frame_is_never_torn(client: ModuleType, name: str) -> None:
    with started(RACER, name) as racer, client.SharedFrames(name) as frames:
        seen = []
        while racer.poll() is None:
            if (found := frames.poll()) is not None:
                header, image = found
                assert (image == header.index % 251).all()
                seen.append(header.index)
    assert racer.returncode == 0
    assert len(seen) > 3
    assert seen == sorted(seen)


def test_a_reader_goes_on_with_the_next_output(client: ModuleType, name: str) -> None:
    with client.SharedFrames(name, timeout_s=5) as frames:
        for index in (1, 1, 2):
            with SharedMemoryOutput(name, shape=SHAPE) as output:
                send_and_wait(output, index)
                assert frames.read()[0].index == index


def test_a_reader_tells_what_is_missing(client: ModuleType, name: str) -> None:
    nothing = pytest.raises(TimeoutError, match=f"there is no shared memory '{name}' after 0.01 s")
    with client.SharedFrames(name, timeout_s=0.01) as frames, nothing:
        frames.read()
    silent = pytest.raises(TimeoutError, match=f"no new frame in shared memory '{name}'")
    with SharedMemoryOutput(name, shape=SHAPE), client.SharedFrames(name, timeout_s=0.01) as frames, silent:
        frames.read()
    path = Path("/dev/shm", name)
    path.write_bytes(b"words" * 100)
    with client.SharedFrames(name) as frames, pytest.raises(ValueError, match="expected a ring of frames"):
        frames.read()
    path.unlink()


def test_a_name_in_use_ends_the_start(name: str) -> None:
    with SharedMemoryOutput(name, shape=SHAPE):
        again = SharedMemoryOutput(name, shape=SHAPE)
        with pytest.raises(AddressInUse, match=f"is in use by process {os.getpid()}"):
            again.open()
        again.close()


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(ConfigError, match="format of a shared_memory output is one of RGB8, RGBA, BGRA, got 'JPEG'"):
        SharedMemorySettings(format="JPEG")
    with pytest.raises(ConfigError, match="fit of an output"):
        SharedMemorySettings(fit="squeeze")
    with pytest.raises(ConfigError, match="cannot be called 'a/b'"):
        make_output(SharedMemorySettings(memory="a/b"), "shared", Stage(30.0, 32, 24))
