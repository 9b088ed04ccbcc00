"""Lasting order: the pitch classes by how much of each a piece has had, so that each has a lasting place."""

import math

import numpy as np
import numpy.typing as npt

from avserver.signals import CHROMA_CLASSES

# Over which the totals are taken (s): a key lasts for minutes.
MEMORY_S = 120.0
# As if all classes alike had been heard for so long (s): the first chord shall not place them.
PRIOR_S = 60.0
# A class takes the place of another only when its total is that many times as large, so that no two waver.
AHEAD = 1.25


class LastingOrder:
    """Places pitch classes by their totals, the largest first. Places change seldom, and between neighbours only.

    Attributes:
        classes: the pitch class at each place; from C on, at first.
    """

    classes: list[int]
    _totals: npt.NDArray[np.float64]
    _last_s: float | None

    def __init__(self) -> None:
        self.reset()

    def update(self, chroma: npt.NDArray[np.float64], t_s: float) -> None:
        """Take the chroma (12,) of this frame, at `t_s` (s, show time)."""
        dt_s = 0.0 if self._last_s is None else max(0.0, t_s - self._last_s)
        self._last_s = t_s
        keep = math.exp(-dt_s / MEMORY_S)
        self._totals = keep * self._totals + (1 - keep) * chroma
        for place in range(CHROMA_CLASSES - 1):
            before, after = self.classes[place : place + 2]
            if self._totals[after] > AHEAD * self._totals[before]:
                self.classes[place : place + 2] = after, before

    def reset(self) -> None:
        """Forget what was heard."""
        self.classes = list(range(CHROMA_CLASSES))
        self._totals = np.full(CHROMA_CLASSES, PRIOR_S / MEMORY_S / CHROMA_CLASSES)
        self._last_s = None
