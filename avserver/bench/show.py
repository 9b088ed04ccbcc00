"""`avserver bench show`: how fast, how prompt and how large a real server is on this machine.

Everything is measured from outside, at a ZeroMQ subscriber and from the operating system, on a server started as a user
starts it, with a viewer at its preview page. Three parts: the rate over a stretch of the demo, the time from a click in
the music to its picture, and what happens when the render worker is killed.
"""

import logging
import os
import signal
import statistics
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np
import psutil
import zmq
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Origin

from avserver.audio.clicks import clicks
from avserver.audio.wav import write_wav
from avserver.bench.report import Report
from avserver.bundled import mapping_path
from avserver.frame import HEADER_SIZE, Flags, FrameHeader
from avserver.server_process import HOST, ServerProcess

_LOG = logging.getLogger(__name__)

_FPS = 30.0
_MOST_CLICKS = 24
_CLICKS_IN_SONG = 100
_CLICK_EVERY_S = 0.8137  # not a multiple of the frame time: clicks fall anywhere between two frames
_FIRST_CLICK_S = 0.5
# The picture is dark but for what an onset lights up, so that a subscriber sees which frame a click shaped first.
_FLASH = """
[[modulate]]
from = "mix.full.decay"
to = "/output/opacity"
range = [0.1, 1.0]
sigma_s = 0.05
radius_s = 0.3
"""


@dataclass(slots=True)
class Arrival:
    """One frame at the subscriber: when (ns, Unix), its header, its mean brightness in [0, 255]."""

    unix_ns: int
    header: FrameHeader
    brightness: float


class Subscriber:
    """A ZeroMQ subscriber on its own thread that notes every frame."""

    def __init__(self, address: str) -> None:
        self.arrivals: list[Arrival] = []
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        self._socket.setsockopt(zmq.SUBSCRIBE, b"AVSF")
        self._socket.setsockopt(zmq.RCVTIMEO, 100)
        self._socket.connect(address)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="subscriber")

    def __enter__(self) -> "Subscriber":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopped.set()
        self._thread.join()
        self._socket.close(0)
        self._context.term()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                message = self._socket.recv()
            except zmq.Again:
                continue
            now_ns = time.time_ns()
            # One pixel in 64 tells the brightness well enough and costs the machine under test little.
            brightness = float(np.frombuffer(message, np.uint8, offset=HEADER_SIZE)[::64].mean())
            self.arrivals.append(Arrival(now_ns, FrameHeader.unpack(message), brightness))

    def between(self, start_ns: int, stop_ns: int) -> list[Arrival]:
        """Return what arrived in that time (ns, Unix, half-open)."""
        return [arrival for arrival in self.arrivals if start_ns <= arrival.unix_ns < stop_ns]


class Viewer:
    """Somebody at the preview page: takes every picture and acknowledges it."""

    def __init__(self, port: int) -> None:
        self._url, self._origin = f"ws://{HOST}:{port}/ws", Origin(f"http://{HOST}:{port}")
        self.pictures = 0

    def __enter__(self) -> Self:
        self._open = ExitStack()
        self._connection = self._open.enter_context(connect(self._url, origin=self._origin))
        self._thread = threading.Thread(target=self._run, name="viewer")
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()
        self._thread.join()

    def take(self, message: str | bytes) -> None:
        """Take what the page is sent."""
        if isinstance(message, bytes):
            self.pictures += 1
            self._connection.send('{"seen": true}')

    def _run(self) -> None:
        with suppress(ConnectionClosed):
            for message in self._connection:
                self.take(message)


def bench_show(report: Report, *, duration_s: float, model: str) -> None:
    """Run all parts. `duration_s` is how long the rate is watched; half a second of it is a click, of 24 at most."""
    with tempfile.TemporaryDirectory(prefix="avserver-bench-") as folder:
        measure_rate(report, Path(folder), model, duration_s)
        measure_latency(report, Path(folder), model, duration_s)


def measure_rate(report: Report, folder: Path, model: str, duration_s: float) -> None:
    """Play the demo with one subscriber and one viewer; then kill the worker."""
    server = ServerProcess(["--model", model, "--fps", str(_FPS)], log=folder / "rate.log", preview=True)
    with server, Subscriber(server.zeromq) as subscriber:
        report.add("start", "OSC answered after (s)", server.wait_for_osc())
        server.wait_until("playing")
        drawn = _first_drawn(subscriber)
        report.add("start", "first generated frame after (s)", drawn - server.started_s)
        with Viewer(server.preview) as viewer:
            _LOG.info("watching the rate for %g s", duration_s)
            # Whatever is made at the first frame is made by now.
            time.sleep(2.0)
            _watch_rate(report, server, subscriber, viewer, duration_s)
        _LOG.info("killing the render worker")
        _kill_worker(report, server, subscriber)


def _first_drawn(subscriber: Subscriber) -> float:
    while not any(Flags.FAILSAFE not in arrival.header.flags for arrival in subscriber.arrivals):
        time.sleep(0.005)
    return time.monotonic()


