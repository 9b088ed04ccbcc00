"""Followers: a level that rises in its own time and falls in its own."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FollowerOptions:
    """How fast a level is followed.

    Attributes:
        attack_s: time constant while it is above (s), 0 for at once: after so long 63 % of the way is gone.
        release_s: time constant while it is below (s).
    """

    attack_s: float = 0.0
    release_s: float = 0.0


class Follower:
    """A one-pole filter with a time constant for either way. It is exact in dt: the frame rate makes no difference.

    Attributes:
        options: may be changed at any time.
    """

    _last_s: float | None
    _value: float

    def __init__(self, options: FollowerOptions) -> None:
        self.options = options
        self.reset()

    def update(self, level: float, t_s: float) -> float:
        """Take the level of this frame, return what follows it at `t_s` (s). The first counts at once."""
        if self._last_s is None:
            self._value = level
        else:
            rises = level > self._value
            constant_s = self.options.attack_s if rises else self.options.release_s
            dt_s = max(0.0, t_s - self._last_s)
            self._value = level + (self._value - level) * math.exp(-dt_s / constant_s) if constant_s > 0 else level
        self._last_s = t_s
        return self._value

    def reset(self) -> None:
        """Forget what was followed."""
        self._last_s = None
        self._value = 0.0
