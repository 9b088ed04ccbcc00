"""Hand: whoever turns knobs from within the engine's thread: controllers, presets that morph."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from avserver.control.events import Event
from avserver.control.params import ParamTable, Value
from avserver.control.patch import Patch


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


class Hand(Protocol):
    """Asked once a frame. What it does is executed before what has arrived, so that whoever turns the same has it."""

    def events(self, moment: Moment, values: Mapping[str, Value]) -> list[Event]:
        """Return what it does at this frame; `values` is where the knobs stand. Never blocks, never raises."""

    def take(self, patch: Patch, table: ParamTable) -> None:
        """Take note that another patch is played, with these parameters."""
