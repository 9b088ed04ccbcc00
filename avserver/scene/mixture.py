"""Mixture: a weight for every seed that is in the picture, moving so that neither place nor speed ever jumps.

The weights always sum to 1 and their speeds to 0. `Glide` goes to one seed after another in a given time; `Pursuit`
runs after weights that move all the time themselves. `LinearGlide` alone has corners: its speed jumps when it turns.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]

# Seeds in one mixture. More come together only while somebody drags a seed's slider; the faintest then make room.
MOST_SEEDS = 32
# A weight that no eye finds: below half a step of 8 bits, whatever the seed.
FAINT = 1e-4
# How much a speed may carry a weight past where it would be from rest: a glide that is interrupted at its fastest
# (1.5 / glide_s) is carried on for its whole glide_s, and a wilder one is braked sooner.
_BRAKE_REACH = 1.5
# A critically damped pursuit has done 95 % of a step after this many of its time constants: (1 + x)·exp(-x) = 0.05.
_TIME_CONSTANTS = 4.744
# A pursuit that is told to be slower while it is fast softens over about this many of its new time constants.
_SOFTENING = 2.0


class Mixture(ABC):
    """Seeds with their weights and the speed (1/s) of each weight."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Be empty again: the next target is reached at once."""
        self._seeds: list[int] = []
        self._weights: Vector = np.zeros(0)
        self._speeds: Vector = np.zeros(0)

    @abstractmethod
    def at(self, t_s: float) -> dict[int, float]:
        """Return the weight of every seed at `t_s` (s), which is at least that of the last call."""

    def _settle(self, target: Mapping[int, float]) -> None:
        """Be at the target, at rest."""
        self._seeds = list(target)
        self._weights = np.array(list(target.values()), dtype=float)
        self._speeds = np.zeros(len(target))

    def _make_room(self, target: Mapping[int, float]) -> Vector:
        """Give every seed of the target a place, and return the target's weight for each of our seeds."""
        new = [seed for seed in target if seed not in self._seeds]
        self._seeds += new
        self._weights = np.append(self._weights, np.zeros(len(new)))
        self._speeds = np.append(self._speeds, np.zeros(len(new)))
        while len(self._seeds) > max(MOST_SEEDS, len(target)):
            strangers = [i for i, seed in enumerate(self._seeds) if seed not in target]
            self._leave(min(strangers, key=lambda i: abs(self._weights[i])))
        return np.array([target.get(seed, 0.0) for seed in self._seeds])

    def _drop_faint(self, target: Mapping[int, float], reach_s: float) -> None:
        """Let go of seeds outside the target that are hardly there and will not be, at their speed, `reach_s` later."""
        for place in reversed(range(len(self._seeds))):
            faint = abs(self._weights[place]) < FAINT and abs(self._speeds[place]) * reach_s < FAINT
            if faint and self._seeds[place] not in target:
                self._leave(place)

    def _leave(self, place: int) -> None:
        """Take a seed out; the heaviest takes over its weight and speed, so that the sums stay."""
        heir = int(np.argmax(np.where(np.arange(len(self._seeds)) == place, -np.inf, self._weights)))
        self._weights[heir] += self._weights[place]
        self._speeds[heir] += self._speeds[place]
        del self._seeds[place]
        self._weights = np.delete(self._weights, place)
        self._speeds = np.delete(self._speeds, place)


