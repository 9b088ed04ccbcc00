"""The Python client against real outputs and a real OSC server; the file is imported as a user's copy would be."""

import importlib.util
import io
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from avserver.control.desk import Desk
from avserver.control.events import EventQueue
from avserver.control.fixed_params import FIXED
from avserver.control.osc import OscServer
from avserver.control.params import ParamTable
from avserver.frame import Flags, Frame, FrameHeader
from avserver.outputs.keys import read_server_keys, write_new_keys
from avserver.outputs.zeromq import ZeroMqOutput

FOLDER = Path(__file__).parents[2] / "clients" / "python"


@pytest.fixture(scope="module")
def client() -> ModuleType:
    spec = importlib.util.spec_from_file_location("avserver_client", FOLDER / "avserver_client.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def frame(index: int) -> Frame:
    pixels = np.full((12, 16, 3), index % 256, np.uint8)
    pixels[0, 0] = (1, 2, 3)
    return Frame(pixels=pixels, index=index, t_s=index / 100, audio_ns=7, flags=Flags.REPEATED)


class Repeater:
    """Calls something over and over in a thread."""

    def __init__(self, call: Callable[[int], object]) -> None:
        self._call = call
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        index = 0
        while not self._stopped.wait(0.01):
            self._call(index)
            index += 1

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()


@pytest.fixture
def address() -> Iterator[str]:
    """Where frames are published, a hundred a second."""
    with ZeroMqOutput("tcp://127.0.0.1:*") as output:
        repeater = Repeater(lambda index: output.send(frame(index)))
        yield output.address
        repeater.stop()


def test_it_stands_alone() -> None:
    for path in FOLDER.glob("*.py"):
        text = path.read_text()
        assert "import avserver\n" not in text
        assert "from avserver " not in text
        assert "from avserver." not in text


def test_frames_come_whole(client: ModuleType, address: str) -> None:
    with client.Frames(address, timeout_s=5) as frames:
        header, image = frames.read()
    assert (header.width_px, header.height_px, header.pixel_format) == (16, 12, b"RGB8")
    assert (header.audio_ns, header.flags) == (7, client.REPEATED)
    assert header.t_s == pytest.approx(header.index / 100)
    np.testing.assert_array_equal(image, frame(header.index).pixels)


def test_a_slow_reader_gets_the_newest(client: ModuleType, address: str) -> None:
    with client.Frames(address, timeout_s=5) as frames:
        indices = []
        for header, _ in frames:
            age_s = (time.time_ns() - header.published_ns) / 1e9
            indices.append(header.index)
            if len(indices) > 1:
                assert age_s < 0.25  # younger than the nap
            if len(indices) == 4:
                break
            time.sleep(0.3)
    assert all(step > 10 for step in np.diff(indices))


def test_nobody_there_is_a_timeout(client: ModuleType) -> None:
    expected = pytest.raises(TimeoutError, match=r"no frame from tcp://127\.0\.0\.1:9 in 0\.1 s")
    with client.Frames("tcp://127.0.0.1:9", timeout_s=0.1) as frames, expected:
        frames.read()


def message(pixel_format: str, payload: bytes, width_px: int, height_px: int, row_bytes: int) -> bytes:
    header = FrameHeader(
        width_px=width_px,
        height_px=height_px,
        pixel_format=pixel_format,
        row_bytes=row_bytes,
        index=1,
        t_s=0.0,
        published_ns=0,
        audio_ns=0,
        flags=Flags.NONE,
        size_bytes=len(payload),
    )
    return header.pack() + payload


@pytest.mark.parametrize("decoder", ["simplejpeg", "Pillow"])
def test_every_pixel_format_is_read(client: ModuleType, monkeypatch: pytest.MonkeyPatch, decoder: str) -> None:
    if decoder == "Pillow":
        monkeypatch.setitem(sys.modules, "simplejpeg", None)
    rgba = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
    _, image = client.decode(message("RGBA", rgba.tobytes(), 3, 2, 12))
    np.testing.assert_array_equal(image, rgba)
    _, image = client.decode(message("BGRA", rgba[..., [2, 1, 0, 3]].tobytes(), 3, 2, 12))
    np.testing.assert_array_equal(image, rgba)
    padded = np.zeros((2, 16), np.uint8)
    padded[:, :9] = rgba[..., :3].reshape(2, 9)
    _, image = client.decode(message("RGB8", padded.tobytes(), 3, 2, 16))
    np.testing.assert_array_equal(image, rgba[..., :3])
    file = io.BytesIO()
    Image.new("RGB", (8, 4), (200, 10, 10)).save(file, "JPEG")
    _, image = client.decode(message("JPEG", file.getvalue(), 8, 4, 0))
    assert image.shape == (4, 8, 3)
    assert abs(int(image[0, 0, 0]) - 200) < 10


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"AVSF",
        b"XXXX" + bytes(100),
        message("RGB8", bytes(10), 4, 4, 12),
        message("RGB8", bytes(48), 4, 4, 12)[:-1],
        message("RGB8", bytes(48), 4, 4, 12) + b"x",
        message("RGB8", bytes(16), 4, 4, 4),
        message("UYVY", bytes(32), 4, 4, 8),
        message("JPEG", bytes(100), 4, 4, 0),
    ],
)
def test_what_is_not_a_frame_is_refused(client: ModuleType, wrong: bytes) -> None:
    with pytest.raises(ValueError, match=r"expected|rows of|unknown"):
        client.decode(wrong)


