"""The callbacks for TouchDesigner, in a stand-in for it, against real outputs and a real server."""

import contextlib
import io
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import zmq
from PIL import Image
from touchdesigner_stand_in import CookLevel, ScriptChop, ScriptTop, touchdesigner

from avserver.frame import Flags, Frame, FrameHeader
from avserver.outputs.zeromq import ZeroMqOutput
from avserver.server_process import ServerProcess

FOLDER = Path(__file__).parents[2] / "clients" / "touchdesigner"
TOP, CHOP = FOLDER / "script_top_callbacks.py", FOLDER / "script_chop_callbacks.py"
KNOBS = FOLDER / "script_knobs_callbacks.py"


@pytest.fixture(autouse=True)
def td() -> Iterator[object]:
    with touchdesigner() as td:
        yield td


@pytest.fixture
def top() -> Iterator[ScriptTop]:
    top = ScriptTop(TOP)
    top.setup()
    yield top
    top.par.Active.val = False
    top.cook()
    _until(lambda: not any(thread.name == "avserver frames" for thread in threading.enumerate()))


def _until(is_true: Callable[[], bool], timeout_s: float = 30.0) -> None:
    end_s = time.monotonic() + timeout_s
    while not is_true():
        assert time.monotonic() < end_s, "in vain"
        time.sleep(0.005)


def cook_until(top: ScriptTop, is_true: Callable[[], bool]) -> None:
    def cooked() -> bool:
        top.cook()
        return is_true()

    _until(cooked)


def pixels(index: int, width: int = 16, height: int = 12) -> np.ndarray:
    rows = np.random.default_rng(index).integers(0, 256, (height, width, 3), np.uint8)
    rows[0] = (255, 0, 0)  # the top row is red
    return rows


def frame(index: int, width: int = 16, height: int = 12) -> Frame:
    return Frame(pixels=pixels(index, width, height), index=index, t_s=index / 50, audio_ns=7, flags=Flags.REPEATED)


def as_shown(image: np.ndarray) -> np.ndarray:
    """Return an RGB image as a texture: the bottom row first, opaque."""
    return np.dstack([image, np.full(image.shape[:2], 255, np.uint8)])[::-1]


@contextlib.contextmanager
def publishing(make: Callable[[int], Frame], address: str = "tcp://127.0.0.1:*") -> Iterator[str]:
    """Publish fifty frames a second."""
    stopped = threading.Event()
    with ZeroMqOutput(address) as output:

        def run() -> None:
            index = 0
            while not stopped.wait(0.02):
                output.send(make(index))
                index += 1

        thread = threading.Thread(target=run)
        thread.start()
        yield output.address
        stopped.set()
        thread.join()


def test_the_frame_is_shown_right_side_up(top, td):
    with publishing(frame) as address:
        top.par.Address.val = address
        cook_until(top, lambda: top.copies >= 3)
        shown = top.module.info(top)
    np.testing.assert_array_equal(top.texture, as_shown(pixels(shown["index"])))
    np.testing.assert_array_equal(top.texture[-1], [[255, 0, 0, 255]] * 16)
    assert (top.errors, top.warnings) == ([], [])
    assert td.absTime.reads > 3
    assert top.module.onGetCookLevel(top) is CookLevel.WHEN_USED


def test_a_cook_without_news_copies_nothing_and_keeps_the_picture(top):
    with publishing(frame) as address:
        top.par.Address.val = address
        cook_until(top, lambda: top.copies > 0)
    time.sleep(0.1)
    top.cook()
    copies, picture = top.copies, top.texture
    for _ in range(100):
        top.cook()
    assert (top.copies, top.texture is picture) == (copies, True)


def test_only_the_newest_frame_is_shown_and_sizes_may_change(top):
    made = [0]

    def growing(index: int) -> Frame:
        made[0] = index
        return frame(index, *((16, 12) if index < 40 else (40, 20)))

    with publishing(growing) as address:
        top.par.Address.val = address
        cook_until(top, lambda: top.copies > 0)
        _until(lambda: made[0] >= 30)
        copies = top.copies
        cook_until(top, lambda: top.copies == copies + 1)
        assert top.module.info(top)["index"] >= 20
        cook_until(top, lambda: top.texture.shape == (20, 40, 4))


