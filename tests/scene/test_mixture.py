"""Mixtures of seeds: the weights sum to 1, and neither they nor their speeds ever jump."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avserver.scene.mixture import FAINT, MOST_SEEDS, Glide, LinearGlide, Pursuit

glide_times = st.sampled_from([0.05, 0.2, 0.4167, 1.0, 5.0, 30.0])
# When (in frames since the last), where to, and in what time.
hits = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 5), glide_times), min_size=1, max_size=12)
DT_S = 1 / 60


def change(one: dict[int, float], other: dict[int, float]) -> float:
    """Return the largest change of a weight."""
    return max(abs(one.get(seed, 0.0) - other.get(seed, 0.0)) for seed in one | other)


def glided(plan: list[tuple[int, int, float]], dt_s: float = DT_S, last_s: float = 0.1) -> list[dict[int, float]]:
    """Return the weights at every frame of a glide that is sent from seed to seed, and `last_s` longer."""
    glide = Glide()
    glide.to(99, 1.0, 0.0)
    frames = [glide.at(0.0)]
    for wait, seed, glide_s in [*plan, (round(last_s / dt_s), 0, 1.0)]:
        begun = len(frames)
        frames += [glide.at(tick * dt_s) for tick in range(begun, begun + wait)]
        now_s = (len(frames) - 1) * dt_s
        glide.to(seed, glide_s, now_s)
        # A new glide begins where the last one was, but for seeds that are too faint to be seen.
        assert change(glide.at(now_s), frames[-1]) < 5 * FAINT
    return frames


def test_the_first_seed_is_there_at_once():
    glide = Glide()
    glide.to(7, 10.0, 3.0)
    assert glide.at(3.0) == {7: 1.0}


def test_a_glide_takes_its_time_and_arrives_at_rest():
    glide = Glide()
    glide.to(1, 1.0, 0.0)
    glide.to(2, 2.0, 5.0)
    assert glide.at(5.0) == {1: 1.0, 2: 0.0}
    assert glide.at(6.0) == pytest.approx({1: 0.5, 2: 0.5})
    assert glide.at(5.0 + 1e-4)[2] == pytest.approx(0.0, abs=1e-8)  # from rest
    assert glide.at(7.0 - 1e-4)[2] == pytest.approx(1.0, abs=1e-8)  # to rest
    assert glide.at(7.0) == {2: 1.0}


def test_no_glide_is_a_jump():
    glide = Glide()
    glide.to(1, 1.0, 0.0)
    glide.to(2, 0.0, 0.5)
    assert glide.at(0.5) == {2: 1.0}


def test_an_interrupted_glide_follows_the_hermite_spline():
    glide = Glide()
    glide.to(1, 1.0, 0.0)
    glide.to(2, 1.0, 0.0)
    glide.to(3, 1.0, 0.5)
    place, speed, u = 0.5, 1.5, 0.25  # of seed 2 at 0.5 s; then to 0, at rest
    h00, h10 = 2 * u**3 - 3 * u**2 + 1, u**3 - 2 * u**2 + u
    assert glide.at(0.75)[2] == pytest.approx(place * h00 + speed * h10)


def test_an_interrupted_linear_glide_goes_straight_on_from_where_it_is():
    glide = LinearGlide()
    glide.to(1, 1.0, 0.0)
    glide.to(2, 1.0, 0.0)
    assert glide.at(0.25) == pytest.approx({1: 0.75, 2: 0.25})
    glide.to(3, 2.0, 0.5)
    assert glide.at(0.5) == pytest.approx({1: 0.5, 2: 0.5, 3: 0.0})
    assert glide.at(1.5) == pytest.approx({1: 0.25, 2: 0.25, 3: 0.5})
    assert glide.at(2.5) == {3: 1.0}


@given(hits)
def test_weights_sum_to_1_and_stay_within_reach(plan):
    for weights in glided(plan):
        assert sum(weights.values()) == pytest.approx(1.0, abs=1e-9)
        assert all(-0.5 < weight < 1.5 for weight in weights.values())
        assert len(weights) <= MOST_SEEDS


@settings(max_examples=40)
@given(hits)
def test_neither_place_nor_speed_jumps(plan):
    """Fine frames see small changes of place, and small changes of their speed."""
    shortest_s = min(glide_s for _, _, glide_s in plan)
    dt_s = shortest_s / 100
    frames = glided([(wait * 5, seed, glide_s) for wait, seed, glide_s in plan], dt_s, last_s=2 * shortest_s)
    seeds = sorted({seed for weights in frames for seed in weights})
    places = np.array([[weights.get(seed, 0.0) for seed in seeds] for weights in frames])
    speeds = np.diff(places, axis=0) / dt_s
    # A glide from rest is at most as fast as 1.5 / glide_s; the speed it is interrupted with can add to that.
    assert np.abs(speeds).max(initial=0.0) < 3.0 / shortest_s
    # A glide from rest speeds up by at most 6 / glide_s², an interrupted one by 4 · speed / glide_s more.
    assert np.abs(np.diff(speeds, axis=0)).max(initial=0.0) / dt_s < 20.0 / shortest_s**2


def test_a_long_glide_after_a_short_one_does_not_swing_out():
    glide = Glide()
    glide.to(1, 0.05, 0.0)
    glide.to(2, 0.05, 0.0)
    glide.to(1, 30.0, 0.025)
    swing = [glide.at(0.025 + i * 0.001)[2] for i in range(30_000)]
    assert max(swing) < 0.75
    assert swing[0] == pytest.approx(0.5)


def test_dragging_a_seed_keeps_the_mixture_small():
    glide = Glide()
    glide.to(0, 1.0, 0.0)
    before = glide.at(0.0)
    for tick in range(1, 2000):
        glide.to(tick, 30.0, tick * DT_S)
        weights = glide.at(tick * DT_S)
        assert len(weights) <= MOST_SEEDS
        assert sum(weights.values()) == pytest.approx(1.0, abs=1e-9)
        assert change(before, weights) < 0.02
        before = weights
    assert glide.at(1e6) == {1999: 1.0}


def test_hits_that_never_let_it_rest_leave_no_faint_seeds_behind():
    glide = Glide()
    for tick in range(400):
        if tick % 8 == 0:
            glide.to(tick, 0.4, tick * DT_S)
        weights = glide.at(tick * DT_S)
    assert len(weights) < 16  # of 50


targets = st.lists(st.lists(st.floats(0.01, 1.0), min_size=4, max_size=4), min_size=1, max_size=40)


def pursued(plan: list[list[float]], glide_s: float, repeats: int = 1, dt_s: float = DT_S) -> list[dict[int, float]]:
    pursuit, frames, t_s = Pursuit(), [], 0.0
    for shares in plan:
        target = {seed: share / sum(shares) for seed, share in enumerate(shares)}
        for _ in range(repeats):
            pursuit.after(target, glide_s, t_s)
            frames.append(pursuit.at(t_s))
            t_s += dt_s
    return frames


@given(targets, glide_times)
def test_a_pursuit_sums_to_1_and_stays_between_its_targets(plan, glide_s):
    frames = pursued(plan, glide_s)
    for weights in frames:
        assert sum(weights.values()) == pytest.approx(1.0, abs=1e-9)
        assert all(-1e-9 <= weight <= 1.0 + 1e-9 for weight in weights.values())
    for before, after in pairwise(frames):
        assert change(before, after) <= 4.744 / glide_s / math.e * DT_S + 1e-9  # the fastest a step is answered


@given(targets, glide_times)
def test_a_pursuit_does_not_depend_on_the_frame_rate(plan, glide_s):
    # The first target is stood at from the start; a target counts for the time up to its frame.
    plan = [plan[0], *plan]
    slow = pursued(plan, glide_s)[-1]
    pursuit = Pursuit()
    pursuit.after({seed: share / sum(plan[0]) for seed, share in enumerate(plan[0])}, glide_s, 0.0)
    for tick, shares in enumerate(plan[1:], start=1):
        target = {seed: share / sum(shares) for seed, share in enumerate(shares)}
        for part in (1, 2, 3):
            pursuit.after(target, glide_s, (tick - 1 + part / 3) * DT_S)
    assert pursuit.at(0.0) == pytest.approx(slow, abs=1e-6)


def test_a_pursuit_has_done_95_percent_of_a_step_after_its_time():
    pursuit = Pursuit()
    pursuit.after({1: 1.0}, 2.0, 0.0)
    pursuit.after({2: 1.0}, 2.0, 2.0)
    assert pursuit.at(2.0) == pytest.approx({1: 0.05, 2: 0.95}, abs=1e-4)
    pursuit.after({2: 1.0}, 2.0, 20.0)
    assert pursuit.at(20.0) == {2: pytest.approx(1.0)}


def test_a_pursuit_that_turns_slow_does_not_swing_out():
    pursuit = Pursuit()
    pursuit.after({1: 1.0}, 0.05, 0.0)
    pursuit.after({2: 1.0}, 0.05, 0.01)
    swing = []
    for tick in range(3000):
        pursuit.after({1: 1.0}, 30.0, 0.01 + tick * DT_S)
        swing.append(pursuit.at(0.0).get(2, 0.0))
    assert max(swing) < 1.0
    assert swing[-1] == pytest.approx(0.0, abs=0.01)


def test_no_time_is_a_jump_for_a_pursuit():
    pursuit = Pursuit()
    pursuit.after({1: 1.0}, 1.0, 0.0)
    pursuit.after({2: 0.25, 3: 0.75}, 0.0, 0.1)
    assert pursuit.at(0.1) == {2: 0.25, 3: 0.75}
