"""Envelopes: what an onset leaves behind in time. Four shapes, as the seed of this project drew them.

With τ the time since an onset of strength a:

    peaks    a in the frame of the onset, 0 elsewhere
    decay    a · exp(-τ² / 2σ²)              while 0 ≤ τ ≤ radius: there at once, dying down
    rise     a · exp(-(radius - τ)² / 2σ²)   while 0 ≤ τ ≤ radius: swells up to the end, then gone
    dip      1 - depth + depth · rise / a    while 0 ≤ τ ≤ radius, else 1: falls at once, climbs back slowly

Overlapping onsets add for decay and rise, as in a convolution; the lowest counts for dip, the strongest for peaks.
"""

import math
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from avserver.signals import BANDS, STEMS, Onset

# The options that each shape listens to; a mapping file may give no others.
SHAPES: dict[str, tuple[str, ...]] = {
    "peaks": ("threshold", "distance_s"),
    "decay": ("threshold", "distance_s", "sigma_s", "radius_s"),
    "rise": ("threshold", "distance_s", "sigma_s", "radius_s"),
    "dip": ("threshold", "distance_s", "sigma_s", "radius_s", "depth"),
}

ENVELOPE_NAMES = tuple(f"{stem}.{band}.{shape}" for stem in STEMS for band in BANDS for shape in SHAPES)

# Onsets that one envelope remembers. Ten a second fill it in 25 s; past that the oldest is forgotten.
MEMORY = 256


@dataclass(frozen=True, slots=True)
class EnvelopeOptions:
    """How an envelope looks and which onsets count. The defaults are the seed's, in seconds (its frames were 1/24 s).

    Attributes:
        sigma_s: width of the Gaussian (s).
        radius_s: how long an onset is felt (s).
        depth: how far a dip falls.
        threshold: weaker onsets do not count.
        distance_s: an onset sooner than that after the last one that counted does not count (s).
    """

    sigma_s: float = 10 / 24
    radius_s: float = 36 / 24
    depth: float = 0.2
    threshold: float = 0.0
    distance_s: float = 0.0


class Envelope:
    """One envelope, fed with onsets frame by frame. Its value at a time depends only on the onsets known by then."""

    def __init__(self, name: str, options: EnvelopeOptions) -> None:
        """`name` is one of ENVELOPE_NAMES, e.g. `drums.mid.dip`."""
        self._stem, self._band, shape = name.split(".")
        self._options = options
        self._value: Callable[[float], float] = getattr(self, f"_{shape}")
        self.reset()

    def reset(self) -> None:
        """Forget every onset."""
        self._onsets: deque[Onset] = deque(maxlen=MEMORY)
        self._arrived: list[Onset] = []
        self._last_counted_s = -math.inf

    def update(self, onsets: Iterable[Onset], t_s: float) -> float:
        """Take the onsets since the last frame, oldest first, and return the value at `t_s` (s, show time)."""
        self._arrived = [onset for onset in onsets if self._counts(onset)]
        self._onsets.extend(self._arrived)
        while self._onsets and t_s - self._onsets[0].t_s > self._options.radius_s:
            self._onsets.popleft()
        return self._value(t_s)

    def _counts(self, onset: Onset) -> bool:
        """Tell whether the onset is ours, strong enough and far enough from the last that was; it then is the last."""
        if (onset.stem, onset.band) != (self._stem, self._band) or onset.strength < self._options.threshold:
            return False
        if onset.t_s - self._last_counted_s < self._options.distance_s:
            return False
        self._last_counted_s = onset.t_s
        return True

    def _felt(self, t_s: float) -> list[tuple[float, float]]:
        """Return (strength, age in s) of the onsets that are felt at `t_s`."""
        ages = ((onset.strength, t_s - onset.t_s) for onset in self._onsets)
        return [(strength, age_s) for strength, age_s in ages if 0.0 <= age_s <= self._options.radius_s]

    def _gauss(self, distance_s: float) -> float:
        return math.exp(-((distance_s / self._options.sigma_s) ** 2) / 2)

    def _peaks(self, _t_s: float) -> float:
        return max((onset.strength for onset in self._arrived), default=0.0)

    def _decay(self, t_s: float) -> float:
        return sum(strength * self._gauss(age_s) for strength, age_s in self._felt(t_s))

    def _rise(self, t_s: float) -> float:
        return sum(strength * self._gauss(self._options.radius_s - age_s) for strength, age_s in self._felt(t_s))

    def _dip(self, t_s: float) -> float:
        depth, radius_s = self._options.depth, self._options.radius_s
        return min((1.0 - depth + depth * self._gauss(radius_s - age_s) for _, age_s in self._felt(t_s)), default=1.0)
