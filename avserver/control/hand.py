"""Hand: whoever turns knobs from within the engine's thread: controllers, presets that morph."""

from collections.abc import Mapping
from typing import Protocol

from avserver.control.events import Event
from avserver.control.moment import Moment
from avserver.control.params import ParamTable, Value
from avserver.control.patch import Patch


class Hand(Protocol):
    """Asked once a frame. What it does is executed before what has arrived, so that whoever turns the same has it."""

    def events(self, moment: Moment, values: Mapping[str, Value]) -> list[Event]:
        """Return what it does at this frame; `values` is where the knobs stand. Never blocks, never raises."""

    def take(self, patch: Patch, table: ParamTable) -> None:
        """Take note that another patch is played, with these parameters."""
