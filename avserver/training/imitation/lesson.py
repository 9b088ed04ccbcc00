"""Lessons: what a generator is asked, and what it should have answered."""

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from avserver.training.imitation import silk

Array = npt.NDArray[np.float32]

MIXED = 3  # seeds that a picture may be made of
# How far noise of a resolution moves the wide fields, and how it roughens the cloth, at a strength of 1.
_MOVES = {16: 0.035, 32: 0.02}
_GRAINS = {64: 0.10, 128: 0.08}


@dataclass(frozen=True, slots=True)
class Lesson:
    """A batch.

    Attributes:
        z: (n, MIXED, z_dim).
        weights: (n, num_ws, MIXED), how much of which z's w there is in each w of a picture.
        noise: by resolution r, (n, 2, r, r): the field of its first convolution, and that of its second.
        pictures: (n, R, R, 3) in [-1, 1].
    """

    z: Array
    weights: Array
    noise: Mapping[str, Array]
    pictures: Array


def draw_lesson(
    rng: np.random.Generator, *, count: int, resolution: int, num_ws: int, unmixed: float, fold: float, noisy: bool
) -> Lesson:
    """Return a batch drawn by chance.

    Args:
        rng: chance.
        count, resolution: of the pictures (px).
        num_ws: of the generator.
        unmixed: the share of pictures that are of one z; the others are mixed as choirs mix them.
        fold: see `silk.paint`.
        noisy: whether some have noise.
    """
    z = rng.standard_normal((count, MIXED, silk.Z_DIM)).astype(np.float32)
    weights = np.stack([_weights(rng, num_ws, unmixed) for _ in range(count)])
    said = np.einsum("nlk,nks->nls", weights, silk.said_by(z))
    noise = _noise(rng, count, resolution) if noisy else {}
    crumple = _crumple(noise, resolution) if noise else None
    pictures = silk.paint(silk.said_by_ws(said), resolution, fold=fold, crumple=crumple)
    return Lesson(z, weights, {str(r): fields for r, fields in noise.items()}, pictures)


def noise_resolutions(resolution: int) -> list[int]:
    """Return which resolutions' noise a picture of that size shows (px)."""
    return [r for r in (*_MOVES, *_GRAINS) if r <= resolution]


def _weights(rng: np.random.Generator, num_ws: int, unmixed: float) -> Array:
    """Return (num_ws, MIXED): one z, one after another, blends of all, or one blend after another."""
    weights = np.zeros((num_ws, MIXED), np.float32)
    kind = rng.random()
    rest = 1 - unmixed
    if kind < unmixed:
        weights[:, 0] = 1
        return weights
    first, second = sorted(rng.integers(0, num_ws + 1, 2))
    stretches = (slice(0, first), slice(first, second), slice(second, num_ws))
    if kind < unmixed + 0.45 * rest:
        for number, stretch in enumerate(stretches):
            weights[stretch, number] = 1
    elif kind < unmixed + 0.7 * rest:
        weights[:] = rng.dirichlet((0.7,) * MIXED)
    else:
        for stretch in stretches:
            weights[stretch] = rng.dirichlet((0.7,) * MIXED)
    return weights


def _noise(rng: np.random.Generator, count: int, resolution: int) -> dict[int, Array]:
    """Return noise of any strength; three pictures in ten have none."""
    strength = np.where(rng.random(count) < 0.3, 0, rng.uniform(0.2, 1.4, count)).astype(np.float32)
    return {
        r: rng.standard_normal((count, 2, r, r)).astype(np.float32) * strength[:, None, None, None]
        for r in noise_resolutions(resolution)
    }


def _crumple(noise: Mapping[int, Array], resolution: int) -> silk.Crumple:
    def sum_of(amounts: Mapping[int, float], field: int) -> Array:
        total = np.zeros((len(next(iter(noise.values()))), resolution, resolution), np.float32)
        for r, amount in amounts.items():
            if r in noise:
                total += amount * np.stack(
                    [
                        cv2.resize(layer, (resolution, resolution), interpolation=cv2.INTER_CUBIC)
                        for layer in noise[r][:, field]
                    ]
                )
        return total

    return silk.Crumple(across=sum_of(_MOVES, 0), down=sum_of(_MOVES, 1), grain=sum_of(_GRAINS, 1))
