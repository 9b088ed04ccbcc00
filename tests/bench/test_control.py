"""The bench of control."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_bench_measures_how_a_real_server_obeys(tiny_model: Path) -> None:
    command = [sys.executable, "-m", "avserver", "bench", "control", "--duration", "5", "--json"]
    done = subprocess.run([*command, "--model", str(tiny_model)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["OSC message to FrameSpec"]["median (ms)"] > 0
    assert figures["OSC message to frame at subscriber"]["median (ms)"] > 0
    assert figures["rain of messages"]["received a second"] > 1000
    assert figures["rain of messages"]["new frames a second, rain"] > 0
