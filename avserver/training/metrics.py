"""How good made pictures are, told without a downloaded network.

All of it is the same every time: what is random comes from seeds.
"""

import functools
from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt

Pictures = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

COARSEST_PX = 16  # the last level of a pyramid; this, the patches and their number are the paper's
PATCH_PX = 7
PATCHES = 128  # of a picture, at every level
_PLAIN = 0.01  # of 255; a channel that varies less varies by rounding
PROJECTIONS = 256  # the paper's 512 take twice as long and tell the same

FEATURE_PX = 64  # what `features` sees of a picture
# Channels of its layers, each half as wide as the one before. A fourth layer found no more of the spoilt paintings.
LAYERS = (64, 64, 64)
WEIGHTS_SEED = 0  # other weights are another measure
LEAK = 0.2
# What a place's energy is divided by is at least the root of this: less finds blur better and noise worse.
QUIET = 0.1
COLOUR = 0.5  # weight of the colours beside a layer's: they vary twice as much from painting to painting
_AT_ONCE = 64  # pictures; the unfolded second layer of so many takes 38 MB

_NEVER_0 = 1e-8  # divides what has no spread


def sliced_wasserstein(real: Pictures, made: Pictures, *, seed: int = 0) -> dict[int, float]:
    """Return how much the details of two sets differ, by size: the sliced Wasserstein distance, times 1000.

    Patches of 7 x 7 px are compared at each level of a Laplacian pyramid. The channels of each set are normalised, so
    that only shapes count (Karras et al. 2018, arXiv:1710.10196, section 5). Two sets of the same kind are as far apart
    as chance leaves them, which is less the more pictures there are.

    Args:
        real: (n, R, R, 3), R of 16 or more.
        made: as many, of the same size.
        seed: of the patches and directions.

    Returns distances by the side of the level in px: R, R/2, ... as long as it is at least 16.

    Raises ValueError for sets that cannot be compared.
    """
    if real.shape != made.shape or real.ndim != 4 or real.shape[1] < COARSEST_PX:
        wanted = f"two sets (n, R, R, 3) of one shape with R >= {COARSEST_PX}"
        raise ValueError(f"{wanted} are compared, got {real.shape} and {made.shape}")
    rng = np.random.default_rng(seed)
    sides = [level.shape[0] for level in _pyramid(real[0])]
    corners = [rng.integers(0, side - PATCH_PX + 1, (len(real), 2, PATCHES)) for side in sides]
    distances = {}
    for side, one, other in zip(sides, _patches(real, corners), _patches(made, corners), strict=True):
        directions = rng.standard_normal((PROJECTIONS, PATCH_PX * PATCH_PX * 3)).astype(np.float32)
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        apart = np.sort(directions @ _normalised(one).T, axis=1) - np.sort(directions @ _normalised(other).T, axis=1)
        distances[side] = 1000 * float(np.abs(apart).mean(dtype=np.float64))
    return distances


def _pyramid(picture: Pictures) -> Iterator[Floats]:
    """Yield the levels of a Laplacian pyramid, the finest first (Burt and Adelson 1983)."""
    level: Floats = picture.astype(np.float32)
    while level.shape[0] % 2 == 0 and level.shape[0] // 2 >= COARSEST_PX:
        smaller = cv2.pyrDown(level)
        yield level - cv2.pyrUp(smaller)
        level = smaller.astype(np.float32, copy=False)
    yield level


def _patches(pictures: Pictures, corners: list[Places]) -> list[Floats]:
    """Return the patches of each level, (n, PATCHES, 3, 7, 7), with their corners there, (n, 2, PATCHES)."""
    patches = [np.empty((len(pictures), PATCHES, 3, PATCH_PX, PATCH_PX), np.float32) for _ in corners]
    for i, picture in enumerate(pictures):
        for found, at, level in zip(patches, corners, _pyramid(picture), strict=True):
            found[i] = np.lib.stride_tricks.sliding_window_view(level, (PATCH_PX, PATCH_PX), axis=(0, 1))[tuple(at[i])]
    return patches