def test_it_finds_a_server_that_comes_again_and_says_when_none_is_there(top, monkeypatch):
    top.module.QUIET_S = 0.3
    with publishing(frame) as address:
        top.par.Address.val = address
        cook_until(top, lambda: top.copies > 0)
    cook_until(top, lambda: bool(top.warnings))
    assert top.warnings[0].startswith(f"no frame from {address} for ")
    assert top.module.info(top)["connected"] == 0
    copies = top.copies
    with publishing(frame, address):
        cook_until(top, lambda: top.copies > copies)
        assert (top.warnings, top.module.info(top)["connected"]) == ([], 1)


def test_reconnect_and_active_and_another_address(top):
    with publishing(frame) as address, publishing(lambda index: frame(index, 20, 10)) as other:
        top.par.Address.val = address
        cook_until(top, lambda: top.copies > 0)
        top.pulse("Reconnect")
        assert top.module.info(top)["width"] == 0
        cook_until(top, lambda: top.module.info(top)["width"] == 16)
        top.par.Address.val = other
        cook_until(top, lambda: top.texture.shape == (10, 20, 4))
        top.par.Active.val = False
        top.cook()
        copies = top.copies
        time.sleep(0.1)
        top.cook()
        assert top.copies == copies


def test_a_top_that_nobody_looks_at_receives_nothing(top):
    top.module.IDLE_S = 0.2
    with publishing(frame) as address:
        top.par.Address.val = address
        cook_until(top, lambda: top.copies > 0)
        _until(lambda: not any(thread.name == "avserver frames" for thread in threading.enumerate()))
        copies = top.copies
        cook_until(top, lambda: top.copies > copies + 1)


def test_what_cannot_be_is_an_error_on_the_operator(top, tmp_path):
    top.par.Address.val = "tcp:/127.0.0.1"
    cook_until(top, lambda: bool(top.errors))
    assert "tcp:/127.0.0.1: Invalid argument" in top.errors[0]
    top.par.Address.val = "tcp://127.0.0.1:9"
    top.par.Keys.val = str(tmp_path / "none.client.json")
    cook_until(top, lambda: "No such file" in "".join(top.errors))
    top.par.Keys.val = ""
    top.module.zmq = None
    top.pulse("Reconnect")
    cook_until(top, lambda: "pyzmq is not there" in "".join(top.errors))


