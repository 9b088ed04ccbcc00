"""Run as a program, `test_augment.py OUT.npz`, it writes what the backend in use makes of one batch."""

import functools
import importlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from avserver.errors import ConfigError
from avserver.generator import backend
from avserver.generator.backend import ops, to_numpy
from avserver.training.augment import KINDS, Adaptive, augment, draw

COUNT, SIZE = 8, 16
CENTRE = (SIZE - 1) / 2
NEUTRAL = np.eye(3, 4, dtype=np.float32)
STILL = np.eye(2, 3, dtype=np.float32)
ANY = np.random.default_rng(5).uniform(-1, 1, (COUNT, SIZE, SIZE, 3)).astype(np.float32)


NUDGE = 1e-2 * np.random.default_rng(6).normal(size=ANY.shape).astype(np.float32)
STILLS = {"matrix": STILL, "colour": NEUTRAL}


def augmented(images, matrix=STILL, colour=NEUTRAL):
    """Return pictures changed by one matrix for all, or one for each."""
    matrix = np.broadcast_to(np.float32(matrix), (COUNT, 2, 3))
    colour = np.broadcast_to(np.float32(colour), (COUNT, 3, 4))
    return to_numpy(augment(images, {"matrix": matrix, "colour": colour}))


def many(p, *kinds, count=20_000):
    return draw(np.random.default_rng(1), count, 64, p, kinds)