def _normalised(patches: Floats) -> Floats:
    """Return patches as rows, (n PATCHES, 147), the channels of them all with mean 0 and deviation 1."""
    everywhere = (0, 1, 3, 4)
    centred = patches - patches.mean(axis=everywhere, keepdims=True, dtype=np.float64).astype(np.float32)
    deviations = centred.std(axis=everywhere, keepdims=True, dtype=np.float64)
    centred /= np.maximum(deviations, _PLAIN).astype(np.float32)
    return centred.reshape(-1, 3 * PATCH_PX * PATCH_PX)


def features(pictures: Pictures) -> Floats:
    """Return what a fixed network of random weights tells of pictures, (n, h, w, 3) to (n, 390).

    Mean and deviation of the colours and of every channel of three layers. At each place a layer is divided by its
    energy there, as in eyes (Heeger 1992, doi:10.1017/S0952523800009640): without it, random layers tell little but
    contrast, and take blurred paintings for good ones. Pictures of another size than 64 px are resized to it, smaller
    ones too: finer details are for `sliced_wasserstein` to tell.
    """
    blocks = [_features(pictures[i : i + _AT_ONCE]) for i in range(0, len(pictures), _AT_ONCE)]
    return np.concatenate(blocks)


def _features(pictures: Pictures) -> Floats:
    # Averages: no detail of a large picture becomes another one by being skipped.
    how = cv2.INTER_AREA if min(pictures.shape[1:3]) >= FEATURE_PX else cv2.INTER_LINEAR
    resized = [cv2.resize(picture, (FEATURE_PX, FEATURE_PX), interpolation=how) for picture in pictures]
    x = np.stack(resized).astype(np.float32) / np.float32(127.5) - 1
    found = [COLOUR * _pooled(x)]
    for weights in _weights():
        x = _convolved(x, weights)
        x = np.maximum(x, np.float32(LEAK) * x)
        x /= np.sqrt((x * x).mean(axis=3, keepdims=True) + np.float32(QUIET))
        found.append(_pooled(x))
    return np.concatenate(found, axis=1)


@functools.cache
def _weights() -> tuple[Floats, ...]:
    """Return (3, 3, channels, channels) for each layer; each of length √2, and blind to plain colour in the first."""
    rng = np.random.RandomState(WEIGHTS_SEED)  # numpy's promise: its numbers never change
    layers: list[Floats] = []
    for here, after in zip((3, *LAYERS), LAYERS, strict=False):
        weights = rng.standard_normal((3, 3, here, after))
        if not layers:
            weights -= weights.mean(axis=(0, 1))
        weights *= np.sqrt(2 / (weights**2).sum(axis=(0, 1, 2)))
        layers.append(weights.astype(np.float32))
    return tuple(layers)


def _convolved(x: Floats, weights: Floats) -> Floats:
    """Return (n, h, w, c) convolved with a stride of 2, the edges repeated."""
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))[:, ::2, ::2]
    convolved: Floats = np.tensordot(windows, weights, axes=((4, 5, 3), (0, 1, 2)))
    return convolved


def _pooled(x: Floats) -> Floats:
    """Return mean and deviation over the picture; of whatever number of channels, they weigh the same."""
    pooled: Floats = np.concatenate([x.mean(axis=(1, 2)), x.std(axis=(1, 2))], axis=1)
    return pooled * np.float32(1 / np.sqrt(x.shape[3]))


def precision_recall(real_features: Floats, made_features: Floats, *, k: int = 3) -> tuple[float, float]:
    """Return how many made pictures lie among the real ones, and how many real ones among the made: both in [0, 1].

    A set is taken to fill the balls around its points that reach to the k-th nearest of the others (Kynkäänniemi et
    al. 2019, arXiv:1904.06991). Poor pictures lower the precision, missing kinds the recall. Two halves of one set
    tell what can be reached.

    Args:
        real_features: (n, d), more than k.
        made_features: (m, d), more than k; best as many.
        k: more make the balls larger.
    """
    apart = _distances(real_features, made_features)
    precision = (apart <= _radii(real_features, k)[:, None]).any(axis=0).mean()
    recall = (apart <= _radii(made_features, k)).any(axis=1).mean()
    return float(precision), float(recall)


