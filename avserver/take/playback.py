"""Playback: a take at any rate, tick by tick."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

from avserver.take.between import Shares, at_rate, between
from avserver.take.reader import Moment, Take

# Positions are sums of fractions: this much of a tick is rounding, not time.
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Seen:
    """What a take shows at a time.

    Attributes:
        moment: what it is, with the spec as it is between two ticks. What was turned and fired is of the tick before.
        passed: the ticks, the one that it is at included, that went by since the last time.
    """

    moment: Moment
    passed: tuple[Moment, ...]


class Playback:
    """Plays a take forwards, once.

    Args:
        take: which.
        fps: how often it is asked for frames a second: feedback, which counts frames, goes by that.
    """

    def __init__(self, take: Take, fps: float) -> None:
        self._take = take
        self._factor = fps / take.fps
        self._moments: Iterator[Moment] = take.moments()
        self._before: Moment | None = None
        self._after: Moment | None = next(self._moments, None)

    def at(self, t_s: float) -> Seen:
        """Return what is seen `t_s` (s) after the take began, at least that of the last call. At a tick of the take
        that is what was decided, to the bit; between two of them, what is between.
        """
        at = self._take.first + t_s * self._take.fps
        at = round(at) if abs(at - round(at)) < _ROUNDING else at
        passed = []
        while self._after is not None and self._after.index <= at:
            self._before, self._after = self._after, next(self._moments, None)
            passed.append(self._before)
        assert self._before is not None, "a take has a tick, and begins with it"
        return Seen(self._between(self._before, self._after, at), tuple(passed))

    def _between(self, before: Moment, after: Moment | None, at: float) -> Moment:
        spec, opacity = before.spec, before.opacity
        if spec is not None and after is not None and at > before.index and after.role == before.role:
            fps = self._take.fps
            shares = Shares.at(at / fps, before.index / fps, after.index / fps, after.hit_s)
            if not (before.frozen or after.frozen) and after.spec is not None:
                spec = between(spec, after.spec, shares)
            opacity += (after.opacity - opacity) * shares.struck
        if spec is not None and self._factor != 1.0:
            spec = dataclasses.replace(spec, feedback=at_rate(spec.feedback, self._factor))
        return dataclasses.replace(before, spec=spec, opacity=opacity)
