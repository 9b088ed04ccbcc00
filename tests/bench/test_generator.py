"""The bench of drawing alone."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from avserver.bench.generator import work_gflop
from avserver.generator.architecture import StyleGAN2Config


def test_the_work_is_that_of_the_convolutions() -> None:
    config = StyleGAN2Config(resolution=8, z_dim=4, w_dim=4, channel_base=32, channel_max=4, mapping_layers=2)
    at_4 = 2 * 16 * (9 * 4 * 4 + 4 * 3)
    # conv0 multiplies at the 4 by 4 samples that it doubles.
    at_8 = 2 * (16 * 9 * 4 * 4 + 64 * (9 * 4 * 4 + 4 * 3))
    assert work_gflop(config) == pytest.approx((at_4 + at_8) / 1e9)


@pytest.mark.slow
def test_bench_measures_a_real_generator(tiny_model: Path) -> None:
    command = [sys.executable, "-m", "avserver", "bench", "generator", "--frames", "10", "--json"]
    done = subprocess.run([*command, "--model", str(tiny_model)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["model"]["resolution (px)"] == 16
    assert figures["first frame"]["first start (s)"] > 0
    assert figures["speed"]["times as fast as plain"] > 0
    assert figures["work"]["matrix product (GFLOP/s)"] > 0
    # A difference of two timings: on a busy machine it may be anything.
    assert np.isfinite(figures["parts"]["affine warp at 128x128x64 (ms)"])
    assert figures["memory"]["process (MB)"] > 100
