"""The camera client: films whose motion is known, a stream that goes and comes back, and a real server that hears."""

import importlib.util
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType, SimpleNamespace

import av
import cv2
import numpy as np
import pytest
from stepped_show import Listener, SteppedShow

from avserver.bundled import mapping_path
from avserver.control.osc_packet import decode
from avserver.server_process import ServerProcess

FILE = Path(__file__).parents[2] / "clients" / "camera" / "camera.py"
FPS = 30
WIDTH, HEIGHT = 320, 240
SIDE = 60
TEXTURE = cv2.GaussianBlur(np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, 3), np.uint8), (9, 9), 0)
TEXTURE = cv2.normalize(TEXTURE, None, 0, 255, cv2.NORM_MINMAX)

Place = Callable[[int], tuple[int, int]]


@pytest.fixture(scope="module")
def camera() -> ModuleType:
    spec = importlib.util.spec_from_file_location("avserver_camera", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def picture(x: int, y: int, light: int = 60) -> np.ndarray:
    """A room in grey, and somebody whose upper left corner is there."""
    image = np.full((HEIGHT, WIDTH, 3), light, np.uint8)
    image[y : y + SIDE, x : x + SIDE] = TEXTURE
    return image


def film(path: Path, place: Place, count: int) -> str:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=FPS, width=WIDTH, height=HEIGHT, pix_fmt="yuv420p")
        stream.bit_rate = 8_000_000
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(picture(*place(number)), format="bgr24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return str(path)


# Each with where it goes in a second (widths; right and up), and where it is on the way (share, from below).
WAYS = {
    "right": (lambda i: (20 + 4 * i, 90), (4 * FPS / WIDTH, 0.0)),
    "left": (lambda i: (240 - 6 * i, 20), (-6 * FPS / WIDTH, 0.0)),
    "up": (lambda i: (200, 150 - 4 * i), (0.0, 4 * FPS / WIDTH)),
    "down and right": (lambda i: (20 + 3 * i, 20 + 3 * i), (3 * FPS / WIDTH, -3 * FPS / WIDTH)),
}


@pytest.mark.parametrize("way", WAYS)
def test_motion_has_its_direction_speed_centre_and_amount(camera, tmp_path, way):
    place, velocity = WAYS[way]
    source = film(tmp_path / "film.mp4", place, 30)
    motion = camera.Motion()
    capture = cv2.VideoCapture(source)
    movements = []
    for number in range(30):
        there, image = capture.read()
        assert there
        movements.append(motion.update(image, number / FPS))
    assert movements[0] == camera.Movement()
    for number in (5, 10, 15, 20, 25):
        x, y = place(number)
        assert movements[number].centre[0] == pytest.approx((x + SIDE / 2) / WIDTH, abs=0.04)
        assert movements[number].centre[1] == pytest.approx(1 - (y + SIDE / 2) / HEIGHT, abs=0.04)
        share = SIDE * SIDE / (WIDTH * HEIGHT)
        assert 0.3 * share < movements[number].amount < 1.5 * share
    speed = np.hypot(*velocity)
    direction = np.mean([movement.direction for movement in movements[1:]], axis=0)
    np.testing.assert_allclose(direction, np.array(velocity) / speed, atol=0.15)
    assert np.median([movement.speed for movement in movements[1:]]) == pytest.approx(speed, rel=0.25)


def test_what_stands_still_is_no_motion_and_neither_is_brighter_light(camera):
    noise = np.random.default_rng(2)

    def seen(x: int, light: int) -> np.ndarray:
        brighter = picture(x, 90, 60).astype(int) + light
        return np.clip(brighter + noise.normal(0, 4, brighter.shape), 0, 255).astype(np.uint8)

    motion = camera.Motion()
    moved = [motion.update(seen(20 + 8 * number, 0), number / FPS) for number in range(5)]
    assert moved[-1].amount > 0.01
    rested = [motion.update(seen(52, light), 1 + light / FPS) for light in range(0, 40, 8)][1:]
    assert {(still.amount, still.direction, still.speed) for still in rested} == {(0.0, (0.0, 0.0), 0.0)}
    assert rested[-1].centre == pytest.approx(((52 + 30) / WIDTH, 0.5), abs=0.1)


def test_two_that_part_have_no_direction(camera):
    motion = camera.Motion()
    movement = camera.Movement()
    for number in range(6):
        image = picture(100 - 4 * number, 30)
        image[150 : 150 + SIDE, 160 + 4 * number : 160 + 4 * number + SIDE] = TEXTURE
        movement = motion.update(image, number / FPS)
    assert np.hypot(*movement.direction) < 0.3
    assert movement.speed == pytest.approx(4 * FPS / WIDTH, rel=0.3)


def test_faces_are_told_the_largest_first(camera):
    def face(x: float, y: float, size: float) -> list[SimpleNamespace]:
        return [SimpleNamespace(x=x + size * dx, y=y + size * dy) for dx in (-0.4, 0.4) for dy in (-0.5, 0.5)]

    def expression(**scores: float) -> list[SimpleNamespace]:
        return [SimpleNamespace(category_name=name, score=score) for name, score in scores.items()]

    assert camera.face_messages([], []) == [("/faces", (0.0,))]
    messages = camera.face_messages(
        [face(0.25, 0.75, 0.1), face(0.5, 0.5, 0.4)],
        [expression(), expression(jawOpen=0.5, mouthSmileLeft=0.2, mouthSmileRight=0.4)],
    )
    approx = pytest.approx
    assert dict(messages) == {
        "/faces": (2.0,),
        "/face/1/position": approx((0.5, 0.5)),
        "/face/1/size": approx((0.4,)),
        "/face/1/mouth": (0.5,),
        "/face/1/smile": approx((0.3,)),
        "/face/2/position": approx((0.25, 0.25)),
        "/face/2/size": approx((0.1,)),
        "/face/2/mouth": (0.0,),
        "/face/2/smile": (0.0,),
    }


def test_the_mapping_listens_to_what_is_sent(camera):
    movement = camera.Movement(0.2, (1.0, 0.0), 0.5, (0.75, 0.25))
    sent = movement.messages() + camera.face_messages([], [])
    with SteppedShow(mapping_path("default"), mapping_path("camera")) as show:
        names = {name.removeprefix("osc /avserver/input/camera").rpartition(" ")[0] for name in show.patch.inputs()}
        assert names <= {address for address, _ in sent} | {"/face/1/mouth", "/face/1/smile", "/face/1/position"}
        still = show.after(camera.encode_bundle("/avserver/input/camera", camera.Movement().messages()))
        moved = show.after(camera.encode_bundle("/avserver/input/camera", sent))
    changed = {address for address in moved.values if moved[address] != still[address]}
    assert changed == {
        "/noise/strength",
        "/noise/speed",
        "/feedback/zoom",
        "/direction/1/amount",
        "/direction/2/amount",
    }


def test_a_server_hears_a_film(tiny_model, tmp_path):
    """The whole way: a film, the program as a user starts it, the server, a knob that is told on."""
    source = film(tmp_path / "film.mp4", WAYS["right"][0], 45)
    heard = Listener()
    mapping = tmp_path / "mine.toml"
    mapping.write_text(
        "".join(
            f'[[send]]\nfrom = "osc /avserver/input/camera/{name}"\nto = "osc 127.0.0.1:{heard.port} /{name}"\n'
            for name in ("motion", "direction", "centre")
        ),
        encoding="utf-8",
    )
    arguments = ["--model", str(tiny_model), "--size", "64", "--mapping", str(mapping)]
    with ServerProcess(arguments, log=tmp_path / "log") as server:
        server.wait_for_osc()
        done = run(source, "--to", f"127.0.0.1:{server.osc_port}")
        status = server.osc.status()
    messages = heard.heard()
    heard.close()
    assert (done.returncode, done.stderr) == (0, "")
    values = {name: [v for address, (v,) in messages if address == f"/{name}"] for name in ("motion", "direction")}
    assert 0.02 < np.median(values["motion"]) < 0.08
    assert values["motion"][-1] == 0.0
    assert np.median(values["direction"]) > 0.9
    centres = [value for address, (value,) in messages if address == "/centre"]
    assert min(centres) < centres[-1] - 0.2
    assert centres[-1] == pytest.approx((20 + 4 * 44 + SIDE / 2) / WIDTH, abs=0.05)
    assert status is not None
    assert status["osc_failed"] == 0  # what no mapping listens to, such as /speed, is no mistake


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(FILE), *arguments], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def stream() -> Iterator[str]:
    """A camera in the network whose cable is pulled after half a second, time and again."""

    class Pictures(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            for number in range(15):
                jpeg = cv2.imencode(".jpg", picture(20 + 8 * number, 90))[1].tobytes()
                self.wfile.write(b"--frame\r\nContent-Type: image/jpeg\r\n")
                self.wfile.write(f"Content-Length: {len(jpeg)}\r\n\r\n".encode() + jpeg + b"\r\n")
                time.sleep(1 / FPS)

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Pictures)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/camera.mjpg"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_camera_that_is_unplugged_is_found_again(camera, stream):
    pictures = [0]
    for _, image in camera.frames(stream):
        if image is not None:
            pictures[-1] += 1
        elif len(pictures) == 2:
            break
        else:
            pictures.append(0)
    assert all(5 < count < 16 for count in pictures)


def test_a_film_that_is_not_there(tmp_path):
    done = run(str(tmp_path / "film.mp4"), "--loop")
    assert done.returncode == 2
    assert done.stderr.endswith(f"there are no pictures in {tmp_path / 'film.mp4'}\n")


def test_its_osc_is_read_by_ours(camera):
    (bundle,) = decode(camera.encode_bundle("/avserver/input/camera", camera.Movement(0.25).messages()))
    assert bundle.due_unix_s is None
    assert [(message.address, message.arguments) for message in bundle.messages] == [
        ("/avserver/input/camera/motion", (0.25,)),
        ("/avserver/input/camera/direction", (0.0, 0.0)),
        ("/avserver/input/camera/speed", (0.0,)),
        ("/avserver/input/camera/centre", (0.5, 0.5)),
    ]
