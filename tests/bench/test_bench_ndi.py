"""The bench of the NDI output: frames go through both ways; what it costs is for a quiet machine to say."""

import pytest

from avserver.bench.ndi import bench_ndi
from avserver.bench.report import Report
from tests.conftest import missing

try:
    import NDIlib
except ImportError:
    NDIlib = None


@pytest.mark.slow
def test_both_ways_are_measured() -> None:
    if NDIlib is None:
        missing("ndi-python is not installed")
    report = Report()
    bench_ndi(report, duration_s=4.0)
    (figures,) = report.figures.values()
    assert figures["avserver: received (fps)"] > 0
    assert figures["NDI alone: received (fps)"] > 0
    assert figures["NDI alone: CPU (ms a frame)"] > 0
