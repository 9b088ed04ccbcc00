"""The policy of live sources, with sound that arrives as the tests say. All times are arguments: nothing sleeps."""

import numpy as np
import pytest

from avserver.audio.live import CLOSE_S, FAR_S, OFF_S, LiveSource
from avserver.audio.source import Samples

RATE = 44_100
FPS = 30


class Arriving(LiveSource):
    """What `arrived` gives: samples that count up from 1, so that each is known by its value."""

    def __init__(self) -> None:
        super().__init__(RATE)
        self.arrived = 0
        self._fetched = 0

    def _fetch(self, now_s: float) -> Samples:
        block = np.arange(self._fetched, self.arrived) / 1e8 + 0.1
        self._fetched = self.arrived
        return block.astype(np.float32)

    def _forget(self) -> None:
        self._fetched = self.arrived

    def _close(self) -> None:
        pass


def play(source, arrived_by, start_s, end_s):
    """Read a source at every frame, `arrived_by(t)` samples having arrived. Returns all that was read."""
    blocks = []
    for frame in range(round(start_s * FPS) + 1, round(end_s * FPS) + 1):
        source.arrived = arrived_by(frame / FPS)
        blocks.append(source.read(frame / FPS))
    return np.concatenate(blocks)


def in_blocks(size, rate=RATE, offset=0):
    """Sound of a device that brings blocks of `size` samples at its own rate."""
    return lambda t_s: offset + int(t_s * rate) // size * size


def silent(block):
    return np.count_nonzero(block == 0)


@pytest.mark.parametrize("size", [64, 256, 960])
def test_a_steady_device_is_heard_without_a_gap(size):
    source = Arriving()
    source.arrived = 5000  # what came before the show is not heard
    source.read(0.0)
    heard = play(source, in_blocks(size, offset=5000), 0, 20)
    first = np.flatnonzero(heard)[0]
    assert first <= RATE / FPS
    assert np.all(heard[first:] > 0)
    assert (source.state, source.gaps, source.silence, source.dropped) == ("playing", 0, 0, 0)
    assert heard.size >= 20 * RATE - size


@pytest.mark.parametrize("ppm", [-300, 300])
def test_a_clock_that_drifts_is_followed_without_a_gap(ppm):
    source = Arriving()
    rate = RATE * (1 + ppm / 1e6)
    heard = play(source, in_blocks(256, rate), 0, 240)  # it drifts by 72 ms
    assert (source.gaps, source.silence, source.dropped) == (0, 0, 0)
    assert abs(source.status()["ahead_ms"]) < 1e3 * CLOSE_S + 3
    # Neither late nor early: the newest sample that was heard is the newest that arrived.
    newest = round((float(heard[-1]) - 0.1) * 1e8)
    assert newest / rate == pytest.approx(240, abs=OFF_S)
    assert np.abs(np.diff(heard[RATE:])).max() < 1e-6, "no jump anywhere"


def test_an_absence_is_silence_and_what_comes_back_is_heard_at_its_time():
    source = Arriving()
    steady = in_blocks(256)
    before = play(source, steady, 0, 2)
    away = play(source, lambda _: steady(2.0), 2, 5)
    assert source.state == "away"
    after = play(source, lambda t_s: steady(t_s - 3.0), 5, 7)  # it goes on where it was
    assert (source.state, source.gaps, source.returns) == ("playing", 1, 1)
    assert silent(before) <= RATE / FPS
    assert silent(away) > (3 - FAR_S) * RATE
    assert silent(after) < 0.1 * RATE
    assert source.silence / RATE == pytest.approx(3, abs=0.1)
    whole = np.concatenate([before, away, after])
    assert whole.size == pytest.approx(7 * RATE, abs=600)
    # A sample that arrived at 6.5 s is at 6.5 s.
    assert round((float(whole[int(6.5 * RATE)]) - 0.1) * 1e8) / RATE == pytest.approx(3.5, abs=0.02)


def test_what_comes_too_fast_is_dropped_and_never_piles_up():
    source = Arriving()
    play(source, lambda t_s: int(3 * t_s * RATE), 0, 10)
    assert source.dropped / RATE == pytest.approx(20, abs=0.3)
    assert source._waiting.size <= FAR_S * RATE


@pytest.mark.parametrize(("hole_s", "silence_s"), [(0.25, 0.25), (0.06, OFF_S)])
def test_a_hole_is_filled_so_that_the_rest_keeps_its_time(hole_s, silence_s):
    """A long one at once; a short one half, when it has lasted, and the rest sample by sample."""
    source = Arriving()
    steady = in_blocks(256)
    play(source, steady, 0, 3)
    play(source, lambda t_s: max(steady(3.0), steady(t_s - hole_s)), 3, 20)
    assert source.gaps == 1
    assert source.silence / RATE == pytest.approx(silence_s, abs=0.035)
    assert source.state == "playing"
    assert abs(source.status()["ahead_ms"]) < 1e3 * CLOSE_S + 3


def test_a_burst_after_a_stall_of_the_network_is_caught_up():
    source = Arriving()
    steady = in_blocks(256)
    play(source, steady, 0, 2)
    play(source, lambda _: steady(2.0), 2, 2.5)
    play(source, steady, 2.5, 6)  # all that had stalled comes at once
    assert source.state == "playing"
    assert abs(source.status()["ahead_ms"]) < 1e3 * OFF_S


def test_before_the_first_sound_there_is_silence_that_nobody_counts():
    source = Arriving()
    heard = play(source, lambda _: 0, 0, 1)
    assert (heard.size, silent(heard)) == (RATE, RATE)
    assert (source.state, source.silence, source.gaps) == ("waiting", 0, 0)


def test_reset_begins_again_with_what_arrives_then():
    source = Arriving()
    play(source, in_blocks(256), 0, 1)
    source.reset()
    source.arrived += RATE
    heard = play(source, in_blocks(256, offset=source.arrived), 0, 1)
    assert source.state == "playing"
    assert silent(heard) <= RATE / FPS


def test_nothing_grows_whatever_arrives():
    source = Arriving()
    rng = np.random.default_rng(1)
    t_s = 0.0
    for _ in range(5000):
        t_s += rng.uniform(0, 0.1)
        source.arrived += int(rng.integers(0, 5000))
        source.read(t_s)
        assert source._waiting.size <= FAR_S * RATE
