"""Kernel change-points: where a series of features begins to be of another kind."""

import numpy as np
import numpy.typing as npt

Features = npt.NDArray[np.float64]


def change_points(features: Features, *, penalty: float, shortest: int) -> list[int]:
    """Return where to cut for the least sum of scatter and penalties: found exactly, by dynamic programming.

    After Arlot, Celisse and Harchaoui, "A kernel multiple change-point algorithm via model selection" (2019). The
    kernel of two rows is their inner product; the scatter of a part, n - |sum of its rows|² / n for rows of length 1,
    is how far they lie from their mean. Time grows with the square of the rows, memory with their number.

    Args:
        features: (n, d), each row of length 1.
        penalty: what a cut costs; one more is made where it makes the scatter less by more than this.
        shortest: rows that a part has at least.

    Returns:
        Indices of the first row of every part but the first, growing.
    """
    n = len(features)
    sums = np.concatenate([np.zeros((1, features.shape[1])), np.cumsum(features, axis=0)])
    least = np.full(n + 1, np.inf)  # of the rows before each index
    least[0] = -penalty
    last_cut = np.zeros(n + 1, int)
    for end in range(shortest, n + 1):
        starts = np.arange(end - shortest + 1)
        length = end - starts
        part = sums[end] - sums[starts]
        costs = least[starts] + penalty + length - np.einsum("ij,ij->i", part, part) / length
        last_cut[end] = int(costs.argmin())
        least[end] = costs[last_cut[end]]
    cuts = []
    at = int(last_cut[n])
    while at > 0:
        cuts.append(at)
        at = int(last_cut[at])
    return cuts[::-1]
