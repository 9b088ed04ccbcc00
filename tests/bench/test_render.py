from pathlib import Path

from avserver.bench.render import bench_render
from avserver.bench.report import Report


def test_bench_renders_a_real_film(tiny_model: Path) -> None:
    report = Report()
    bench_render(report, model=str(tiny_model), duration_s=2.0)
    figures = report.figures
    assert figures["film"]["size (px)"] == "16x16"
    assert figures["film"]["frames"] == 44
    assert figures["film"]["frames a second"] > 0
    assert all(ms > 0 for ms in figures["a frame"].values())
    assert 0 < figures["generator"]["busy (%)"] < 100
