"""`avserver bench outputs`: how soon frames are at a receiver, and whether receivers that stall cost anything.

What is measured here is compared with something else in the same run, because figures drift with the machine's load: a
frame of a ZeroMQ output with a bare message of the same bytes, sent in turn; the rate of a real server with stalled
subscribers with its rate without.
"""

import logging
import multiprocessing
import os
import signal
import statistics
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import psutil
import zmq

from avserver.bench.report import Report
from avserver.bench.show import status_of
from avserver.frame import HEADER_SIZE, Frame, FrameHeader
from avserver.outputs.zeromq import ZeroMqOutput
from avserver.server_process import ServerProcess

_LOG = logging.getLogger(__name__)

_FPS = 30.0
_WIDTH_PX, _HEIGHT_PX = 1920, 1080
_FRAMES = 100  # of either way, to compare their delay
_WARM_UP = 10
_READ_EVERY_S = (0.08, 0.12)  # ten times a second, but never in step with the frames
_STALLED = 10
_TURNS = 3  # with and without stalled subscribers
_SETTLE_S = 2.0  # until all queues of a stalled subscriber are full


def bench_outputs(report: Report, *, duration_s: float, model: str) -> None:
    """Run all parts. `duration_s` is how long a server is watched in each of two states."""
    with tempfile.TemporaryDirectory(prefix="avserver-bench-") as folder:
        for way, address in (("tcp", "tcp://127.0.0.1:*"), ("ipc", f"ipc://{folder}/frames")):
            measure_delay(report, way, address)
        server = ServerProcess(["--model", model, "--fps", str(_FPS), "--loop"], log=Path(folder) / "outputs.log")
        with server:
            server.wait_until("playing")
            time.sleep(_SETTLE_S)
            measure_age(report, server, duration_s)
            measure_stalled(report, server, duration_s)


def measure_delay(report: Report, way: str, address: str) -> None:
    """Send frames by an output, and the same bytes by a bare socket, in turn, to the same other process."""
    _LOG.info("sending %d frames of 1080p RGBA over %s", 2 * _FRAMES, way)
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    pixels = np.random.default_rng(0).integers(0, 256, (_HEIGHT_PX, _WIDTH_PX, 3), np.uint8)
    bytes_ = bytearray(HEADER_SIZE + _HEIGHT_PX * _WIDTH_PX * 4)
    sent_ns: list[dict[int, int]] = [{}, {}]
    with ZeroMqOutput(address, pixel_format="RGBA") as output, context.socket(zmq.PUB) as bare:
        bare.bind("tcp://127.0.0.1:*" if way == "tcp" else f"{address}-bare")
        ours, theirs = multiprocessing.get_context("spawn").Pipe()
        addresses = [output.address, bare.getsockopt_string(zmq.LAST_ENDPOINT)]
        receiver = multiprocessing.get_context("spawn").Process(target=_receive, args=(addresses, theirs))
        receiver.start()
        ours.recv()
        for index in range(_FRAMES + _WARM_UP):
            frame = Frame(pixels=pixels, index=index, t_s=0.0)
            bytes_[:HEADER_SIZE] = frame.header(0, "RGBA").pack()
            time.sleep(1 / _FPS)
            sent_ns[0][index] = time.time_ns()
            output.send(frame)
            time.sleep(1 / _FPS)
            sent_ns[1][index] = time.time_ns()
            tracker = bare.send(bytes_, copy=False, track=True)
            tracker.wait()  # the bytes are written again for the next
        ours.send("enough")
        arrived_ns: list[dict[int, int]] = ours.recv()
        receiver.join()
    context.term()
    output_ms, bare_ms = (
        statistics.median((at_ns - sent[index]) / 1e6 for index, at_ns in arrived.items() if index >= _WARM_UP)
        for sent, arrived in zip(sent_ns, arrived_ns, strict=True)
    )
    group = f"ZeroMQ 1080p RGBA over {way}"
    report.add(group, "frame to receiver, median (ms)", output_ms)
    report.add(group, "bare message to receiver, median (ms)", bare_ms)
    report.add(group, "frame / bare message", output_ms / bare_ms)


