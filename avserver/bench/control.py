"""`avserver bench control`: how soon a show obeys, and whether it notices when it is talked to without end.

Measured from outside, on a server started as a user starts it. Feedback leaves the server in the same step in which the
frame is decided, before it listens and maps: what those stages take is added, as the server's own status tells it.
"""

import logging
import multiprocessing
import socket
import statistics
import tempfile
import time
from collections.abc import Sequence
from itertools import cycle
from multiprocessing.synchronize import Event as Flag
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from avserver.bench.link_phase import link_phase
from avserver.bench.report import Report
from avserver.bench.show import Subscriber, status_of
from avserver.control.events import ROOT
from avserver.control.osc_client import OscClient
from avserver.control.osc_packet import encode
from avserver.frame import Flags
from avserver.server_process import HOST, ServerProcess

_LOG = logging.getLogger(__name__)

_FPS = 30.0
_MOST_TURNS = 200  # of a knob, to see how soon each is obeyed …
_TURNS_A_SECOND = 10  # … and fewer in a short run
_MESSAGES_PER_S = 10_000
_BURST_S = 0.002  # between two bursts of the sender: no system sleeps much more exactly
# What is sent: knobs that every show has, numbers as TouchDesigner sends them.
_KNOBS = ("/noise/strength", "/noise/speed", "/grade/hue", "/grade/contrast", "/latent/truncation_psi", "/mix/amount")


def bench_control(report: Report, *, duration_s: float, model: str) -> None:
    """Run all parts. `duration_s` is how long messages rain, and says how often a knob is turned."""
    with tempfile.TemporaryDirectory(prefix="avserver-bench-") as folder:
        server = ServerProcess(["--model", model, "--fps", str(_FPS), "--loop"], log=Path(folder) / "control.log")
        with server, Subscriber(server.zeromq) as subscriber:
            server.wait_until("playing")
            time.sleep(2.0)
            measure_obedience(report, server, subscriber, duration_s)
            measure_rain(report, server, subscriber, duration_s)
        measure_link(report, Path(folder), model)