def _watch_rate(
    report: Report, server: ServerProcess, subscriber: Subscriber, viewer: Viewer, duration_s: float
) -> None:
    before, start_ns, pictures = status_of(server), time.time_ns(), viewer.pictures
    memory = _sample_memory(server.process.pid, duration_s)
    after, stop_ns = status_of(server), time.time_ns()
    seconds = (stop_ns - start_ns) / 1e9
    new = [a for a in subscriber.between(start_ns, stop_ns) if Flags.REPEATED not in a.header.flags]
    gaps_ms = np.diff([a.unix_ns for a in new]) / 1e6
    spoilt = sum(after[name] - before[name] for name in ("late", "dropped"))
    report.add("rate", "new frames a second at subscriber", len(new) / seconds)
    report.add("rate", "pictures a second at viewer", (viewer.pictures - pictures) / seconds)
    report.add("rate", "late or dropped (%)", 100 * spoilt / (seconds * _FPS))
    report.add("rate", "repeated frames", after["repeated"] - before["repeated"])
    report.add("rate", "median gap (ms)", float(np.median(gaps_ms)))
    report.add("rate", "99th percentile gap (ms)", float(np.percentile(gaps_ms, 99)))
    for name, value in after.items():
        if name.startswith("ms."):
            report.add("milliseconds a frame (median)", name.removeprefix("ms."), value)
    for name, samples in memory.items():
        quarter = max(1, len(samples) // 5)
        report.add("memory (MB)", name, samples[-1])
        second, last = statistics.mean(samples[quarter : 2 * quarter]), statistics.mean(samples[-quarter:])
        report.add("memory (MB)", f"{name}: growth, 2nd to last fifth (%)", 100 * (last / second - 1))


def _sample_memory(pid: int, duration_s: float) -> dict[str, list[float]]:
    """Return the resident memory (MB) of the show process and of its children, once a second for `duration_s`."""
    show = psutil.Process(pid)
    # The worker is by far the largest child; the other is multiprocessing's resource tracker.
    worker = max(show.children(), key=lambda child: child.memory_info().rss)
    samples: dict[str, list[float]] = {"show process": [], "render worker": []}
    end_s = time.monotonic() + duration_s
    while time.monotonic() < end_s:
        time.sleep(1.0)
        for name, process in zip(samples, (show, worker), strict=True):
            samples[name].append(process.memory_info().rss / 1e6)
    return samples


def _kill_worker(report: Report, server: ServerProcess, subscriber: Subscriber) -> None:
    killed_ns = time.time_ns()
    os.kill(int(status_of(server)["worker_pid"]), signal.SIGKILL)
    server.wait_until("restarting")
    server.wait_until("playing")
    while not (back := _drawn_after(subscriber, killed_ns + int(0.5e9))):
        time.sleep(0.05)
    arrivals = subscriber.between(killed_ns - int(1e9), back[0].unix_ns + int(1e9))
    gaps = np.diff([a.unix_ns for a in arrivals]) / 1e9 * _FPS
    report.add("render worker killed", "longest gap (frame times)", float(gaps.max()))
    report.add("render worker killed", "generated frames again after (s)", (back[0].unix_ns - killed_ns) / 1e9)


def _drawn_after(subscriber: Subscriber, unix_ns: int) -> list[Arrival]:
    return [a for a in subscriber.arrivals if a.unix_ns > unix_ns and Flags.REPEATED not in a.header.flags]


def measure_latency(report: Report, folder: Path, model: str, duration_s: float) -> None:
    """Play a click track whose clicks light up the picture; compare when each sounded with when it was seen."""
    times_s = [_FIRST_CLICK_S + i * _CLICK_EVERY_S for i in range(_CLICKS_IN_SONG)]
    song, patch = folder / "clicks.wav", folder / "flash.toml"
    write_wav(song, clicks(times_s, times_s[-1] + 1.0))
    patch.write_text(mapping_path("default").read_text(encoding="utf-8") + _FLASH, encoding="utf-8")
    arguments = ["--audio", str(song), "--model", model, "--mapping", str(patch), "--fps", str(_FPS)]
    server = ServerProcess(arguments, log=folder / "latency.log", preview=True)
    with server, Subscriber(server.zeromq) as subscriber:
        server.wait_until("playing")
        with Viewer(server.preview):
            clicks_heard = min(_MOST_CLICKS, round(2 * duration_s))
            _LOG.info("listening to %d clicks", clicks_heard)
            time.sleep(2.0 + clicks_heard * _CLICK_EVERY_S)
    latencies_ms = click_latencies_ms(subscriber.arrivals, times_s)
    report.add("click to frame", "clicks seen", f"{len(latencies_ms)}")
    report.add("click to frame", "median (ms)", float(np.median(latencies_ms)))
    report.add("click to frame", "95th percentile (ms)", float(np.percentile(latencies_ms, 95)))


def click_latencies_ms(arrivals: Sequence[Arrival], times_s: Sequence[float]) -> list[float]:
    """Return for each click that was seen how long after its first sample the first frame it lit up arrived (ms)."""
    drawn = [a for a in arrivals if a.header.audio_ns and not a.header.flags]
    # A sample of show time t sounded at audio_ns + (t - show time of audio_ns); the newest sample of a frame is at
    # most a tick older than the frame, so the latest estimate of the start of the song is the right one.
    song_start_ns = max(a.header.audio_ns - int(a.header.t_s * 1e9) for a in drawn)
    lit_up = [after.unix_ns for before, after in pairwise(drawn) if after.brightness > 2 * before.brightness + 2]
    latencies_ms = []
    for time_s in times_s:
        sounded_ns = song_start_ns + int(time_s * 1e9)
        seen = [at_ns for at_ns in lit_up if 0 < at_ns - sounded_ns < _CLICK_EVERY_S * 1e9 / 2]
        latencies_ms += [(seen[0] - sounded_ns) / 1e6] if seen else []
    return latencies_ms


def status_of(server: ServerProcess) -> dict[str, Any]:
    """Return what the server says of itself. Raises RuntimeError if it does not answer."""
    status = server.osc.status(timeout_s=5.0)
    if status is None:
        raise RuntimeError(f"the server did not answer: {server.printed}")
    return status
