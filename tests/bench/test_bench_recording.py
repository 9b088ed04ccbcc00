"""The bench of recordings."""

from pathlib import Path

import pytest

from avserver.bench import recording
from avserver.bench.recording import measure_killed_show, measure_numbered, measure_recorded_show
from avserver.bench.report import Report
from avserver.cli import main


def test_numbered_pictures_are_found_in_their_places(tmp_path: Path) -> None:
    report = Report()
    measure_numbered(report, tmp_path, 2.0)
    figures = report.figures["numbered pictures"]
    assert figures["in the file"] == 60
    # Whatever a loaded machine drops is made good by repeated pictures, which are not in their own place.
    assert figures["at another place than their own"] <= figures["dropped, by its own count"]
    assert report.figures["click to flash"]["clicks with a flash"] >= 2 - figures["dropped, by its own count"]


@pytest.mark.slow
def test_shows_that_record_themselves_are_measured(tiny_model: Path, tmp_path: Path) -> None:
    report = Report()
    measure_recorded_show(report, tmp_path, 3.0, str(tiny_model))
    measure_killed_show(report, tmp_path, str(tiny_model))
    figures = report.figures["recorded show"]
    assert figures["pictures in the file"] == round(30 * figures["seconds, by its own count"]) > 0
    figures = report.figures["killed in the middle"]
    assert figures["pictures in the file (s)"] > figures["recorded until shortly before (s)"] - 1.0


def test_figures_are_written_even_if_a_later_part_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def one_part_fails(report: Report, **_: object) -> None:
        report.add("first part", "dropped", 0)
        raise RuntimeError("the second part failed")

    monkeypatch.setattr(recording, "bench_recording", one_part_fails)
    with pytest.raises(RuntimeError, match="second part"):
        main(["bench", "record", "--json"])
    assert '"dropped": 0' in capsys.readouterr().out
