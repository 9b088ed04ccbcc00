"""The bench of outputs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_bench_compares_what_frames_cost(tiny_model: Path) -> None:
    command = [sys.executable, "-m", "avserver", "bench", "outputs", "--duration", "5", "--json"]
    done = subprocess.run([*command, "--model", str(tiny_model)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    for way in ("tcp", "ipc"):
        delay = figures[f"ZeroMQ 1080p RGBA over {way}"]
        assert delay["frame to receiver, median (ms)"] > delay["bare message to receiver, median (ms)"] / 2 > 0
    assert figures["newest frame, read at 10 Hz"]["age, median (ms)"] > 0
    assert figures["10 stalled subscribers"]["new frames a second with"] > 0
