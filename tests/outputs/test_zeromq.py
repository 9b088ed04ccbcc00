"""Frames over real ZeroMQ sockets."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import zmq

from avserver.errors import AddressInUse, ConfigError
from avserver.frame import HEADER_SIZE, Flags, Frame, FrameHeader
from avserver.outputs.zeromq import ZeroMqOutput


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

    def __call__(self, address: str, **options: int) -> Socket:
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


def test_a_frame_that_was_sent_is_never_torn(subscribe: Subscribe) -> None:
    """Its pixels may be freed once send has returned, and another's may come to lie there."""
    with ZeroMqOutput("tcp://127.0.0.1:*") as output:
        sub = subscribe(output.address, RCVHWM=0)
        send_until_heard(output, sub)
        got = 0
        for index in range(1, 200):
            output.send(Frame(pixels=np.full((256, 256, 3), index, np.uint8), index=index, t_s=0.0))
            if not sub.poll(200):
                continue
            message = bytes(sub.recv())
            header = FrameHeader.unpack(message)
            if header.width_px == 256:
                got += 1
                assert set(message[HEADER_SIZE:]) == {header.index}
        assert got > 100


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
