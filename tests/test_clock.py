"""Clocks are told the time; nothing here sleeps."""

import pytest

from avserver.clock import SongClock, Tick, WallClock


def test_ticks_fall_on_multiples_of_the_frame_time() -> None:
    clock = WallClock(fps=25)
    assert clock.due(100.0) == Tick(0, 0.0)
    assert clock.due(100.02) is None
    assert clock.wait_s(100.02) == pytest.approx(0.02)
    assert clock.due(100.04) == Tick(1, 0.04)
    assert clock.skipped == 0


def test_missed_ticks_are_skipped_and_counted() -> None:
    clock = WallClock(fps=10)
    clock.due(0.0)
    assert clock.due(0.55) == Tick(5, 0.5)
    assert clock.skipped == 4
    assert clock.due(0.61) == Tick(6, 0.6)
    assert clock.skipped == 4


def test_a_timer_that_wakes_exactly_on_time_gets_its_tick() -> None:
    clock = WallClock(fps=30)
    now_s = 12345.678
    clock.due(now_s)
    for index in range(1, 10_000):
        now_s += clock.wait_s(now_s)
        tick = clock.due(now_s)
        assert tick is not None
        assert tick.index == index
    assert clock.skipped == 0


def test_reset_starts_again() -> None:
    clock = WallClock(fps=10)
    clock.due(0.0)
    clock.due(5.0)
    clock.reset()
    assert clock.due(7.0) == Tick(0, 0.0)
    assert clock.skipped == 0


def test_a_song_yields_every_frame_at_the_times_of_a_wall_clock() -> None:
    ticks = list(SongClock(fps=30, duration_s=2.0))
    assert [tick.index for tick in ticks] == list(range(60))
    wall = WallClock(fps=30)
    wall.due(0.0)
    assert wall.due(ticks[7].index / 30 + 0.001) == ticks[7]
