"""Knobs: what of listening can be turned while it plays."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Knobs:
    """How the next tick is heard.

    Attributes:
        gain_auto, gain_max_db, gain_half_life_s: see `Gain`.
        slowest_bpm, fastest_bpm: of half or double, the tempo that lies within is told.
    """

    gain_auto: bool = True
    gain_max_db: float = 30.0
    gain_half_life_s: float = 4.0
    slowest_bpm: float = 55.0
    fastest_bpm: float = 215.0
