"""Scores: how right is what was heard, by the measures of the field."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

ONSET_TOLERANCE_S = 0.05
BEAT_TOLERANCE_S = 0.07
SEGMENT_TOLERANCE_S = 3.0


def matches(found_s: Sequence[float], true_s: Sequence[float], tolerance_s: float) -> list[tuple[int, int]]:
    """Return pairs of indices (found, true) of sorted times no further apart than that, each used once."""
    pairs, i, j = [], 0, 0
    while i < len(found_s) and j < len(true_s):
        if abs(found_s[i] - true_s[j]) <= tolerance_s:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif found_s[i] < true_s[j]:
            i += 1
        else:
            j += 1
    return pairs


def f_measure(found_s: Sequence[float], true_s: Sequence[float], tolerance_s: float) -> float:
    """Return 2 · hits / (found + true); 1 where there was nothing to find and nothing was found."""
    if not found_s and not true_s:
        return 1.0
    return 2 * len(matches(sorted(found_s), sorted(true_s), tolerance_s)) / (len(found_s) + len(true_s))


def si_sdr_db(estimate: npt.NDArray[np.float32], target: npt.NDArray[np.float32]) -> float:
    """Return the scale-invariant signal-to-distortion ratio (dB; Le Roux et al. 2019) of two (n,) sounds."""
    estimate, target = estimate.astype(np.float64), target.astype(np.float64)
    tiny = 1e-12
    part = target * (estimate @ target / (target @ target + tiny))
    rest = estimate - part
    return float(10 * np.log10((part @ part + tiny) / (rest @ rest + tiny)))