def test_osc_turns_and_asks(client: ModuleType) -> None:
    queue = EventQueue()
    desk = Desk(ParamTable(FIXED), lambda: {"fps": 30.0, "worker": "playing", "frames": 2**40})
    server = OscServer("127.0.0.1", 0, queue)
    repeater = Repeater(lambda _: desk.apply(queue.drain(time.time())))
    try:
        with client.Osc(*server.address) as osc:
            osc.send("/noise/strength", 0.25)
            assert osc.ask("/noise/strength") == [0.25]
            osc.send("/segment/select", 7)
            assert osc.ask("/segment/select") == [7]
            assert osc.ask("/status") == ["fps", 30.0, "worker", "playing", "frames", 2**40]
            with pytest.raises(ValueError, match="did you mean '/noise/speed'"):
                osc.ask("/noise/sped")
    finally:
        repeater.stop()
        server.close()
    with client.Osc("127.0.0.1", server.address[1]) as osc, pytest.raises(OSError, match=r"timed out|refused"):
        osc.ask("/noise/strength", timeout_s=0.2)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(FOLDER / "save_frames.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_frames_are_saved(address: str, tmp_path: Path) -> None:
    done = run("--address", address, "--count", "3", "--folder", str(tmp_path / "new"))
    assert done.returncode == 0, done.stderr
    paths = [Path(line) for line in done.stdout.splitlines()]
    assert sorted(paths) == sorted((tmp_path / "new").iterdir())
    assert len(paths) == 3
    for path in paths:
        index = int(path.stem.removeprefix("frame_"))
        np.testing.assert_array_equal(np.asarray(Image.open(path)), frame(index).pixels)


def test_saving_says_when_nobody_is_there() -> None:
    done = run("--address", "tcp://127.0.0.1:9", "--timeout", "0.2")
    assert done.returncode == 1
    assert done.stderr == "no frame from tcp://127.0.0.1:9 in 0.2 s: is avserver running?\n"


def test_keys_open_what_is_encrypted(client: ModuleType, tmp_path: Path) -> None:
    files = write_new_keys("wall", tmp_path / "right")
    wrong = write_new_keys("wall", tmp_path / "wrong")
    with ZeroMqOutput("tcp://127.0.0.1:*", keys=read_server_keys(files.server), pixel_format="JPEG") as output:
        repeater = Repeater(lambda index: output.send(frame(index)))
        try:
            with client.Frames(output.address, timeout_s=5, keys=files.client) as frames:
                header, image = frames.read()
            assert (header.pixel_format, image.shape) == (b"JPEG", (12, 16, 3))
            with client.Frames(output.address, timeout_s=0.5, keys=wrong.client) as frames, pytest.raises(TimeoutError):
                frames.read()
        finally:
            repeater.stop()
