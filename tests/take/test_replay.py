"""Takes that are replayed: what was decided comes again, and whoever turns a knob has it."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from avserver.frame_spec import FrameSpec
from avserver.take.decision import Decision
from tests.take.performing import FPS, settings, written
from tests.take.stage import Stage, same

# A take of the middle of a show, so that what a replay decides by itself is not what was decided then.
FIRST, SECONDS = 21, 3.5
COUNT = round(SECONDS * FPS) - FIRST


def a_vj(tick: int) -> list[tuple[str, object]]:
    return {
        3: [("/noise/speed", 3.0), ("/choir/drums/next", 1)],
        30: [("/grade/hue", 90.0)],
        35: [("/output/freeze", True)],
        38: [("/output/freeze", False), ("/grade/contrast", 1.5)],
        45: [("/grade/saturation", 0.5), ("/lock", True), ("/segment/next", 1)],
        50: [("/panic", 1)],
    }.get(tick, [])


@pytest.fixture(scope="module")
def kept(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Decision]]:
    path = tmp_path_factory.mktemp("replay") / "a.take"
    return path, written(path, settings(tiny_model), SECONDS, a_vj, first=FIRST)


def test_what_was_decided_comes_again_and_the_knobs_move_as_they_did(kept: tuple[Path, list[Decision]]) -> None:
    path, made = kept
    stage = Stage(path)
    for number, decision in enumerate(made):
        spec = stage.next()
        assert (spec.index, spec.t_s) == (number, number / FPS)
        if decision.spec is not None:
            assert same(spec, decision.spec)
        for address in ("/output/freeze", "/grade/hue", "/grade/saturation", "/noise/speed"):
            assert stage.desk.values[address] == decision.knobs[address]
        # How the show is run is not the take's.
        assert not stage.desk.values["/lock"]
    assert stage.turned == ""
    assert stage.role == dataclasses.replace(made[0].role, editions=stage.role.editions)
    # After its end the last frame stays.
    assert same(stage.next(), made[-1].spec)


def test_a_loop_begins_again(kept: tuple[Path, list[Decision]]) -> None:
    path, made = kept
    stage = Stage(path, loop=True)
    specs = [stage.next() for _ in range(2 * COUNT)]
    assert same(specs[COUNT], made[0].spec)
    assert same(specs[-1], made[-1].spec)
    assert stage.turned == ""


Part = Callable[[FrameSpec], object]


@pytest.mark.parametrize(
    ("address", "value", "part", "expected"),
    [
        ("/grade/saturation", 0.0, lambda spec: spec.grade.saturation, 0.0),
        ("/output/opacity", 0.25, lambda spec: spec.grade.opacity, 0.25),
        ("/latent/truncation_psi", 0.5, lambda spec: spec.truncation_psi, 0.5),
        ("/noise/strength", 1.5, lambda spec: spec.noise[0].strength, 1.5),
        ("/feedback/amount", 0.5, lambda spec: spec.feedback.amount, 0.5),
        ("/direction/1/amount", 2.0, lambda spec: spec.directions[0].amount, 2.0),
        ("/output/strobe_safe", True, lambda spec: spec.strobe_safe, True),
        ("/choir/tempo/seed/1", 4711, lambda spec: 4711 in {s for term in spec.latents for s in term.seeds}, True),
    ],
)
def test_what_a_hand_turns_is_its_own_and_a_panic_gives_it_back(
    kept: tuple[Path, list[Decision]], address: str, value: object, part: Part, expected: object
) -> None:
    path, made = kept
    stage = Stage(path)
    for _ in range(3):
        stage.next()
    stage.turn(address, value)
    specs = [stage.next() for _ in range(3, 12)]
    # Knobs are smoothed, seeds fade in.
    assert part(specs[-1]) == pytest.approx(expected, abs=0.03)
    assert stage.turned == address
    others = {"latents", "grade", "noise", "feedback", "directions", "strobe_safe", "truncation_psi", "bends"}
    same_parts = {name for name in others if getattr(specs[-1], name) == getattr(made[11].spec, name)}
    assert len(others - same_parts) == 1
    stage.turn("/panic", 1)
    stage.next()
    assert stage.turned == ""
    assert same(stage.next(), made[13].spec)


def test_a_knob_that_is_turned_stays_though_the_take_turns_it_too(kept: tuple[Path, list[Decision]]) -> None:
    path, made = kept
    stage = Stage(path)
    stage.next()
    stage.turn("/grade/hue", -45.0)
    specs = [stage.next() for _ in range(1, COUNT)]
    assert specs[-1].grade.hue == pytest.approx(-45.0, abs=0.1)
    assert made[25].spec.grade.hue == pytest.approx(90.0, abs=0.5)
    assert specs[24].grade.contrast == pytest.approx(1.5, abs=0.05)


def test_seeds_and_the_fields_of_noise_do_not_jump_when_hands_take_them_over(
    kept: tuple[Path, list[Decision]],
) -> None:
    path, made = kept
    stage = Stage(path)
    for _ in range(5):
        before = stage.next()
    stage.turn("/choir/drums/first", 0.5)
    stage.turn("/noise/speed", 0.0)
    for _ in range(15):
        after = stage.next()
        for term in after.latents:
            assert sum(term.weights) == pytest.approx(1.0)
        step = abs(after.noise[0].phase - before.noise[0].phase)
        assert step < 0.4  # rad, of 94 in all; as in the take, at three times the usual speed
        before = after
    assert step == pytest.approx(0.0, abs=1e-3)
    assert made[19].spec.noise[0].phase != after.noise[0].phase


def test_at_another_rate_it_lasts_as_long(kept: tuple[Path, list[Decision]]) -> None:
    path, made = kept
    stage = Stage(path, fps=50.0)
    specs = [stage.next() for _ in range(round(COUNT / FPS * 50))]
    assert same(specs[50], made[20].spec)
    assert same(specs[5], made[2].spec)
    assert not same(specs[51], made[20].spec)
