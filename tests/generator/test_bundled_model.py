"""The bundled model: any seed is a picture, no two are the same, and what moves it moves it smoothly and visibly."""

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pytest

from avserver.bundled import model_path
from avserver.frame_spec import Bend, FrameSpec, LatentTerm, NoiseLevel, z_of_seed

if TYPE_CHECKING:
    from avserver.generator.renderer import Renderer

Pixels = npt.NDArray[np.uint8]

# Whoever chose the model's training has seen other seeds: these were not looked at before they were written down.
SEEDS = range(100_000, 100_064)
NUM_WS = 14
BENDS = (
    ("b64", "zoom", (0.8,)),
    ("b16", "zoom", (0.8,)),
    ("b32", "rotate", (45.0,)),
    ("b16", "translate", (0.25, 0.0)),
)


@pytest.fixture(scope="module")
def renderer() -> "Renderer":
    from avserver.generator.renderer import Renderer

    return Renderer(model_path("default"), bends=[Bend(*bend).slot for bend in BENDS], size=(256, 256))


@pytest.fixture(scope="module")
def draw(renderer: "Renderer") -> Callable[..., Pixels]:
    def drawn(*latents: LatentTerm, **changes: Any) -> Pixels:
        return renderer.render(FrameSpec(index=0, t_s=0.0, latents=latents, **changes))

    return drawn


@pytest.fixture(scope="module")
def pictures(draw: Callable[..., Pixels]) -> npt.NDArray[np.float32]:
    """64 of them, (64, 256, 256, 3) in [0, 1]."""
    return np.stack([draw(of(seed)) for seed in SEEDS]).astype(np.float32) / 255


def of(seed: int, layers: tuple[int, int] = (0, NUM_WS)) -> LatentTerm:
    return LatentTerm(layers, (seed,), (1.0,))


def difference(one: Pixels, other: Pixels) -> float:
    """Return the mean difference of two pictures, of 1."""
    return float(np.mean(np.abs(one.astype(np.float32) - other.astype(np.float32)))) / 255


def small(pictures: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return pictures (n, 256, 256, 3) as 16 by 16 points each, (n, 768)."""
    return pictures.reshape(len(pictures), 16, 16, 16, 16, 3).mean(axis=(2, 4)).reshape(len(pictures), -1)


def test_no_seed_is_mush(pictures: npt.NDArray[np.float32]) -> None:
    luma = pictures @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    assert luma.std(axis=(1, 2)).min() > 0.04
    # Something is dark and something lit in each: projectors live from contrast.
    low, high = np.percentile(luma, [5, 95], axis=(1, 2))
    assert (high - low).min() > 0.12


def test_no_seed_is_noise(pictures: npt.NDArray[np.float32]) -> None:
    neighbours = np.abs(np.diff(pictures, axis=2)).mean(axis=(1, 2, 3))
    assert neighbours.max() < 0.25 * pictures.std(axis=(1, 2, 3)).min()


def test_no_seed_repeats_another(pictures: npt.NDArray[np.float32]) -> None:
    looks = small(pictures)
    distances = np.abs(looks[:, None] - looks[None]).mean(axis=2)
    assert distances[~np.eye(len(looks), dtype=bool)].min() > 0.05


def test_a_seed_is_what_its_painter_would_paint(pictures: npt.NDArray[np.float32]) -> None:
    from avserver.training.imitation import silk

    z = np.concatenate([z_of_seed(seed, silk.Z_DIM) for seed in SEEDS]).astype(np.float32)
    painted = (silk.paint(silk.parted(silk.said_by(z)), 256) + 1) / 2
    own = np.abs(small(pictures) - small(painted)).mean(axis=1)
    others = np.abs(small(pictures) - small(np.roll(painted, 1, axis=0))).mean(axis=1)
    assert np.median(own) < 0.5 * np.median(others)


def test_a_walk_between_two_seeds_has_no_jumps(draw: Callable[..., Pixels]) -> None:
    for first, second in ((100_000, 100_001), (100_002, 100_003), (100_004, 100_005)):
        shares = np.linspace(0, 1, 25)
        walk = [draw(LatentTerm((0, NUM_WS), (first, second), (1 - t, t))) for t in shares]
        steps = [difference(one, other) for one, other in itertools.pairwise(walk)]
        assert max(steps) < 0.06
        # What lies between is a picture too.
        assert min(picture.std() for picture in walk) > 12


@pytest.mark.parametrize(("choir", "layers"), [("melody", (0, 2)), ("tempo", (2, 9)), ("drums", (9, 14))])
def test_each_choir_shows(draw: Callable[..., Pixels], choir: str, layers: tuple[int, int]) -> None:
    changes = []
    for seed in SEEDS[:12]:
        others = [(0, layers[0]), (layers[1], NUM_WS)]
        rest = [of(seed, between) for between in others if between[0] < between[1]]
        changes.append(difference(draw(of(seed)), draw(*rest, of(seed + 40, layers))))
    assert np.median(changes) > 0.03, choir


@pytest.mark.parametrize("bend", BENDS)
def test_bends_show(draw: Callable[..., Pixels], bend: tuple[str, str, tuple[float, ...]]) -> None:
    changes = [difference(draw(of(seed)), draw(of(seed), bends=(Bend(*bend),))) for seed in SEEDS[:6]]
    assert min(changes) > 0.02


def test_noise_shows(draw: Callable[..., Pixels], renderer: "Renderer") -> None:
    levels = [NoiseLevel(r, 0.3, 1.0, 1.0) for r in renderer.config.noise_resolutions]
    changes = [difference(draw(of(seed)), draw(of(seed), noise=tuple(levels))) for seed in SEEDS[:6]]
    assert min(changes) > 0.01
