"""Noise: how far the generator's moving fields have turned, how rough and how strong they are, per resolution."""

import math
from collections.abc import Sequence

from avserver.control.params import Params
from avserver.frame_spec import NoiseLevel

# The seed smoothed white noise in time with a Gaussian of σ = 7 frames of 1/24 s; its values at times Δ apart correlate
# as exp(-Δ² / 4σ²). A field that turns (cos φ · a + sin φ · b) correlates as cos(rate · Δ). At small Δ they agree, so
# that the noise moves as fast as the seed's did, when rate = 1 / (σ √2).
PHASE_RATE = 24 / (7 * math.sqrt(2))  # rad/s at /noise/speed 1: once round in 2.6 s

# The smooth fields turn 7/15 as fast as the rough ones. After 15 turns of the rough ones and 7 of the smooth ones both
# are where they began, so the phase can begin again there, small and exact, and nobody sees it.
PHASE_PERIOD = 30 * math.pi

# The seed let the mid drums play the noise up to here, and the high drums above (px).
COARSEST_FINE_PX = 64


class Noise:
    """Turns the fields on from frame to frame."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Turn the fields back to where they began."""
        self._phase = 0.0
        self._last_s: float | None = None

    def update(self, params: Params, t_s: float) -> None:
        """Move on to `t_s` (s, show time)."""
        dt_s = 0.0 if self._last_s is None else max(0.0, t_s - self._last_s)
        self._last_s = t_s
        self._phase = (self._phase + PHASE_RATE * float(params["/noise/speed"]) * dt_s) % PHASE_PERIOD

    def levels(self, params: Params, resolutions: Sequence[int]) -> tuple[NoiseLevel, ...]:
        """Return the frame's noise at each of a model's resolutions (px)."""
        strength = float(params["/noise/strength"])
        return tuple(
            NoiseLevel(resolution, self._phase, strength, float(params[_grain(resolution)]))
            for resolution in resolutions
        )


def _grain(resolution: int) -> str:
    return "/noise/grain_fine" if resolution >= COARSEST_FINE_PX else "/noise/grain_coarse"