def gradient(function, x):
    if backend.name() == "jax":
        jax = importlib.import_module("jax")
        return jax.jit(jax.grad(function))(x)
    tf = importlib.import_module("tensorflow")
    x = tf.convert_to_tensor(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = function(x)
    return tape.gradient(value, x)


@functools.cache
def figures():
    """Return pictures, their gradient as the generator's loss takes it, and one as R1 does; and values beside them."""
    drawn = draw(np.random.default_rng(3), COUNT, SIZE, 0.8)
    loss = backend.program(lambda x: ops.sum(augment(x, drawn) ** 3))
    penalty = backend.program(lambda x: ops.sum(gradient(loss, x) ** 2))
    made = {"images": backend.program(lambda x: augment(x, drawn))(ANY)}
    for name, function in {"loss": loss, "penalty": penalty}.items():
        made |= {f"{name}'": gradient(function, ANY), f"{name}+": function(ANY + NUDGE)}
        made[f"{name}-"] = function(ANY - NUDGE)
    return {name: to_numpy(value) for name, value in made.items()}


@pytest.mark.parametrize(("p", "kinds"), [(0.0, KINDS), (1.0, ())])
def test_nothing_chosen_changes_no_bit(p, kinds):
    drawn = draw(np.random.default_rng(0), COUNT, SIZE, p, kinds)
    np.testing.assert_array_equal(to_numpy(augment(ANY, drawn)), ANY)


def test_the_same_numbers_are_taken_whatever_happens():
    ends = []
    for p, kinds in ((0.0, KINDS), (1.0, KINDS), (0.5, ("colour",))):
        rng = np.random.default_rng(0)
        drawn = draw(rng, COUNT, SIZE, p, kinds)
        assert {name: (array.shape, array.dtype.name) for name, array in drawn.items()} == {
            "matrix": ((COUNT, 2, 3), "float32"),
            "colour": ((COUNT, 3, 4), "float32"),
        }
        ends.append(rng.random())
    assert len(set(ends)) == 1


def test_pictures_are_mirrored_turned_and_moved_to_the_pixel():
    np.testing.assert_array_equal(augmented(ANY, [[-1, 0, 0], [0, 1, 0]]), ANY[:, :, ::-1])
    np.testing.assert_array_equal(augmented(ANY, [[0, 1, 0], [-1, 0, 0]]), np.rot90(ANY, -1, axes=(1, 2)))
    wide = np.pad(ANY, ((0, 0), (3, 3), (3, 3), (0, 0)), mode="reflect")
    np.testing.assert_array_equal(augmented(ANY, [[1, 0, -3], [0, 1, 2]]), wide[:, 5:, : -2 * 3][:, :SIZE])


def test_blits_are_the_eight_symmetries_and_whole_pixels():
    matrices = many(1.0, "pixel")["matrix"]
    turned, moved = matrices[:, :, :2], matrices[:, :, 2]
    kinds, counts = np.unique(turned.reshape(-1, 4), axis=0, return_counts=True)
    np.testing.assert_array_equal(np.sort(np.abs(kinds), axis=1), np.tile([0, 0, 1, 1], (8, 1)))
    np.testing.assert_allclose(counts / len(matrices), 1 / 8, atol=0.02)
    np.testing.assert_array_equal(moved, np.round(moved))
    assert set(np.abs(moved).ravel()) == set(range(9))  # an eighth of 64 px


def test_smooth_pictures_are_warped_as_their_formula_is():
    def wave(x, y):
        return np.stack([np.sin(0.3 * x + 0.2 * y), np.cos(0.25 * y), np.sin(0.2 * x - 0.3 * y + 1)], axis=-1)

    line = np.arange(SIZE) - CENTRE
    x, y = np.meshgrid(line, line)
    matrices = draw(np.random.default_rng(2), COUNT, SIZE, 1.0, ("geometric",))["matrix"]
    at = np.einsum("nij,jhw->inhw", matrices, [x, y, np.ones_like(x)])
    inside = (np.abs(at) < CENTRE - 1).all(axis=0)
    assert inside.mean() > 0.4
    pictures = np.broadcast_to(wave(x, y), (COUNT, SIZE, SIZE, 3)).astype(np.float32)
    np.testing.assert_allclose(augmented(pictures, matrices)[inside], wave(*at)[inside], atol=0.06)


def test_warps_spread_as_in_the_paper():
    matrices = many(1.0, "geometric")["matrix"].astype(np.float64)
    singular = np.log(np.linalg.svd(matrices[:, :, :2], compute_uv=False))
    np.testing.assert_allclose(singular.mean(axis=1).std(), 0.2 * np.log(2), rtol=0.03)  # size
    np.testing.assert_allclose(((singular[:, 0] - singular[:, 1]) / 2).mean(), 0.2 * np.log(2) * 0.798, rtol=0.03)
    moved = -np.linalg.solve(matrices[:, :, :2], matrices[:, :, 2:])[:, :, 0] / 64
    np.testing.assert_allclose(moved.std(axis=0), 0.125, rtol=0.03)


def test_the_finest_chequers_fade_when_they_shrink():
    board = np.where(np.indices((SIZE, SIZE)).sum(axis=0) % 2, 1.0, -1.0)[:, :, None]
    board = np.broadcast_to(board, ANY.shape).astype(np.float32)
    kept = [np.abs(augmented(board, np.diag([step, step, 1.0])[:2])).max() for step in (1.0, 1.5, 2.0)]
    assert kept[0] == 1
    assert kept[1] < 0.2
    assert kept[2] < 1e-6


def test_nothing_comes_in_from_beyond_the_borders():
    drawn = draw(np.random.default_rng(4), COUNT, SIZE, 1.0, ("pixel", "geometric"))
    np.testing.assert_allclose(to_numpy(augment(np.ones_like(ANY), drawn)), 1, atol=1e-6)


def test_colours_are_mixed_as_matrices_say():
    colour = draw(np.random.default_rng(4), COUNT, SIZE, 1.0, ("colour",))["colour"]
    wanted = np.einsum("nij,nhwj->nhwi", colour[:, :, :3], ANY) + colour[:, None, None, :, 3]
    np.testing.assert_allclose(augmented(ANY, colour=colour), wanted, atol=1e-5)


def test_colours_spread_as_in_the_paper():
    colour = many(1.0, "colour")["colour"].astype(np.float64)
    mixing = colour[:, :, :3]
    luma = mixing.sum(axis=2)  # of grey: it stays grey
    np.testing.assert_allclose(luma, np.tile(luma[:, :1], 3), atol=1e-5)
    luma = luma[:, 0]
    np.testing.assert_allclose((luma < 0).mean(), 0.5, atol=0.02)
    np.testing.assert_allclose(np.log(np.abs(luma)).std(), 0.5 * np.log(2), rtol=0.03)
    np.testing.assert_allclose((colour[:, :, 3] / luma[:, None]).std(axis=0), 0.2, rtol=0.03)  # brightness
    red, third = mixing @ [1, -1, 0], mixing @ (np.array([1, 1, -2]) / np.sqrt(3))
    saturation = np.linalg.norm(red, axis=1) / np.abs(luma) / np.sqrt(2)
    np.testing.assert_allclose(np.log(saturation).std(), np.log(2), rtol=0.03)
    np.testing.assert_allclose((red * third).sum(axis=1), 0, atol=1e-3)  # chroma is turned, not sheared
    hue = np.arctan2((red * [1, 1, -2]).sum(axis=1) / np.sqrt(3), (red * [1, -1, 0]).sum(axis=1))
    np.testing.assert_allclose(np.histogram(hue, 4, (-np.pi, np.pi))[0] / len(hue), 0.25, atol=0.02)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_as_many_pictures_change_as_p_says(p):
    def share(kind):
        drawn = many(p, kind)
        matrices, colours = ((drawn[name] != still).any(axis=(1, 2)) for name, still in STILLS.items())
        assert not (matrices & colours).any()
        return (matrices | colours).mean()

    # Half of the mirrorings, a quarter of the turns and 1 in 16² of the moves (up to 8 px each way) are none.
    pixel = 1 - (1 - p / 2) * (1 - p * 3 / 4) * (1 - p * (1 - 1 / 16**2))
    shares = {"pixel": pixel, "geometric": 1 - (1 - p) ** 4, "colour": 1 - (1 - p) ** 4 * (1 - p / 2)}
    for kind, wanted in shares.items():
        np.testing.assert_allclose(share(kind), wanted, atol=0.01)


def test_gradients_are_what_differences_say():
    made = figures()
    for name in ("loss", "penalty"):
        difference = (made[f"{name}+"].astype(float) - made[f"{name}-"]) / 2
        np.testing.assert_allclose((made[f"{name}'"].astype(float) * NUDGE).sum(), difference, rtol=0.01)


def test_backends_agree(tmp_path):
    pytest.importorskip("jax")
    out = tmp_path / "jax.npz"
    environment = {**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": str(Path.cwd())}
    subprocess.run([sys.executable, __file__, out], env=environment, check=True)
    with np.load(out) as theirs:
        for name, ours in figures().items():
            np.testing.assert_allclose(theirs[name], ours, rtol=1e-3, atol=1e-3 * np.abs(ours).max(), err_msg=name)


def test_p_rises_with_a_discriminator_that_learns_by_heart_and_falls_with_one_that_cannot():
    rng = np.random.default_rng(7)
    adaptive = Adaptive(ramp_pictures=100 * COUNT)
    plane, p = np.zeros(ANY[0].size), 0.0

    def noise():
        return rng.uniform(-1, 1, ANY.shape).astype(np.float32)

    def trained(reals, plane, p):
        """Return a linear discriminator after a step of the logistic loss, and p after it."""
        sides = []
        for pictures in (reals, noise()):
            seen = to_numpy(augment(pictures, draw(rng, COUNT, SIZE, p))).reshape(COUNT, -1)
            sides.append((seen, seen @ plane))
        (real, told), (fake, mistold) = sides
        slope = real.T @ (1 / (1 + np.exp(told))) - fake.T @ (1 / (1 + np.exp(-mistold)))
        return plane + 0.02 * slope / COUNT, adaptive.moved(p, float(np.sign(told).mean()), COUNT)

    for _ in range(60):
        plane, p = trained(ANY, plane, p)
    assert 0.08 < p < 0.5  # so many guises that it knows no more than its target
    for _ in range(60):
        plane, p = trained(noise(), plane, p)
    assert p < 0.03


def test_p_goes_all_the_way_in_a_ramp_and_no_farther_than_its_maximum():
    adaptive = Adaptive(target=0.6, ramp_pictures=1000, maximum=0.8)
    assert adaptive.moved(0.1, 0.9, 500) == pytest.approx(0.6)
    assert adaptive.moved(0.6, 0.3, 500) == pytest.approx(0.1)
    assert adaptive.moved(0.3, 0.6, 500) == 0.3
    assert adaptive.moved(0.6, 1.0, 500) == 0.8
    assert adaptive.moved(0.1, -1.0, 500) == 0


@pytest.mark.parametrize(
    "settings", [{"target": 1.0}, {"target": -1.0}, {"ramp_pictures": 0}, {"maximum": 1.1}, {"maximum": -0.1}]
)
def test_impossible_settings_are_refused(settings):
    with pytest.raises(ConfigError, match="got"):
        Adaptive(**settings)


def test_impossible_draws_are_refused():
    with pytest.raises(ConfigError, match=r"in \[0, 1\], got 1.5"):
        draw(np.random.default_rng(0), 1, 16, 1.5)
    with pytest.raises(ConfigError, match="did you mean 'colour'"):
        draw(np.random.default_rng(0), 1, 16, 0.5, ("color",))


if __name__ == "__main__":
    np.savez(sys.argv[1], **figures())
