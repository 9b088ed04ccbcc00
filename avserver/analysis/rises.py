"""Rises: how much louder the music has just become, by what it did lately: beats without anything learned."""

from collections import deque

import numpy as np
import numpy.typing as npt

from avserver.analysis.bands import Bands

# Bass drum and bass, voices, snare and consonants, cymbals: where each group of bands ends (Hz).
GROUPS_HZ = (190.0, 700.0, 2800.0)
MEAN_S = 0.4  # what exceeds the mean of so long is a rise
PEAK_HALF_LIFE_S = 4.0  # "lately": two bars
FLOOR = 0.05  # a mean rise of that much (natural logarithm) is taken for a peak even after silence
SUREST = 0.9


class Rises:
    """Mean over four groups of bands of their rises, each by its highest lately; told `delay` calls later.

    Args:
        bands: whose rises will be given.
        step_s: seconds between two calls.
        delay: calls between a rise and its being told.
    """

    _peaks: npt.NDArray[np.float64]
    _means: npt.NDArray[np.float64]

    def __init__(self, bands: Bands, step_s: float, *, delay: int) -> None:
        self._starts = np.concatenate([[0], np.searchsorted(bands.low_hz, GROUPS_HZ)])
        self._sizes = np.diff(self._starts, append=bands.low_hz.size)
        self._fade = 0.5 ** (step_s / PEAK_HALF_LIFE_S)
        self._new = min(1.0, step_s / MEAN_S)
        self._delay = delay
        self.reset()

    def __call__(self, rises: npt.NDArray[np.float32]) -> float:
        """Take the rise of each band, return in [0, 1] how much the music rose `delay` calls ago."""
        groups = np.add.reduceat(rises, self._starts) / self._sizes
        self._means += self._new * (groups - self._means)
        values = np.maximum(groups - self._means, 0)
        self._peaks = np.maximum(np.maximum(values, FLOOR), self._peaks * self._fade)
        self._told.append(SUREST * float((values / self._peaks).mean()))
        return self._told[0]

    def reset(self) -> None:
        """Forget what was heard."""
        self._means = np.zeros(self._sizes.size)
        self._peaks = np.full(self._sizes.size, FLOOR)
        self._told: deque[float] = deque([0.0] * (self._delay + 1), maxlen=self._delay + 1)