def message(pixel_format: str, payload: bytes, row_bytes: int, width: int = 16, height: int = 12) -> bytes:
    header = FrameHeader(
        width_px=width,
        height_px=height,
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


@pytest.mark.parametrize("has_opencv", [True, False])
def test_every_pixel_format(top, has_opencv):
    module = top.module
    if not has_opencv:
        module.cv2 = None
    image = pixels(3)
    rgba = np.dstack([image, np.arange(192, dtype=np.uint8).reshape(12, 16)])
    picture = np.zeros((12, 16, 4), np.uint8)
    module.to_rgba(*module._parse(message("RGBA", rgba.tobytes(), 64)), picture)
    np.testing.assert_array_equal(picture, rgba[::-1])
    module.to_rgba(*module._parse(message("BGRA", rgba[..., [2, 1, 0, 3]].tobytes(), 64)), picture)
    np.testing.assert_array_equal(picture, rgba[::-1])
    padded = np.zeros((12, 64), np.uint8)
    padded[:, :48] = image.reshape(12, 48)
    module.to_rgba(*module._parse(message("RGB8", padded.tobytes(), 64)), picture)
    np.testing.assert_array_equal(picture, as_shown(image))
    file = io.BytesIO()
    Image.fromarray(np.repeat(np.repeat(pixels(3, 2, 3), 4, 0), 8, 1)).save(file, "JPEG", quality=95, subsampling=0)
    jpeg = module._parse(message("JPEG", file.getvalue(), 0))
    if has_opencv:
        module.to_rgba(*jpeg, picture)
        expected = as_shown(np.asarray(Image.open(file)))
        assert np.abs(picture.astype(int) - expected).max() < 4
    else:
        with pytest.raises(ValueError, match="need OpenCV"):
            module.to_rgba(*jpeg, picture)


@pytest.mark.parametrize(
    "wrong",
    [
        b"AVSF",
        message("RGB8", bytes(10), 48),
        message("RGB8", bytes(576), 48)[:-1],
        message("UYVY", bytes(384), 32),
        message("JPEG", b"no jpeg", 0),
        message("RGB8", bytes(12 * 16), 16),
    ],
)
def test_what_is_no_frame_is_said_and_the_next_one_is_shown(top, wrong):
    context = zmq.Context()
    with context.socket(zmq.PUB) as socket:
        port = socket.bind_to_random_port("tcp://127.0.0.1")
        top.par.Address.val = f"tcp://127.0.0.1:{port}"

        def sent(data: bytes, is_true: Callable[[], bool]) -> bool:
            socket.send(data)
            top.cook()
            return is_true()

        # ZeroMQ itself keeps back what does not begin as a frame does.
        _until(lambda: sent(wrong, lambda: bool(top.errors)))
        _until(lambda: sent(message("RGB8", bytes(576), 48), lambda: not top.errors and top.copies > 0))
    context.term()


def test_frames_of_a_server_with_keys(top, tmp_path):
    (public, secret), (client_public, client_secret) = zmq.curve_keypair(), zmq.curve_keypair()
    path = tmp_path / "stage.client.json"
    keys = {"server": public.decode(), "public": client_public.decode(), "secret": client_secret.decode()}
    path.write_text(json.dumps(keys), encoding="ascii")
    top.module.QUIET_S = 0.3
    context = zmq.Context()
    with context.socket(zmq.PUB) as socket:
        socket.curve_server, socket.curve_secretkey = True, secret
        port = socket.bind_to_random_port("tcp://127.0.0.1")
        top.par.Address.val = f"tcp://127.0.0.1:{port}"

        def sent(is_true: Callable[[], bool]) -> bool:
            socket.send(message("RGB8", bytes(576), 48))
            top.cook()
            return is_true()

        _until(lambda: sent(lambda: bool(top.warnings)))
        assert top.copies == 0
        top.par.Keys.val = str(path)
        _until(lambda: sent(lambda: top.copies > 0))
    context.term()


_WRITER = """
import sys, time
import numpy as np
from avserver.frame import Flags, Frame
from avserver.frame_ring import FrameRing
ring = FrameRing.create(width_px=16, height_px=12)
print(ring.name, flush=True)
index = 0
while True:
    pixels = np.full((12, 16, 3), index % 200, np.uint8)
    pixels[0] = (255, 0, 0)
    ring.write(Frame(pixels=pixels, index=index, t_s=0.0, audio_ns=0, flags=Flags.NONE))
    index += 1
    time.sleep(0.005)
    if select.select([sys.stdin], [], [], 0)[0]:
        break
ring.close()
"""


def test_shared_memory_is_the_other_way_and_stays_when_the_reader_goes(top):
    with subprocess.Popen(
        [sys.executable, "-c", "import select\n" + _WRITER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as writer:
        assert writer.stdout is not None
        name = writer.stdout.readline().strip()
        top.par.Memory.val = name
        cook_until(top, lambda: top.copies > 20)
        index = top.module.info(top)["index"]
        assert (top.texture[-1] == (255, 0, 0, 255)).all()
        assert (top.texture[:-1, :, :3] == index % 200).all()
        assert (top.errors, top.warnings) == ([], [])
        top.pulse("Reconnect")
        copies = top.copies
        cook_until(top, lambda: top.copies > copies + 5)
        assert Path("/dev/shm", name).exists()
        writer.communicate("end")
    assert not Path("/dev/shm", name).exists()


def test_shared_memory_that_is_not_there_or_not_ours(top):
    top.module.QUIET_S = 0.2
    top.par.Memory.val = "avserver-nobody"
    cook_until(top, lambda: bool(top.warnings))
    assert top.warnings[0].startswith("no frame from avserver-nobody for ")
    name = "avserver-test-other"
    Path("/dev/shm", name).write_bytes(b"something else" + bytes(100))
    try:
        top.par.Memory.val = name
        cook_until(top, lambda: bool(top.errors))
        assert "holds no frames of avserver" in top.errors[0]
    finally:
        Path("/dev/shm", name).unlink()


def test_the_channels(top):
    chop = ScriptChop(CHOP)
    chop.setup()
    chop.cook()
    assert chop.warnings == ["name the Script TOP that shows the frames"]
    chop.par.Top.val = top
    chop.cook()
    assert chop.channels["connected"] == [0]
    with publishing(frame) as address:
        top.par.Address.val = address
        cook_until(top, lambda: top.copies >= 20)
        chop.cook()
    assert set(chop.channels) == {"width", "height", "fps", "latency_ms", "index", "flags", "connected"}
    values = {name: value for name, (value,) in chop.channels.items()}
    assert (values["width"], values["height"], values["flags"], values["connected"]) == (16, 12, 1, 1)
    assert 0 < values["fps"] < 500
    assert 0 < values["latency_ms"] < 10_000
    assert values["index"] >= 19


def test_a_real_server(top, tiny_model, tmp_path):
    arguments = ["--model", str(tiny_model), "--size", "64x32", "--audio", "demo"]
    with ServerProcess(arguments, log=tmp_path / "log") as server:
        server.wait_until("playing")
        top.par.Address.val = server.zeromq
        cook_until(top, lambda: top.copies >= 10 and top.texture.std() > 1)
        assert top.texture.shape == (32, 64, 4)
        assert (top.texture[..., 3] == 255).all()
        server.osc.send("/output/blackout", 1)
        cook_until(top, lambda: bool(top.module.info(top)["flags"] & Flags.BLACKOUT))
        assert (top.errors, top.texture[..., :3].max()) == ([], 0)


def test_every_parameter_of_a_server_is_a_knob_and_its_channel_turns_it(tiny_model, tmp_path):
    arguments = ["--model", str(tiny_model), "--audio", "none"]
    knobs = ScriptChop(KNOBS)
    knobs.module.PATIENCE_S = 60.0
    knobs.setup()
    knobs.cook()
    assert knobs.warnings == ["press Read while avserver is running"]
    with ServerProcess(arguments, log=tmp_path / "log", oscquery=True) as server:
        server.wait_for_osc()
        server.osc.send("/noise/strength", 0.75)
        assert server.osc.ask("/sync", 1, answer="/synced", timeout_s=20.0) == [1]
        knobs.par.Server.val = f"http://127.0.0.1:{server.oscquery}/"
        end_s = time.monotonic() + 20.0
        knobs.pulse("Read")
        # What OSCQuery tells is a tick old.
        while knobs.channels.get("avserver/noise/strength") != [0.75] and time.monotonic() < end_s:
            knobs.pulse("Read")
            knobs.cook()
        assert (knobs.errors, knobs.warnings) == ([], [])
        listed = subprocess.run(
            [sys.executable, "-m", "avserver", "params", "--json"], capture_output=True, text=True, check=True
        )
        table = {param["address"]: param for param in json.loads(listed.stdout)}
        seeds = {address for address, param in table.items() if param["kind"] == "int" and param["maximum"] >= 2**31}
        missing = {address for address in table if f"avserver{address}" not in knobs.channels}
        assert missing == seeds
        assert knobs.channels["avserver/noise/strength"] == [0.75]
        assert knobs.channels["avserver/panic"] == [0.0]
        by_label = {par.label: par for par in knobs.customPars}
        by_label["/noise/strength"].val = 99.0
        by_label["/output/blackout"].val = True
        source = by_label["/tempo/source"]
        source.val = source.menuNames[-1]
        knobs.cook()
        for address in ("/noise/strength", "/output/blackout", "/tempo/source"):  # as an OSC Out CHOP does
            server.osc.send(address, float(knobs.channels[f"avserver{address}"][0]))
        addresses = ("/noise/strength", "/output/blackout", "/tempo/source")
        values = [server.osc.ask(address, timeout_s=20.0) for address in addresses]
        assert values == [[table["/noise/strength"]["maximum"]], [1], [len(table["/tempo/source"]["choices"]) - 1]]