def realism(real_features: Floats, made_features: Floats) -> Doubles:
    """Return how well each made picture fits among the real ones: 1 or more lies among them, near 0 is far away.

    The largest ratio of a real one's radius to its distance (Kynkäänniemi et al. 2019, section 5); as there, the half
    of the real ones with the largest radii are left out, which are too far from the others to vouch for anything. What
    is rare among the real ones gets low scores too: look at the worst and at the scores of other real ones. Noise,
    blur and plain colour are found; two paintings laid over each other are not.
    """
    radii = _radii(real_features, 3)
    kept = radii <= np.median(radii)
    apart = _distances(real_features[kept], made_features)
    fits: Doubles = (radii[kept, None] / np.maximum(apart, _NEVER_0)).max(axis=0)
    return fits


def worst(scores: Doubles, *, share: float = 0.05) -> Places:
    """Return the places of that share of scores, at least one, that are lowest, the lowest first."""
    return np.argsort(scores, kind="stable")[: max(1, round(share * len(scores)))]


def frechet(real_features: Floats, made_features: Floats) -> float:
    """Return the Fréchet distance of two sets as if each were normal, squared (Heusel et al. 2017, arXiv:1706.08500).

    The fewer pictures, the larger: only distances of sets as large can be compared.
    """
    (middle, factor), (other_middle, other_factor) = _normal(real_features), _normal(made_features)
    # With covariances A'A and B'B, the trace of the root of their product is the sum of the singular values of AB'.
    shared = np.linalg.svd(factor @ other_factor.T, compute_uv=False).sum()
    squares = ((middle - other_middle) ** 2).sum() + (factor**2).sum() + (other_factor**2).sum()
    return float(max(0.0, squares - 2 * shared))


def diversity(real_features: Floats, made_features: Floats) -> float:
    """Return the mean distance between made pictures, by that between real ones: 0 are all the same, 1 is as it was."""
    return _mean_distance(made_features) / max(_mean_distance(real_features), _NEVER_0)


def nearest_pairs(some_features: Floats, count: int) -> list[tuple[int, int, float]]:
    """Return the pairs that are most alike, with their distances, the nearest first: where to look for repeats."""
    apart = _distances(some_features, some_features)
    one, other = np.triu_indices(len(apart), 1)
    order = np.argsort(apart[one, other], kind="stable")[:count]
    return [(int(one[i]), int(other[i]), float(apart[one[i], other[i]])) for i in order]


def _distances(one: Floats, other: Floats) -> Doubles:
    """Return the distances of all of one to all of the other, (n, m)."""
    middle = one.mean(axis=0, dtype=np.float64)  # near 0, the differences of squares below are exact enough
    a, b = one - middle, other - middle
    squares = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1) - 2 * (a @ b.T)
    return np.sqrt(np.maximum(squares, 0))


def _radii(points: Floats, k: int) -> Doubles:
    """Return how far each point is from the k-th nearest of the others."""
    if len(points) <= k:
        raise ValueError(f"the {k}-th nearest of a set's others needs more than {k} pictures, got {len(points)}")
    apart = _distances(points, points)
    np.fill_diagonal(apart, 0)  # itself, before the others
    radii: Doubles = np.partition(apart, k, axis=1)[:, k]
    return radii


def _mean_distance(points: Floats) -> float:
    apart = _distances(points, points)
    return float(apart[np.triu_indices(len(apart), 1)].mean())


def _normal(points: Floats) -> tuple[Doubles, Doubles]:
    """Return the mean and an F with F'F the covariance, of no more rows than there are points or features."""
    middle = points.mean(axis=0, dtype=np.float64)
    spread = (points - middle) / np.sqrt(max(1, len(points) - 1))
    factor: Doubles = np.linalg.qr(spread, mode="r")  # type: ignore[assignment]  # numpy's stub has "qr" in mind
    return middle, factor
