"""A generator learns what silk paints."""

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from avserver.errors import ModelError
from avserver.generator import checkpoint
from avserver.training.imitation import silk
from avserver.training.imitation.course import Course, Stage, of_seeds
from avserver.training.imitation.pupil import Pupil
from avserver.training.learner import is_learnt
from avserver.training.state import load_state

TINY = Stage(resolution=8, pictures=24, batch=4, unmixed=0.5, folds=(0.2, 0.3))
LARGER = Stage(resolution=16, pictures=8, batch=4)


def z(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, silk.Z_DIM)).astype(np.float32)


def painted(z: np.ndarray, resolution: int = 32, **more: object) -> np.ndarray:
    return silk.paint(silk.parted(silk.said_by(z)), resolution, **more)


def test_a_z_has_one_picture_and_what_is_near_it_a_similar_one() -> None:
    zs = z(6)
    pictures = painted(zs)
    assert pictures.shape == (6, 32, 32, 3)
    assert np.abs(pictures).max() <= 1
    np.testing.assert_array_equal(pictures, painted(zs))
    np.testing.assert_allclose(painted(3 * zs), pictures, atol=2e-3)  # a mapping network takes no notice of length
    near = np.abs(painted(zs + 0.01 * z(6, 1)) - pictures).mean()
    others = min(np.abs(pictures[i] - pictures[j]).mean() for i in range(6) for j in range(i))
    assert 0 < near < others / 10


def test_a_picture_is_the_same_at_every_size() -> None:
    large = painted(z(3), 128)
    small = large.reshape(3, 64, 2, 64, 2, 3).mean(axis=(2, 4))
    assert np.abs(painted(z(3), 64) - small).mean() < 0.02


def test_each_part_is_said_by_its_own_ws() -> None:
    said = silk.said_by(z(2))
    for num_ws in (4, 6, 14):
        weights = silk.shares(num_ws)
        assert [weight.sum() for weight in weights.values()] == pytest.approx([1, 1, 1])
        mixed = np.repeat(said[:1, None], num_ws, axis=1)
        mixed[:, weights["colour"] > 0] = said[1]
        both = silk.said_by_ws(mixed)
        np.testing.assert_allclose(both.colour, silk.parted(said[1:]).colour, atol=1e-6)
        if num_ws == 14:
            np.testing.assert_allclose(both.form, silk.parted(said[:1]).form, atol=1e-6)


def test_noise_moves_what_is_painted() -> None:
    stage = Stage(resolution=32, pictures=64, batch=64)
    lesson = stage.lesson(1)
    assert {name: fields.shape for name, fields in lesson.noise.items()} == {
        "16": (64, 2, 16, 16),
        "32": (64, 2, 32, 32),
    }
    np.testing.assert_array_equal(lesson.pictures, stage.lesson(1).pictures)
    said = np.einsum("nlk,nks->nls", lesson.weights, silk.said_by(lesson.z))
    calm = silk.paint(silk.said_by_ws(said), 32, fold=stage.fold_at(1))
    moved = np.abs(calm - lesson.pictures).mean(axis=(1, 2, 3))
    still = np.abs(lesson.noise["16"]).max(axis=(1, 2, 3)) == 0
    assert 0.1 < still.mean() < 0.5
    assert (moved[still] == 0).all()
    assert (moved[~still] > 0.001).all()


def test_it_learns_and_a_run_that_was_stopped_is_one_that_was_not(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    for folder in (whole, parts):
        folder.mkdir()
    Course(whole, (TINY,), look=4).learn()
    asked = iter([False, False, True])
    Course(parts, (TINY,), look=4, stopped=lambda: next(asked)).learn()
    assert load_state(parts / "state.safetensors")[1].counts.generator_steps == 3
    Course(parts, (TINY,), look=4).learn()
    _, one = load_state(whole / "state.safetensors")
    _, other = load_state(parts / "state.safetensors")
    assert one.counts == other.counts
    for name, tensor in one.average.items():
        np.testing.assert_allclose(tensor, other.average[name], atol=1e-5, rtol=1e-4)
    Course(parts, (TINY, LARGER), look=4).learn()
    recipe, grown = load_state(parts / "state.safetensors")
    assert (recipe.model.resolution, grown.counts.pictures) == (16, TINY.pictures + LARGER.pictures)
    assert (parts / "seeds-000000032.png").exists()


def test_a_course_goes_on_from_a_model_at_its_resolution(tmp_path: Path) -> None:
    Course(tmp_path, (TINY,), look=4).learn()
    model = checkpoint.read(tmp_path / "model.safetensors")
    (tmp_path / "more").mkdir()
    course = Course(tmp_path / "more", (TINY, LARGER), look=4, model=model)
    for name, tensor in course.state.average.items():
        np.testing.assert_array_equal(tensor, model.tensors[name])
    with pytest.raises(ModelError, match=r"kind at 16 px, got .*resolution=8"):
        Course(tmp_path / "more", (LARGER,), model=model)


def test_what_z_says_reaches_the_generator_unchanged() -> None:
    from avserver.generator.mapping_network import LEAK, MappingNetwork
    from avserver.training.imitation.pupil import attentive

    config = TINY.recipe.model
    tensors = {**attentive(config), "mapping.w_avg": np.zeros(config.w_dim, np.float32)}
    w = np.asarray(MappingNetwork(config, tensors)(z(4)))
    told = (w[:, : silk.SAID] - w[:, silk.SAID : 2 * silk.SAID]) / (1 + LEAK) / 2**0.5
    np.testing.assert_allclose(told, silk.said_by(z(4)), atol=1e-5)


def test_some_steps_bring_it_nearer() -> None:
    import dataclasses

    from avserver.training.imitation.course import _beginner

    stage = dataclasses.replace(TINY, pictures=40 * 16, batch=16, unmixed=1.0, noisy=False)
    state = _beginner(stage.recipe)
    buffers = {name: tensor for name, tensor in state.buffers.items() if not is_learnt(name)}
    pupil = Pupil(stage.recipe.model, buffers, kept=0.0)
    test = of_seeds(stage, range(16))
    generator, average = state.generator, state.average
    before = np.abs(pupil.draw(generator["params"], test) - test.pictures).mean()
    for step in range(1, stage.steps + 1):
        generator, average, _ = pupil.step(generator, average, step, 0.006, stage.lesson(step))
    after = np.abs(pupil.draw(generator["params"], test) - test.pictures).mean()
    assert after < 0.9 * before


def test_the_command_takes_the_last_stage_as_it_is_told(tmp_path: Path) -> None:
    stage = ["--largest", "16", "--pictures", "64", "--rate", "0"]
    command = [sys.executable, "-m", "avserver.training.imitation", str(tmp_path / "run"), *stage]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with (tmp_path / "run" / "log.csv").open() as log:
        (row,) = csv.DictReader(log)
    assert (row["pictures"], row["resolution"]) == ("64", "16")
    # At a rate of 0 nothing is learnt: the biases are as they began.
    model = checkpoint.read(tmp_path / "run" / "model.safetensors")
    assert not model.tensors["synthesis.b4.conv1.bias"].any()
