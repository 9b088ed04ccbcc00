"""Signal knobs: what a performer makes of what is heard, between the listening and all that is driven by it.

Each stream of onsets, `/signal/STEM/BAND`, has four knobs. Strengths of its onsets and its level `onset_strength` are
multiplied by `gain`, up to 1. What is then below `threshold` is not there: the onset is dropped, the level is 0. Last,
the level rises with the time constant `attack_s` and falls with `release_s`.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import NamedTuple

from avserver.control.follower import Follower, FollowerOptions
from avserver.control.params import Value
from avserver.signals import BANDS, STEMS, Onset, Signals

STREAMS = tuple((stem, band) for stem in STEMS for band in BANDS)


class Turns(NamedTuple):
    """Where the knobs of one stream stand, by default: where they change nothing."""

    gain: float = 1.0
    threshold: float = 0.0
    attack_s: float = 0.0
    release_s: float = 0.0

    def heard(self, strength: float) -> float:
        """Return the strength as it counts, 0 for none."""
        gained = min(1.0, strength * self.gain)
        return gained if gained >= self.threshold else 0.0


_UNTOUCHED = Turns()
_ALL_UNTOUCHED = tuple(_UNTOUCHED) * len(STREAMS)
_of_all = itemgetter(*(f"/signal/{stem}/{band}/{knob}" for stem, band in STREAMS for knob in Turns._fields))


class SignalKnobs:
    """Applies the knobs, frame by frame."""

    def __init__(self) -> None:
        self._followers: dict[tuple[str, str], Follower] = {}

    def update(self, signals: Signals, values: Mapping[str, Value], t_s: float) -> Signals:
        """Return the signals as the knobs have them at `t_s` (s), the very same while none is turned.

        `values` holds every `/signal/…` parameter.
        """
        stand = _of_all(values)
        if stand == _ALL_UNTOUCHED:
            self._followers.clear()
            return signals
        turned = {
            stream: turns
            for number, stream in enumerate(STREAMS)
            if (turns := Turns(*stand[4 * number : 4 * number + 4])) != _UNTOUCHED
        }
        self._followers = {
            stream: self._followers.get(stream) or Follower(FollowerOptions())
            for stream, turns in turned.items()
            if turns.attack_s or turns.release_s
        }
        levels = {
            stream: self._level(stream, turned[stream], level, t_s) if stream in turned else level
            for stream, level in signals.onset_strength.items()
        }
        ahead = signals.ahead
        return dataclasses.replace(
            signals,
            onset_strength=levels,
            onsets=_counted(signals.onsets, turned),
            ahead=ahead and dataclasses.replace(ahead, onsets=_counted(ahead.onsets, turned)),
        )

    def _level(self, stream: tuple[str, str], turns: Turns, level: float, t_s: float) -> float:
        heard = turns.heard(level)
        follower = self._followers.get(stream)
        if follower is None:
            return heard
        follower.options = FollowerOptions(turns.attack_s, turns.release_s)
        return follower.update(heard, t_s)


def _counted(onsets: Sequence[Onset], turned: Mapping[tuple[str, str], Turns]) -> tuple[Onset, ...]:
    """Return the onsets as they count, without those that do not."""
    strengths = [turned.get((onset.stem, onset.band), _UNTOUCHED).heard(onset.strength) for onset in onsets]
    return tuple(
        onset if strength == onset.strength else dataclasses.replace(onset, strength=strength)
        for onset, strength in zip(onsets, strengths, strict=True)
        if strength > 0.0 or (onset.stem, onset.band) not in turned
    )
