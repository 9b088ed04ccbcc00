"""Automatic gain: onsets brought to [0, 1] by what was heard lately, so that a quiet intro plays as a loud drop."""

import math
from dataclasses import dataclass

# An onset_strength falls this fast (s), so that a frame still sees the peak it came after.
RELEASE_S = 0.08
# How much softer than loud music what a detector is said to make of quiet music is (dB).
QUIET_DB = 30.0


@dataclass(slots=True)
class Gain:
    """How strengths are scaled. It can be turned while it plays; all that share it then follow.

    Attributes:
        auto: whether the scale follows what is heard; if not, only loud music comes near 1.
        max_db: music that is softer than loud music by this (dB) still reaches 1, what is softer yet does not.
        half_life_s: "lately", in what was heard lately: after so long a peak counts half.
    """

    auto: bool = True
    max_db: float = QUIET_DB
    half_life_s: float = 4.0


class AutoGain:
    """A detection function brought to [0, 1] by the highest value heard lately.

    Args:
        hop_s: seconds between two calls.
        loud: what a strong onset of loud music reaches; it has strength 1 without the automatic.
        quiet: what it reaches in music that is QUIET_DB softer.
        floor: `peak` is at least this, so that next to nothing is no onset.
        gain: how it is scaled.

    Attributes:
        peak: the highest value heard lately, for those who look for onsets. The scale is no matter of theirs.
        level: the value on the scale, in [0, 1]; rises at once, falls over RELEASE_S.
    """

    peak: float
    level: float
    _lately: float

    def __init__(self, hop_s: float, *, loud: float, quiet: float, floor: float, gain: Gain) -> None:
        self._hop_s, self._loud, self._floor, self._gain = hop_s, loud, floor, gain
        self._per_db = (quiet / loud) ** (1 / QUIET_DB)
        self._release = math.exp(-hop_s / RELEASE_S)
        self.reset()

    def __call__(self, value: float) -> None:
        """Take the detection function's value at this hop."""
        self._lately = max(value, self._lately * 0.5 ** (self._hop_s / self._gain.half_life_s))
        self.peak = max(self._lately, self._floor)
        self.level = max(self.of(value), self.level * self._release)

    def of(self, value: float) -> float:
        """Return that value on the scale that holds at the moment, in [0, 1]."""
        full = max(self._lately, self._loud * self._per_db**self._gain.max_db) if self._gain.auto else self._loud
        return min(1.0, max(0.0, value / full))

    def reset(self) -> None:
        """Forget what was heard."""
        self._lately = 0.0
        self.peak = self._floor
        self.level = 0.0
