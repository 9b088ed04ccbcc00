"""What metrics tell of sets whose answers are known."""

import cv2
import numpy as np
import pytest

from avserver.training.metrics import (
    diversity,
    features,
    frechet,
    nearest_pairs,
    precision_recall,
    realism,
    sliced_wasserstein,
    worst,
)
from avserver.training.painting.painter import family_of, paint

COUNT, SIZE = 80, 32


def paintings(first: int) -> np.ndarray:
    quick = ("folds", "figures", "contours", "crystal", "flow")
    return np.stack([paint(seed, SIZE, family_of(seed, quick)) for seed in range(first, first + COUNT)])


@pytest.fixture(scope="module")
def real() -> np.ndarray:
    return paintings(0)


@pytest.fixture(scope="module")
def others() -> np.ndarray:
    """As many more paintings that are as good."""
    return paintings(1000)


def blurred(pictures: np.ndarray, px: float) -> np.ndarray:
    return np.stack([cv2.GaussianBlur(picture, (0, 0), px) for picture in pictures])


def noise(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, shape, dtype=np.uint8)


def normal(count: int, mean: float = 0.0, spread: float = 1.0, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, spread, (count, 8)).astype(np.float32)


def test_details_of_the_same_pictures_are_at_no_distance_and_of_others_at_little(real, others) -> None:
    assert sliced_wasserstein(real, real) == {32: 0.0, 16: 0.0}
    near, far = sliced_wasserstein(real, others), sliced_wasserstein(real, noise(real.shape))
    assert all(0 < near[level] < far[level] / 2 for level in (32, 16))
    assert near == sliced_wasserstein(real, others)
    assert near != sliced_wasserstein(real, others, seed=1)


def test_blur_is_found_at_the_level_whose_details_it_takes(real, others) -> None:
    chance, distance = sliced_wasserstein(real, others), sliced_wasserstein(real, blurred(others, 1.5))
    assert distance[32] > 2 * chance[32]
    assert distance[16] < 1.5 * chance[16]


def test_brightness_and_contrast_of_a_set_do_not_count() -> None:
    white = np.random.default_rng(0).normal(0, 10, (60, 16, 16, 3)).round()
    one, other = (white + 90).astype(np.uint8), (2 * white + 128).astype(np.uint8)
    assert sliced_wasserstein(one, other)[16] == pytest.approx(0, abs=0.01)
    # Plain ones have nothing to normalise; the mean of |x| of a standard normal x is sqrt(2 / pi).
    plain = np.full_like(one, 90)
    assert sliced_wasserstein(one, plain)[16] == pytest.approx(1000 * np.sqrt(2 / np.pi), rel=0.03)


def test_sets_that_cannot_be_compared_are_refused(real) -> None:
    for made in (real[1:], real[:, :16, :16]):
        with pytest.raises(ValueError, match="of one shape with R >= 16 are compared, got"):
            sliced_wasserstein(real, made)
    with pytest.raises(ValueError, match="more than 3 pictures, got 3"):
        realism(normal(3), normal(5))


def test_features_are_the_same_for_ever() -> None:
    ramp = np.linspace(0, 255, 64).astype(np.uint8)
    picture = np.stack([np.broadcast_to(ramp, (64, 64)), np.broadcast_to(ramp[:, None], (64, 64)), noise((64, 64))], -1)
    told = features(np.stack([picture, picture[::-1]]))
    assert (told.shape, told.dtype) == ((2, 390), np.float32)
    assert told[0, [0, 3, 6, 100, 200, 300]] == pytest.approx(
        [-0.00106, 0.16911, 0.03031, 0.08253, 0.10509, 0.00381], abs=2e-5
    )


def test_features_of_large_pictures_are_those_of_their_averages(real) -> None:
    pictures = np.concatenate([real[:4], real[4:8]], axis=1)[:, :, :32].repeat(2, axis=2)
    large = pictures.repeat(4, axis=1).repeat(4, axis=2)
    np.testing.assert_allclose(features(large), features(pictures), atol=1e-6)


def test_a_set_of_the_same_kind_has_precision_recall_and_a_small_frechet_distance(real, others) -> None:
    one, other = features(real), features(others)
    precision, recall = precision_recall(one, other)
    assert min(precision, recall) > 0.6
    assert precision_recall(one, one) == (1.0, 1.0)
    assert frechet(one, one) == pytest.approx(0, abs=1e-4)
    assert frechet(one, other) < 0.2 * frechet(one, features(blurred(others, 2)))
    assert diversity(one, other) == pytest.approx(1, abs=0.15)


def test_the_same_few_pictures_again_and_again_lose_recall_and_diversity(real, others) -> None:
    one = features(real)
    shade = np.random.default_rng(0).integers(0, 3, others.shape, dtype=np.uint8)
    repeated = features(np.minimum(others[:3].repeat(COUNT // 3, axis=0), 250) + shade[: COUNT // 3 * 3])
    precision, recall = precision_recall(one, repeated)
    assert recall < 0.1 < 0.6 < precision
    assert diversity(one, repeated) < 0.9


def test_noise_loses_precision(real) -> None:
    precision, recall = precision_recall(features(real), features(noise(real.shape)))
    assert (precision, recall) == (0.0, 0.0)


def test_points_whose_neighbours_are_known() -> None:
    """On a line: real ones at 0 1 2 3 have radii of 2 1 1 2 for k = 2."""
    real = np.array([[0.0], [1], [2], [3]], np.float32)
    made = np.array([[5.0], [5.1], [-2.1], [1.5]], np.float32)
    assert precision_recall(real, made, k=2) == (0.5, 1.0)
    assert precision_recall(real, made[:3], k=2) == (pytest.approx(1 / 3), 1.0)


def test_frechet_distance_of_normal_sets_is_the_formulas() -> None:
    """Between N(0, 1) and N(1, 2^2) in 8 dimensions: 8 of the shift and 8 (1 - 2)^2 of the spread."""
    assert frechet(normal(20_000), normal(20_000, 1, 2, seed=1)) == pytest.approx(16, rel=0.03)
    assert frechet(normal(5), normal(5, seed=1)) > 0, "with fewer pictures than features"


def test_realism_puts_the_spoilt_below_paintings(real, others) -> None:
    mixed = others.copy()
    mixed[:4], mixed[4:8], mixed[8:12] = noise(mixed[:4].shape), blurred(others[4:8], 5), 40
    scores = realism(features(real), features(mixed))
    assert scores[:12].max() < np.quantile(scores[12:], 0.05)
    assert np.median(scores) > 0.9


def test_the_worst_are_the_lowest_and_at_least_one() -> None:
    scores = np.array([3.0, 1, 2, 1, 9])
    assert worst(scores, share=0.6).tolist() == [1, 3, 2]
    assert worst(scores).tolist() == [1]


def test_nearest_pairs_are_the_repeats() -> None:
    points = normal(30)
    points[7], points[20] = points[3], points[11] + 0.01
    assert [pair[:2] for pair in nearest_pairs(points, 2)] == [(3, 7), (11, 20)]
    assert nearest_pairs(points, 2)[1][2] == pytest.approx(0.01 * np.sqrt(8), rel=1e-3)
