"""Delayed: a listener who hears everything later, to align sound and picture."""

import dataclasses
from collections.abc import Callable
from typing import Protocol

from avserver.analysis.knobs import Knobs
from avserver.signals import Signals


class Listener(Protocol):
    """Whoever says what is heard: the analyser, or what others tell over OSC."""

    def until(self, t_s: float) -> Signals:
        """Return the state at `t_s` (show time, s; it never goes back) and all onsets since the last call."""

    def turn(self, knobs: Knobs) -> None:
        """Have what follows heard as the knobs say."""

    def reset(self) -> None:
        """Start again at show time 0."""


class Delayed:
    """Has a listener hear what was there `delay_s` ago, and moves the times of what it tells to now.

    The delay may change at any time. While it grows, time stands still for the listener; when it shrinks, the listener
    catches up: nothing is heard twice, and nothing is left out.

    Args:
        listener: who listens.
        fetch: called with the show time (s) at every step: take in what is there by now.
    """

    def __init__(self, listener: Listener, fetch: Callable[[float], None]) -> None:
        self._listener = listener
        self._fetch = fetch
        self._heard_s = 0.0

    def until(self, t_s: float, delay_s: float = 0.0) -> Signals:
        """Return what is heard at `t_s` (show time, s), not before that of the last call, with a delay of 0 s or more.

        `heard_s` of the result stays the true time of the newest sample.
        """
        self._fetch(t_s)
        self._heard_s = max(self._heard_s, t_s - delay_s)
        signals = self._listener.until(self._heard_s)
        late_s = t_s - self._heard_s
        if late_s == 0.0:
            return signals
        return dataclasses.replace(
            signals,
            t_s=t_s,
            onsets=tuple(dataclasses.replace(onset, t_s=onset.t_s + late_s) for onset in signals.onsets),
            notes=tuple(dataclasses.replace(note, t_s=note.t_s + late_s) for note in signals.notes),
            beat_s=signals.beat_s + late_s,
            segment_s=signals.segment_s + late_s,
        )

    def turn(self, knobs: Knobs) -> None:
        """Have what follows heard as the knobs say."""
        self._listener.turn(knobs)

    def reset(self) -> None:
        """Start again at show time 0."""
        self._listener.reset()
        self._heard_s = 0.0