def _receive(addresses: list[str], connection: Connection) -> None:
    """Note when each frame arrives (ns, Unix), by index, for each address. Runs in a process of its own."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    poller = zmq.Poller()
    arrived_ns: dict[zmq.Socket[bytes], dict[int, int]] = {}
    for address in addresses:
        socket = context.socket(zmq.SUB)
        socket.subscribe(b"AVSF")
        socket.connect(address)
        poller.register(socket, zmq.POLLIN)
        arrived_ns[socket] = {}
    connection.send("ready")
    while not connection.poll():
        for socket, _ in poller.poll(100):
            message = socket.recv(copy=False)
            now_ns = time.time_ns()
            arrived_ns[socket][FrameHeader.unpack(message.buffer).index] = now_ns
    connection.send(list(arrived_ns.values()))
    context.destroy(linger=0)


def measure_age(report: Report, server: ServerProcess, duration_s: float) -> None:
    """See how old frames are when somebody takes the newest ten times a second."""
    _LOG.info("reading ten frames a second for %g s", duration_s)
    when = np.random.default_rng(0)
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    ages_ms = []
    with context.socket(zmq.SUB) as socket:
        socket.setsockopt(zmq.CONFLATE, 1)
        socket.subscribe(b"AVSF")
        socket.connect(server.zeromq)
        FrameHeader.unpack(socket.recv())
        sent, start_s = status_of(server)["output.zeromq.sent"], time.monotonic()
        while time.monotonic() < start_s + duration_s:
            time.sleep(when.uniform(*_READ_EVERY_S))
            header = FrameHeader.unpack(socket.recv())
            ages_ms.append((time.time_ns() - header.published_ns) / 1e6)
        took_s, sent = time.monotonic() - start_s, status_of(server)["output.zeromq.sent"] - sent
    context.term()
    group = "newest frame, read at 10 Hz"
    report.add(group, "age, median (ms)", statistics.median(ages_ms))
    report.add(group, "age, 95th percentile (ms)", statistics.quantiles(ages_ms, n=20)[-1])
    report.add(group, "age, oldest (ms)", max(ages_ms))
    # Of a busy machine it is longer than was asked for, and so may be the age.
    report.add(group, "a frame time (ms)", 1e3 * took_s / sent)


def measure_stalled(report: Report, server: ServerProcess, duration_s: float) -> None:
    """Compare the rate with subscribers that have stopped reading with the rate without, in turns."""
    _LOG.info("%g s with and %g s without %d stalled subscribers", duration_s, duration_s, _STALLED)
    show = psutil.Process(server.process.pid)
    rates: dict[str, list[float]] = {"without": [], "with": []}
    memory_mb = dict.fromkeys(rates, 0.0)
    for _ in range(_TURNS):
        for state, measured in rates.items():
            stalled = _stall(server.zeromq) if state == "with" else None
            time.sleep(_SETTLE_S)
            measured.append(_rate(server, duration_s / _TURNS))
            memory_mb[state] = show.memory_info().rss / 1e6
            if stalled is not None:
                stalled.kill()
                stalled.join()
    without, with_ = (statistics.mean(measured) for measured in rates.values())
    group = f"{_STALLED} stalled subscribers"
    report.add(group, "new frames a second without", without)
    report.add(group, "new frames a second with", with_)
    report.add(group, "rate with them (%)", 100 * with_ / without)
    report.add(group, "memory without and with (MB)", f"{memory_mb['without']:.0f} {memory_mb['with']:.0f}")


def _stall(address: str) -> multiprocessing.process.BaseProcess:
    """Return a process that has subscribed many times, was sent something each time, and stands still now."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_subscribe, args=(address, theirs))
    process.start()
    ours.recv()
    assert process.pid is not None
    os.kill(process.pid, signal.SIGSTOP)
    return process


def _subscribe(address: str, connection: Connection) -> None:
    """Subscribe, tell so, and stay. Runs in a process of its own."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    sockets = [context.socket(zmq.SUB) for _ in range(_STALLED)]
    for socket in sockets:
        socket.subscribe(b"AVSF")
        socket.connect(address)
    for socket in sockets:
        socket.recv()
    connection.send("ready")
    connection.recv()


def _rate(server: ServerProcess, duration_s: float) -> float:
    """Return how many new frames a second the server makes."""
    before, start_s = status_of(server), time.monotonic()
    time.sleep(duration_s)
    after, stop_s = status_of(server), time.monotonic()
    return float(after["frames"] - before["frames"]) / (stop_s - start_s)
