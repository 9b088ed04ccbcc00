"""`avserver bench swap`: what a viewer sees, and what memory does, while one model takes over from another."""

import logging
import shutil
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import psutil

from avserver.bench.report import Report
from avserver.bench.show import Subscriber
from avserver.bundled import model_path
from avserver.config import AudioSettings, FrameSettings, ModelSettings, Show, to_toml
from avserver.errors import AvserverError
from avserver.server_process import ServerProcess

_LOG = logging.getLogger(__name__)

_FPS = 30.0
_PATIENCE_S = 120.0
# Memory is compared from here on: by then whatever is made once has been made.
_SETTLED_AFTER = 3


def bench_swap(report: Report, *, model: str, swaps: int) -> None:
    """Play the demo, change between two copies of a model `swaps` times, and note gaps and memory."""
    with tempfile.TemporaryDirectory(prefix="avserver-bench-") as folder:
        copy = shutil.copy(model_path(model), Path(folder) / "copy.safetensors")
        show = Show(
            model=ModelSettings(path=str(model_path(model)), also=(str(copy),)),
            audio=AudioSettings(loop=True),
            frame=FrameSettings(fps=_FPS),
        )
        file = Path(folder) / "show.toml"
        file.write_text(to_toml(show), encoding="utf-8")
        server = ServerProcess([str(file)], log=Path(folder) / "swap.log")
        with server, Subscriber(server.zeromq) as subscriber:
            server.wait_until("playing")
            server.osc.send("/model/fade_s", 0.0)
            time.sleep(2.0)
            _swap(report, server, subscriber, swaps)


def _swap(report: Report, server: ServerProcess, subscriber: Subscriber, swaps: int) -> None:
    process = psutil.Process(server.process.pid)
    start_ns, memory, durations = time.time_ns(), [], []
    for number in range(1, swaps + 1):
        began_s = time.monotonic()
        server.osc.send("/model/select", number % 2)
        _wait_for_handover(server, number)
        durations.append(time.monotonic() - began_s)
        memory.append(process.memory_info().rss / 1e6)
        _LOG.info("swap %d of %d: %.1f s", number, swaps, durations[-1])
    arrivals = subscriber.between(start_ns, time.time_ns())
    gaps = np.array([(b.unix_ns - a.unix_ns) / 1e9 for a, b in pairwise(arrivals)]) * _FPS
    repeated = sum(bool(arrival.header.flags) for arrival in arrivals)
    settled = memory[min(_SETTLED_AFTER, len(memory) - 1)]
    report.add("swap", "swaps", swaps)
    report.add("swap", "until the other model is seen, median (s)", float(np.median(durations)))
    report.add("swap", "longest gap (frame times)", float(gaps.max()))
    report.add("swap", "gap, 99.9th percentile (frame times)", float(np.percentile(gaps, 99.9)))
    report.add("swap", "frames repeated (%)", 100 * repeated / len(arrivals))
    report.add("memory", "show process at the end (MB)", memory[-1])
    report.add("memory", "growth since swap 4 (%)", 100 * (memory[-1] / settled - 1))
    report.add("memory", "processes of the server", 1 + len(process.children(recursive=True)))


def _wait_for_handover(server: ServerProcess, number: int) -> None:
    end_s = time.monotonic() + _PATIENCE_S
    while time.monotonic() < end_s:
        status = server.osc.status()
        if status is not None and status["handovers"] == number:
            return
        time.sleep(0.1)
    raise AvserverError(f"swap {number} did not happen in {_PATIENCE_S:g} s:\n{server.printed}")
