"""Moment: when a frame is decided."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Moment:
    """When a frame is decided.

    Attributes:
        t_s: show time of the frame (s).
        unix_s: time of the day (s, Unix).
        bpm: the tempo; 0 if there is none, or if the beat stands.
        beats: beats since the first, with a fraction, as it is foretold for this frame.
        quantum: beats in a bar.
    """

    t_s: float
    unix_s: float
    bpm: float = 0.0
    beats: float = 0.0
    quantum: int = 4
