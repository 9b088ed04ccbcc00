"""Frames over real ZeroMQ sockets."""

import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zmq
from PIL import Image

from avserver.config import load_show
from avserver.errors import AddressInUse, ConfigError
from avserver.frame import HEADER_SIZE, Flags, Frame, FrameHeader
from avserver.outputs.catalogue import Stage, make_output
from avserver.outputs.keys import read_server_keys, write_new_keys
from avserver.outputs.settings import ZeroMqSettings
from avserver.outputs.zeromq import ZeroMqOutput

# A picture that JPEG is fit for: it gets brighter and greener to the right, redder downwards.
SLOPE = np.stack([np.mgrid[0:48, 0:64][0] * 5, np.mgrid[0:48, 0:64][1] * 4, np.full((48, 64), 90)], axis=-1).astype(
    np.uint8
)


def frame(index: int, size_px: int = 16) -> Frame:
    pixels = np.full((size_px, size_px, 3), index % 256, np.uint8)
    pixels[0, 0] = (1, 2, 3)
    return Frame(pixels=pixels, index=index, t_s=index / 30, audio_ns=123, flags=Flags.REPEATED)


Socket = zmq.Socket[bytes]


class Subscribe:
    """Makes subscribers, and closes them all."""

    def __init__(self) -> None:
        self._context = zmq.Context()
        self._sockets: list[Socket] = []

    def __call__(self, address: str, **options: Any) -> Socket:
        sub = self._context.socket(zmq.SUB)
        for name, value in {"RCVTIMEO": 2000, **options}.items():
            sub.setsockopt(getattr(zmq, name), value)
        sub.subscribe(b"AVSF")
        sub.connect(address)
        self._sockets.append(sub)
        return sub

    def close(self) -> None:
        for sub in self._sockets:
            sub.close(linger=0)
        self._context.term()


@pytest.fixture
def subscribe() -> Iterator[Subscribe]:
    subscribe = Subscribe()
    yield subscribe
    subscribe.close()


def send_until_heard(output: ZeroMqOutput, sub: Socket) -> bytes:
    """Send frames until the subscription has arrived, and return the first message."""
    for index in range(200):
        output.send(frame(index))
        if sub.poll(10):
            return bytes(sub.recv())
    raise AssertionError("no frame arrived")


@pytest.mark.parametrize(
    "where", ["tcp://127.0.0.1:*", "tcp://127.0.0.1:0", "tcp://localhost:*", "tcp://[::1]:*", "ipc"]
)
def test_a_frame_arrives_whole(subscribe: Subscribe, tmp_path: Path, where: str) -> None:
    address = f"ipc://{tmp_path}/frames" if where == "ipc" else where
    if "::1" in address and not Path("/proc/net/if_inet6").exists():
        pytest.skip("this machine has no IPv6")
    with ZeroMqOutput(address) as output:
        assert not output.address.endswith((":*", ":0"))
        sub = subscribe(output.address, IPV6="::1" in address)
        before_ns = time.time_ns()
        message = send_until_heard(output, sub)
    assert not sub.getsockopt(zmq.RCVMORE)
    header = FrameHeader.unpack(message)
    assert (header.width_px, header.height_px, header.pixel_format, header.row_bytes) == (16, 16, "RGB8", 48)
    assert (header.audio_ns, header.flags, header.size_bytes) == (123, Flags.REPEATED, 768)
    assert before_ns <= header.published_ns <= time.time_ns()
    assert message[HEADER_SIZE:] == frame(header.index).pixels.tobytes()
    assert output.failed == 0


def test_a_conflating_subscriber_gets_the_newest(subscribe: Subscribe) -> None:
    with ZeroMqOutput("tcp://127.0.0.1:*") as output:
        sub = subscribe(output.address, CONFLATE=1)
        send_until_heard(output, sub)
        for index in range(1000, 1100):
            output.send(frame(index))
            time.sleep(0.001)
        time.sleep(0.05)
        assert FrameHeader.unpack(bytes(sub.recv())).index == 1099


@pytest.mark.parametrize(("pixel_format", "alpha"), [("RGB8", set()), ("RGBA", {255})])
def test_a_frame_that_was_sent_is_never_torn(subscribe: Subscribe, pixel_format: str, alpha: set[int]) -> None:
    """Its pixels may be freed once send has returned, and another's may come to lie there."""
    with ZeroMqOutput("tcp://127.0.0.1:*", pixel_format=pixel_format) as output:
        sub = subscribe(output.address, RCVHWM=0)
        send_until_heard(output, sub)
        got = 0
        for index in range(1, 150):
            output.send(Frame(pixels=np.full((256, 256, 3), index, np.uint8), index=index, t_s=0.0))
            if not sub.poll(200):
                continue
            message = bytes(sub.recv())
            header = FrameHeader.unpack(message)
            if header.width_px == 256:
                got += 1
                assert set(message[HEADER_SIZE:]) == {header.index} | alpha
        assert got > 75


