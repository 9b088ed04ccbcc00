"""Faders that stand elsewhere than their parameters, and knobs without end."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avserver.control.midi.encoder import ENCODINGS, Encoder
from avserver.control.midi.takeover import NEAR, Takeover

POSITIONS = st.integers(0, 127).map(lambda value: value / 127)
SWEEPS = st.lists(POSITIONS, min_size=2, max_size=40)


def played(kind: str, start: float, positions: list[float]) -> list[float]:
    """Return where the parameter stands after each move."""
    takeover, stands, stood = Takeover(kind), start, []
    for position in positions:
        there = takeover.move(position, stands)
        stands = stands if there is None else there
        stood.append(stands)
    return stood


@given(POSITIONS, SWEEPS)
def test_jump_is_always_where_the_fader_is(start: float, positions: list[float]) -> None:
    assert played("jump", start, positions) == positions


@given(POSITIONS, SWEEPS)
def test_pickup_waits_for_the_fader_and_never_jumps_further_than_it_did(start: float, positions: list[float]) -> None:
    takeover, stands, last, caught = Takeover("pickup"), start, None, False
    for position in positions:
        moved = 0.0 if last is None else abs(position - last)
        passed = last is not None and min(last, position) <= stands <= max(last, position)
        caught = caught or passed or abs(position - stands) <= NEAR
        there = takeover.move(position, stands)
        assert there == (position if caught else None)
        if there is not None:
            assert abs(there - stands) <= max(moved, NEAR) + 1e-9
            stands = there
        last = position


@given(POSITIONS, SWEEPS, st.floats(0, 1))
def test_what_somebody_else_turned_has_to_be_picked_up_again(
    start: float, positions: list[float], elsewhere: float
) -> None:
    takeover = Takeover("pickup")
    for position in positions:
        takeover.move(position, start)
    takeover.lose()
    last, near = positions[-1], positions[-1] + 1e-3
    untouched = takeover.move(near, elsewhere)
    assert (untouched is None) == (abs(near - elsewhere) > NEAR and not last <= elsewhere <= near)


@given(POSITIONS, SWEEPS)
def test_scale_moves_with_the_fader_and_meets_it_at_the_ends(start: float, positions: list[float]) -> None:
    stood = played("scale", start, positions)
    for (last, position), (before, after) in zip(pairwise(positions), pairwise(stood), strict=True):
        assert 0.0 <= after <= 1.0
        assert (after - before) * (position - last) >= 0
        if position in (0.0, 1.0) and position != last:
            assert after == pytest.approx(position)
        if before == pytest.approx(last):
            assert after == pytest.approx(position)


def test_a_choice_is_picked_up_anywhere_in_its_share_of_the_way() -> None:
    takeover = Takeover("pickup")
    assert takeover.move(0.9, 0.5) is None
    assert takeover.move(0.6, 0.5, same=True) == 0.6


# The smallest and the largest turn, up and down.
@pytest.mark.parametrize(
    ("encoding", "up", "down"),
    [
        ("signed", (1, 64), (65, 127)),
        ("signed2", (65, 127), (1, 64)),
        ("offset", (65, 127), (63, 1)),
        ("twos", (1, 64), (127, 65)),
    ],
)
def test_four_ways_to_write_a_turn(encoding: str, up: tuple[int, int], down: tuple[int, int]) -> None:
    steps = ENCODINGS[encoding]
    assert [steps(up[0]), steps(down[0]), steps(0)] == [1, -1, 0]
    assert all(steps(value) == number for number, value in enumerate(range(up[0], up[1] + 1), start=1))
    towards = 1 if down[1] > down[0] else -1
    assert all(-steps(value) == number for number, value in enumerate(range(down[0], down[1] + towards, towards), 1))


@given(st.sampled_from(sorted(ENCODINGS)), st.floats(1, 100), st.lists(st.tuples(st.integers(0, 127), st.floats(0, 1))))
def test_an_encoder_never_turns_the_other_way_and_never_further_than_it_may(
    encoding: str, acceleration: float, turns: list[tuple[int, float]]
) -> None:
    encoder, now_s = Encoder(encoding, acceleration), 0.0
    for value, pause_s in turns:
        now_s += pause_s
        steps = ENCODINGS[encoding](value)
        turned = encoder.turn(value, now_s)
        assert min(steps, steps * acceleration) - 1e-9 <= turned <= max(steps, steps * acceleration) + 1e-9


def test_slow_turns_are_fine_and_fast_ones_coarse() -> None:
    encoder = Encoder("twos", 4.0)
    assert [encoder.turn(1, t_s) for t_s in (0.0, 1.0, 1.055, 1.065, 1.066)] == pytest.approx([1, 1, 2.5, 4, 4])
