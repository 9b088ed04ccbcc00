import pytest

from avserver.meter import Meter


def test_the_rate_is_that_of_the_last_two_seconds() -> None:
    meter = Meter()
    for index in range(100):
        meter.shown(index / 25)
    assert meter.fps(4.0) == pytest.approx(25, abs=0.5)
    assert meter.fps(5.0) == pytest.approx(12.5, abs=0.5)
    assert meter.fps(60.0) == 0


def test_durations_are_medians_by_stage() -> None:
    meter = Meter()
    for duration_s in (0.001, 0.002, 0.5):
        meter.took("scene", duration_s)
    with meter.time("analysis"):
        pass
    medians = meter.medians_ms()
    assert medians["scene"] == pytest.approx(2.0)
    assert 0 <= medians["analysis"] < 100


def test_what_is_recent_follows_within_two_seconds():
    meter = Meter()
    assert meter.recent_s("draw") == 0.0
    for duration_s in (*[0.02] * 200, *[0.05] * 40):
        meter.took("draw", duration_s)
    assert meter.recent_s("draw") == 0.05
    assert meter.medians_ms()["draw"] == 20.0