def test_a_stalled_subscriber_costs_nothing(tmp_path: Path) -> None:
    """A process that is stopped while it is subscribed: neither time nor memory."""
    code = (
        "import sys, zmq; s = zmq.Context().socket(zmq.SUB); s.subscribe(b''); s.connect(sys.argv[1]); "
        "s.recv(); print('heard', flush=True); input()"
    )
    with ZeroMqOutput(f"ipc://{tmp_path}/frames") as output:
        command = [sys.executable, "-c", code, output.address]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            os.set_blocking(child.stdout.fileno(), False)
            deadline_s = time.monotonic() + 10
            while not child.stdout.read() and time.monotonic() < deadline_s:
                output.send(frame(0))
                time.sleep(0.01)
            child.send_signal(signal.SIGSTOP)
            picture = frame(1, 512)
            slowest_s = 0.0
            for _ in range(300):
                start_s = time.perf_counter()
                output.send(picture)
                slowest_s = max(slowest_s, time.perf_counter() - start_s)
                time.sleep(0.001)
            child.kill()
    assert output.failed == 0
    assert slowest_s < 1  # it was not waited for


def test_a_tcp_port_in_use_is_told() -> None:
    with ZeroMqOutput("tcp://127.0.0.1:*") as output:
        again = ZeroMqOutput(output.address)
        with pytest.raises(AddressInUse, match=re.escape(f"ZeroMQ address {output.address} is in use; choose another")):
            again.open()
        again.close()


def test_an_ipc_path_is_not_stolen_and_is_cleaned_up(subscribe: Subscribe, tmp_path: Path) -> None:
    path = tmp_path / "frames"
    with ZeroMqOutput(f"ipc://{path}") as output:
        with pytest.raises(AddressInUse, match=re.escape(f"ZeroMQ address ipc://{path} is in use; choose another")):
            ZeroMqOutput(f"ipc://{path}").open()
        assert path.is_socket()
        assert send_until_heard(output, subscribe(output.address))
    assert not path.exists()


def test_a_socket_that_nobody_listens_at_is_replaced(subscribe: Subscribe, tmp_path: Path) -> None:
    path = tmp_path / "frames"
    with socket.socket(socket.AF_UNIX) as left:  # as after kill -9
        left.bind(str(path))
    assert path.is_socket()
    with ZeroMqOutput(f"ipc://{path}") as output:
        assert send_until_heard(output, subscribe(output.address))
    assert not path.exists()


def test_a_file_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "song.txt"
    path.write_text("words")
    with pytest.raises(ConfigError, match=r"song\.txt exists and is not a socket"):
        ZeroMqOutput(f"ipc://{path}").open()
    assert path.read_text() == "words"


def test_a_wildcard_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with ZeroMqOutput("ipc://*") as output:
        path = Path(output.address.removeprefix("ipc://"))
        assert path.is_socket()
    assert not path.exists()


@pytest.mark.parametrize("address", ["tcp://0.0.0.0:5555", "tcp://*:5555", "tcp://192.168.1.2:5555", "tcp://eth0:5555"])
def test_addresses_that_others_reach_need_to_be_asked_for(address: str) -> None:
    with pytest.raises(ConfigError, match="insecure = true"):
        ZeroMqOutput(address)
    ZeroMqOutput(address, insecure=True)


@pytest.mark.parametrize(
    "address", ["", "5555", "udp://127.0.0.1:5555", "inproc://x", "tcp://127.0.0.1", "tcp://127.0.0.1:99999", "ipc://"]
)
def test_other_addresses_are_refused(address: str) -> None:
    with pytest.raises(ConfigError, match=f"^ZeroMQ cannot listen at '{address}'; allowed: tcp://HOST:PORT"):
        ZeroMqOutput(address)


def test_a_path_that_cannot_be_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file or directory"):
        ZeroMqOutput(f"ipc://{tmp_path}/missing/frames").open()
    with pytest.raises(ConfigError, match="File name too long"):
        ZeroMqOutput(f"ipc://{tmp_path}/{'x' * 150}").open()
    with pytest.raises(ConfigError, match="Cannot assign"):
        ZeroMqOutput("tcp://8.8.8.8:*", insecure=True).open()


@pytest.mark.parametrize(("pixel_format", "channels"), [("RGBA", [0, 1, 2]), ("BGRA", [2, 1, 0])])
def test_alpha_is_added_in_the_order_that_is_asked_for(
    subscribe: Subscribe, pixel_format: str, channels: list[int]
) -> None:
    with ZeroMqOutput("tcp://127.0.0.1:*", pixel_format=pixel_format) as output:
        message = send_until_heard(output, subscribe(output.address))
    header = FrameHeader.unpack(message)
    assert (header.pixel_format, header.row_bytes, header.size_bytes) == (pixel_format, 64, 1024)
    image = np.frombuffer(message, np.uint8, offset=HEADER_SIZE).reshape(16, 16, 4)
    np.testing.assert_array_equal(image[..., channels], frame(header.index).pixels)
    assert (image[..., 3] == 255).all()