class Glide(Mixture):
    """Goes from wherever it is, at whatever speed, to one seed alone and at rest, on a cubic Hermite spline.

    A glide that is interrupted begins from its place and speed of that moment, so hits may come as they like.
    """

    def reset(self) -> None:
        """Be empty again."""
        super().reset()
        self.target: int | None = None
        self._begun_s = 0.0
        self._glide_s = 0.0

    def to(self, seed: int, glide_s: float, t_s: float) -> None:
        """Begin to glide at `t_s` (s), to arrive `glide_s` later; the first seed of all, and 0, are there at once."""
        if glide_s <= 0.0 or self.target is None:
            self._settle({seed: 1.0})
        else:
            self._weights, self._speeds = self._state(t_s)
            self._drop_faint({self.target: 1.0}, glide_s)
            self._make_room({seed: 1.0})
        self.target, self._begun_s, self._glide_s = seed, t_s, glide_s

    def at(self, t_s: float) -> dict[int, float]:
        """Return the weight of every seed at `t_s`; only the target is left when the glide is over."""
        if self.target is not None and t_s >= self._begun_s + self._glide_s:
            return {self.target: 1.0}
        weights, _ = self._state(t_s)
        return dict(zip(self._seeds, weights.tolist(), strict=True))

    def _state(self, t_s: float) -> tuple[Vector, Vector]:
        """Return weights and speeds at `t_s`: the Hermite basis, h01 for the places and h10 for the first speeds."""
        goal = np.array([float(seed == self.target) for seed in self._seeds])
        u = min(max((t_s - self._begun_s) / self._glide_s, 0.0), 1.0) if self._glide_s > 0.0 else 1.0
        way, way_speed = u * u * (3.0 - 2.0 * u), 6.0 * u * (1.0 - u) / max(self._glide_s, 1e-9)
        brake_s = self._brake_s()
        v = min(max((t_s - self._begun_s) / brake_s, 0.0), 1.0) if brake_s > 0.0 else 1.0
        carried, carried_speed = brake_s * v * (1.0 - v) ** 2, (1.0 - v) * (1.0 - 3.0 * v)
        weights = self._weights + (goal - self._weights) * way + self._speeds * carried
        speeds = (goal - self._weights) * way_speed + self._speeds * carried_speed
        return weights, speeds

    def _brake_s(self) -> float:
        """Return how long the speed at the beginning is felt: the whole glide, unless it is too fast for that.

        It is when a short glide is interrupted by a long one; the spline would then swing far past its ends.
        """
        fastest = float(np.abs(self._speeds).max(initial=0.0))
        return self._glide_s if fastest * self._glide_s <= _BRAKE_REACH else _BRAKE_REACH / fastest


class LinearGlide(Glide):
    """Goes straight and at the same speed all the way to one seed; interrupted, straight on to the next."""

    def _state(self, t_s: float) -> tuple[Vector, Vector]:
        """Return the weights at `t_s`; no speed is carried on."""
        goal = np.array([float(seed == self.target) for seed in self._seeds])
        u = min(max((t_s - self._begun_s) / self._glide_s, 0.0), 1.0) if self._glide_s > 0.0 else 1.0
        return self._weights + (goal - self._weights) * u, np.zeros(len(goal))


class Pursuit(Mixture):
    """Runs after weights that change at every frame, as a critically damped spring does: smooth, not past them."""

    def reset(self) -> None:
        """Be empty again."""
        super().reset()
        self._at_s = 0.0
        self._rate_hz = 0.0

    def after(self, target: Mapping[int, float], glide_s: float, t_s: float) -> None:
        """Move on to `t_s` (s) after `target` (weights that sum to 1), so that a step takes about `glide_s`."""
        dt_s, self._at_s = max(0.0, t_s - self._at_s), t_s
        if glide_s <= 0.0 or not self._seeds:
            self._settle(target)
            self._rate_hz = 0.0
            return
        goal = self._make_room(target)
        # A spring that turned soft at once while things move fast would swing far.
        softer_hz = self._rate_hz / (1.0 + self._rate_hz * dt_s / _SOFTENING)
        rate_hz = self._rate_hz = max(_TIME_CONSTANTS / glide_s, softer_hz)
        offset = self._weights - goal
        push = self._speeds + rate_hz * offset
        fading = np.exp(-rate_hz * dt_s)
        self._weights = goal + (offset + push * dt_s) * fading
        self._speeds = (self._speeds - rate_hz * push * dt_s) * fading
        self._drop_faint(target, 1.0 / rate_hz)

    def at(self, t_s: float) -> dict[int, float]:
        """Return the weight of every seed; `t_s` is that of the last `after`."""
        return dict(zip(self._seeds, self._weights.tolist(), strict=True))
