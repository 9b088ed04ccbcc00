"""How far the beat of frames is from that of another Link peer at the moment they arrive.

The peer is this process; the show is a process of its own, started as a user starts it. Which phase drove a frame is
read from the web page's signals, when the frame arrived from a ZeroMQ subscriber.
"""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from avserver.bench.show import Subscriber, Viewer
from avserver.frame import Flags
from avserver.server_process import ServerProcess

_FPS = 30.0
_BPM = 126.0
# The show learns from its first seconds how long its frames take.
_SETTLE_S = 6.0
_FIND_EACH_OTHER_S = 10.0


class Page(Viewer):
    """Somebody at the web page who notes the beat phase of frames by their index."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.phases: dict[int, float] = {}

    def take(self, message: str | bytes) -> None:
        """Take a state; pictures are not looked at."""
        signals = json.loads(message).get("signals") if isinstance(message, str) else None
        if signals:
            self.phases[round(signals["t_s"] * _FPS)] = signals["beat_phase"]


def link_phase(folder: Path, *, model: str = "default", duration_s: float = 20.0) -> dict[str, float]:
    """Play a show in a Link session with this process for `duration_s`, and return figures of its phase error.

    They are in milliseconds, positive where a frame is ahead of the beat. Needs the extra `link`.
    """
    import link  # noqa: PLC0415  (an extra)

    peer = link.Link(_BPM)
    peer.enabled = True
    server = ServerProcess(["--model", model, "--fps", str(_FPS), "--loop"], log=folder / "link.log", preview=True)
    with server, Subscriber(server.zeromq) as subscriber:
        server.wait_until("playing")
        server.osc.send("/tempo/source", "link")
        _wait_for(peer)
        with Page(server.preview) as page:
            time.sleep(_SETTLE_S)
            begin_ns, offset_begin = time.time_ns(), _link_minus_unix_us(peer)
            time.sleep(duration_s)
            end_ns, offset_end = time.time_ns(), _link_minus_unix_us(peer)
        state = peer.captureAppSessionState()
        errors_ms, latencies_ms = [], []
        for arrival in subscriber.between(begin_ns, end_ns):
            phase = page.phases.get(arrival.header.index)
            if phase is None or Flags.REPEATED in arrival.header.flags:
                continue
            # The two clocks drift apart.
            offset_us = np.interp(arrival.unix_ns, (begin_ns, end_ns), (offset_begin, offset_end))
            expected = state.phaseAtTime(round(arrival.unix_ns / 1e3 + offset_us), 1.0)
            latencies_ms.append(arrival.unix_ns / 1e6 - arrival.header.t_s * 1e3)
            errors_ms.append(((phase - expected + 0.5) % 1.0 - 0.5) * 60e3 / state.tempo())
    peer.enabled = False
    if not errors_ms:
        raise RuntimeError("no frame arrived whose phase is known: the machine is too busy to measure")
    return {
        "frames": len(errors_ms),
        "error, median (ms)": float(np.median(errors_ms)),
        "its magnitude, median (ms)": float(np.median(np.abs(errors_ms))),
        "frames late or early, median (ms)": float(np.median(np.abs(np.array(latencies_ms) - np.median(latencies_ms)))),
        "its magnitude, 95th percentile (ms)": float(np.percentile(np.abs(errors_ms), 95)),
    }


def _wait_for(peer: Any) -> None:
    end_s = time.monotonic() + _FIND_EACH_OTHER_S
    while not peer.numPeers():
        if time.monotonic() > end_s:
            raise RuntimeError("the show did not join the Link session")
        time.sleep(0.05)


def _link_minus_unix_us(peer: Any) -> float:
    """Return how far Link's clock is ahead of Unix time (µs), by the closest of some comparisons."""
    best = (float("inf"), 0.0)
    for _ in range(20):
        before_ns = time.time_ns()
        link_us = peer.clock().micros()
        took_ns = time.time_ns() - before_ns
        best = min(best, (took_ns, link_us - (before_ns + took_ns / 2) / 1e3))
    return best[1]