@pytest.mark.parametrize("encoder", ["simplejpeg", "Pillow"])
def test_jpeg_is_a_picture_of_the_frame(subscribe: Subscribe, monkeypatch: pytest.MonkeyPatch, encoder: str) -> None:
    if encoder == "Pillow":
        monkeypatch.setitem(sys.modules, "simplejpeg", None)
    sizes = []
    for quality in (95, 20):
        with ZeroMqOutput("tcp://127.0.0.1:*", pixel_format="JPEG", quality=quality) as output:
            sub = subscribe(output.address)
            while not sub.poll(10):
                output.send(Frame(pixels=SLOPE, index=1, t_s=0.0))
            message = bytes(sub.recv())
        header = FrameHeader.unpack(message)
        assert (header.pixel_format, header.row_bytes, header.width_px, header.height_px) == ("JPEG", 0, 64, 48)
        assert header.size_bytes == len(message) - HEADER_SIZE
        image = np.asarray(Image.open(io.BytesIO(message[HEADER_SIZE:])), int)
        assert np.abs(image - SLOPE).mean() < 6
        sizes.append(header.size_bytes)
    assert sizes[0] > sizes[1]


def test_outputs_of_one_show_have_sizes_and_formats_of_their_own(subscribe: Subscribe, tmp_path: Path) -> None:
    show = tmp_path / "show.toml"
    show.write_text(
        '[zeromq]\naddress = "tcp://127.0.0.1:*"\nformat = "BGRA"\n'
        f'[[output]]\nkind = "zeromq"\nname = "ipc"\naddress = "ipc://{tmp_path}/frames"\n'
        'format = "JPEG"\nwidth_px = 32\nheight_px = 8\n',
        encoding="utf-8",
    )
    got = []
    for name, settings in load_show(show).outputs:
        output = make_output(settings, name, Stage(30, 16, 16))
        assert isinstance(output, ZeroMqOutput)
        with output:
            header = FrameHeader.unpack(send_until_heard(output, subscribe(output.address)))
            got.append((header.pixel_format, header.width_px, header.height_px))
    assert got == [("BGRA", 16, 16), ("JPEG", 32, 8)]


def test_subscribers_are_counted(subscribe: Subscribe) -> None:
    def count(output: ZeroMqOutput, wanted: int) -> None:
        for _ in range(200):
            output.send(frame(0))
            time.sleep(0.01)
            if output.status()["subscribers"] == wanted:
                return
        raise AssertionError(f"{output.status()['subscribers']} subscribers, not {wanted}")

    with ZeroMqOutput("tcp://127.0.0.1:*") as output:
        count(output, 0)
        subs = [subscribe(output.address) for _ in range(2)]
        count(output, 2)
        subs[0].close(linger=0)
        count(output, 1)
        assert output.status()["refused"] == 0


def test_only_clients_with_a_key_get_frames(subscribe: Subscribe, tmp_path: Path) -> None:
    files, strangers = write_new_keys("wall", tmp_path / "keys"), write_new_keys("stranger", tmp_path / "others")
    own, other = json.loads(files.client.read_text()), json.loads(strangers.client.read_text())

    def curve(server: str, pair: dict[str, str]) -> dict[str, bytes]:
        given = {"CURVE_SERVERKEY": server, "CURVE_PUBLICKEY": pair["public"], "CURVE_SECRETKEY": pair["secret"]}
        return {name: key.encode() for name, key in given.items()}

    # With keys an address that others reach is allowed.
    with ZeroMqOutput("tcp://0.0.0.0:*", keys=read_server_keys(tmp_path / "keys")) as output:
        address = output.address.replace("0.0.0.0", "127.0.0.1")
        refused = 0
        for options in (curve(own["server"], other), curve(other["server"], own), {}):
            sub = subscribe(address, **options)
            for _ in range(300):
                output.send(frame(0))
                time.sleep(0.01)
                if int(output.status()["refused"]) > refused:
                    break
            assert int(output.status()["refused"]) > refused
            assert not sub.poll(0)
            sub.close(linger=0)
            time.sleep(0.1)  # attempts that are under way
            output.send(frame(0))
            time.sleep(0.1)
            refused = int(output.status()["refused"])
        message = send_until_heard(output, subscribe(address, **curve(own["server"], own)))
        assert message[HEADER_SIZE:] == frame(FrameHeader.unpack(message).index).pixels.tobytes()
        assert output.status()["refused"] == refused
        assert output.status()["encrypted"] == 1
        assert files.client.read_text() not in repr(output.status())


@pytest.mark.parametrize("settings", [{"format": "RGB"}, {"quality": 0}, {"quality": 101}])
def test_settings_out_of_range_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="of a zeromq output is"):
        ZeroMqSettings(**settings)
