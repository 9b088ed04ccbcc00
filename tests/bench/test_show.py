"""The bench of a whole show."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from avserver.bench.show import Arrival, click_latencies_ms
from avserver.frame import Flags, FrameHeader

START_NS = 1_700_000_000_000_000_000


def arrival(index: int, brightness: float, delay_s: float, flags: Flags = Flags.NONE) -> Arrival:
    """Return a frame of a 25 fps show whose song began at START_NS, `delay_s` after its tick."""
    t_s = index / 25
    header = FrameHeader(
        width_px=1, height_px=1, pixel_format="RGB8", row_bytes=3, index=index, t_s=t_s, published_ns=0,
        audio_ns=START_NS + int((t_s - index % 3 * 1e-3) * 1e9), flags=flags, size_bytes=3,
    )  # fmt: skip
    return Arrival(START_NS + int((t_s + delay_s) * 1e9), header, brightness)


def test_a_click_is_timed_from_its_sample_to_the_first_frame_it_lit_up() -> None:
    # A click at 0.99 s; the picture is lit from frame 26 (1.04 s) on, which arrives 30 ms after its tick.
    brightness = dict.fromkeys(range(100), 4.0) | {26: 80.0, 27: 60.0, 28: 20.0}
    arrivals = [arrival(index, value, 0.03) for index, value in brightness.items()]
    assert click_latencies_ms(arrivals, [0.99]) == pytest.approx([80.0], abs=0.1)


def test_repeated_frames_and_clicks_that_nobody_saw_do_not_count() -> None:
    arrivals = [arrival(index, 4.0, 0.03) for index in range(50)]
    arrivals.append(arrival(50, 90.0, 0.03, Flags.REPEATED))
    assert click_latencies_ms(arrivals, [0.5, 1.9]) == []


@pytest.mark.slow
def test_bench_measures_a_real_server(tiny_model: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "avserver",
        "bench",
        "show",
        "--duration",
        "5",
        "--json",
        "--model",
        str(tiny_model),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["rate"]["new frames a second at subscriber"] > 5
    assert figures["rate"]["pictures a second at viewer"] > 1
    assert figures["memory (MB)"]["render worker"] > figures["memory (MB)"]["show process"] > 20
    assert int(figures["click to frame"]["clicks seen"]) >= 6
    assert 10 < figures["click to frame"]["median (ms)"] < 400
    assert figures["render worker killed"]["generated frames again after (s)"] > 0