def measure_obedience(report: Report, server: ServerProcess, subscriber: Subscriber, duration_s: float) -> None:
    """Turn a knob at moments that have nothing to do with frames; see when that is decided, and when it is seen."""
    turns = min(_MOST_TURNS, round(_TURNS_A_SECOND * duration_s))
    _LOG.info("turning a knob %d times", turns)
    hand, eye = OscClient(HOST, server.osc_port), OscClient(HOST, server.osc_port)
    when = np.random.default_rng(0)
    eye.ask("/notify", 1, answer="/notify", timeout_s=0.1)
    decided_ms = [_turned_ms(hand, eye, number, when) for number in range(turns)]
    seen_ms = [_blacked_out_ms(hand, subscriber, when) for _ in range(turns // 10)]
    hand.close()
    eye.close()
    status = status_of(server)
    rest_ms = sum(float(status[f"ms.{stage}"]) for stage in ("control", "analysis", "mapping", "scene"))
    median_ms = statistics.median(decided_ms) + rest_ms
    report.add("OSC message to FrameSpec", "median (ms)", median_ms)
    report.add("OSC message to FrameSpec", "95th percentile (ms)", statistics.quantiles(decided_ms, n=20)[-1] + rest_ms)
    report.add("OSC message to FrameSpec", "median (frame times)", median_ms * _FPS / 1e3)
    report.add("OSC message to frame at subscriber", "median (ms)", statistics.median(seen_ms))


def _turned_ms(hand: OscClient, eye: OscClient, number: int, when: np.random.Generator) -> float:
    """Return how long it takes until the server tells others that a knob was turned (ms)."""
    time.sleep(when.uniform(0.02, 0.08))
    value = 0.25 + number / 1024  # exact in the 32 bits of OSC's floats
    start_s = time.perf_counter()
    hand.send("/mix/first", value)
    while (told := eye.receive(1.0)) is not None:
        if told == (f"{ROOT}/mix/first", [value]):
            return 1e3 * (time.perf_counter() - start_s)
    raise RuntimeError("the server did not tell of a knob that was turned")


def _blacked_out_ms(hand: OscClient, subscriber: Subscriber, when: np.random.Generator) -> float:
    """Return how long it takes from /output/blackout to the first black frame at the subscriber (ms)."""
    time.sleep(when.uniform(0.1, 0.2))
    start_ns = time.time_ns()
    hand.send("/output/blackout", 1)
    time.sleep(0.3)
    hand.send("/output/blackout", 0)
    black = [a.unix_ns for a in subscriber.between(start_ns, time.time_ns()) if Flags.BLACKOUT in a.header.flags]
    return (black[0] - start_ns) / 1e6


def measure_rain(report: Report, server: ServerProcess, subscriber: Subscriber, duration_s: float) -> None:
    """Compare the show under 10 000 messages a second with the show before and after."""
    context = multiprocessing.get_context("spawn")
    raining, sent = context.Event(), context.Value("q", 0)
    sender = context.Process(target=_rain, args=(server.osc_port, raining, sent))
    _LOG.info("%g s of quiet, %g s of messages, %g s of quiet", duration_s / 2, duration_s, duration_s / 2)
    show = psutil.Process(server.process.pid)
    dry = _watched(server, subscriber, duration_s / 2)
    start_mb = show.memory_info().rss / 1e6
    raining.set()
    sender.start()
    while not sent.value:
        time.sleep(0.1)
    early_mb, before, begun = show.memory_info().rss / 1e6, status_of(server), sent.value
    wet = _watched(server, subscriber, duration_s)
    after, ended = status_of(server), sent.value
    end_mb = show.memory_info().rss / 1e6
    raining.clear()
    sender.join()
    again = _watched(server, subscriber, duration_s / 2)
    quiet = statistics.mean([dry["fps"], again["fps"]])
    report.add("rain of messages", "sent a second", (ended - begun) / duration_s)
    report.add("rain of messages", "received a second", (after["osc_received"] - before["osc_received"]) / duration_s)
    report.add("rain of messages", "new frames a second, quiet", quiet)
    report.add("rain of messages", "new frames a second, rain", wet["fps"])
    report.add("rain of messages", "rate in the rain (%)", 100 * wet["fps"] / quiet)
    report.add("rain of messages", "late frames, quiet and rain (%)", f"{dry['late']:.1f} {wet['late']:.1f}")
    report.add("rain of messages", "control a frame, quiet and rain (ms)", f"{dry['control']:.2f} {wet['control']:.2f}")
    report.add("rain of messages", "memory: quiet, begin, end (MB)", f"{start_mb:.0f} {early_mb:.0f} {end_mb:.0f}")


def _watched(server: ServerProcess, subscriber: Subscriber, duration_s: float) -> dict[str, float]:
    """Return new frames a second, the share that is late (%), and what control takes a frame (ms)."""
    before, start_ns = status_of(server), time.time_ns()
    time.sleep(duration_s)
    after, stop_ns = status_of(server), time.time_ns()
    new = [a for a in subscriber.between(start_ns, stop_ns) if Flags.REPEATED not in a.header.flags]
    seconds = (stop_ns - start_ns) / 1e9
    late = 100 * (after["late"] - before["late"]) / (seconds * _FPS)
    return {"fps": len(new) / seconds, "late": late, "control": after["ms.control"]}


def _rain(port: int, raining: Flag, sent: Any) -> None:
    """Send messages at the rate, a burst at a time, until it stops raining. Runs in a process of its own."""
    packets = _packets(_KNOBS)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect((HOST, port))
        start_s = time.monotonic()
        while raining.is_set():
            due = int((time.monotonic() - start_s) * _MESSAGES_PER_S)
            for _ in range(due - sent.value):
                sock.send(next(packets))
            sent.value = due
            time.sleep(_BURST_S)


def _packets(addresses: Sequence[str]) -> "cycle[bytes]":
    """Return messages without end: every knob over a third of its way."""
    return cycle(encode(ROOT + address, step / 300) for step in range(100) for address in addresses)


def measure_link(report: Report, folder: Path, model: str) -> None:
    """See how far the beat of frames is from that of another peer of Ableton Link."""
    try:
        import link  # noqa: F401, PLC0415  (an extra)
    except ImportError:
        report.add("Link phase at subscriber", "not measured", "needs avserver[link]")
        return
    _LOG.info("playing in a Link session")
    for name, value in link_phase(folder, model=model).items():
        report.add("Link phase at subscriber", name, value)
