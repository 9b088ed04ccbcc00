"""Scales: how a number that comes in becomes the one that a parameter is given."""

import math
from dataclasses import dataclass

CURVES = ("linear", "exp", "log", "s")
MOST_STEPS = 128
# Of the exponential curves: halfway `exp` has gone 15 % of the way, `log` 81 %.
_BASE = 32.0


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps a number: its share of the input is turned round, bent, cut into steps and laid over the output.

    Attributes:
        input_range: the number is clamped to it; None takes it as it is (as if it went from 0 to 1).
        output_range: what the ends of the input become; None is the input range, so that the number passes raw.
        curve: one of CURVES. `exp` is slow first, `log` slow last, `s` both.
        steps: how many different numbers come out, evenly spread; 0 for no steps.
        invert: what is high comes out low.
    """

    input_range: tuple[float, float] | None = None
    output_range: tuple[float, float] | None = None
    curve: str = "linear"
    steps: int = 0
    invert: bool = False

    def mapped(self, value: float) -> float:
        """Return what the parameter gets for a number, before it is clamped to its own range."""
        low, high = self.input_range or (0.0, 1.0)
        if self.input_range is not None:
            value = min(max(value, min(low, high)), max(low, high))
        if self.output_range is None and not self._bends and not self.invert:
            return value
        share = (value - low) / (high - low)
        if self.invert:
            share = 1.0 - share
        if self._bends:
            share = stepped(self.steps, curved(self.curve, min(max(share, 0.0), 1.0)))
        first, last = self.output_range or (low, high)
        return first * (1.0 - share) + last * share

    @property
    def _bends(self) -> bool:
        return self.curve != "linear" or self.steps > 0


def curved(curve: str, share: float) -> float:
    """Return in [0, 1] what a curve (one of CURVES) makes of a share in [0, 1]; it rises, 0 and 1 stay."""
    match curve:
        case "exp":
            return (_BASE**share - 1.0) / (_BASE - 1.0)
        case "log":
            return math.log(1.0 + (_BASE - 1.0) * share) / math.log(_BASE)
        case "s":
            return share * share * (3.0 - 2.0 * share)
        case _:
            return share


def straightened(curve: str, share: float) -> float:
    """Return the share in [0, 1] that `curved` makes this one of."""
    match curve:
        case "exp":
            return curved("log", share)
        case "log":
            return curved("exp", share)
        case "s":
            return 0.5 - math.sin(math.asin(1.0 - 2.0 * share) / 3.0)
        case _:
            return share


def stepped(steps: int, share: float) -> float:
    """Return the step (of `steps` from 0 to 1, each as wide as the others) that a share lies on; 0 steps are none."""
    return min(math.floor(share * steps), steps - 1) / (steps - 1) if steps else share
