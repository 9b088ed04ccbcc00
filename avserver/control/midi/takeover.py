"""Takeover: what happens when a fader is touched that stands elsewhere than its parameter.

- `jump`: the parameter goes where the fader is.
- `pickup`: nothing moves until the fader reaches the parameter, or passes it, however fast.
- `scale`: the parameter moves at once, by as much of the way that it has left as the fader moves of its own; they meet
  at the end at the latest.
"""

TAKEOVERS = ("jump", "pickup", "scale")
# A fader that is this near is there: one step of 127.
NEAR = 1 / 127 + 1e-9


class Takeover:
    """One fader's. Positions are from 0 to 1."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._last: float | None = None
        self._caught = False

    def lose(self) -> None:
        """Somebody else turned the parameter: the fader has to pick it up again."""
        self._caught = False

    def forget(self) -> None:
        """The fader may be anywhere by now."""
        self._last = None
        self._caught = False

    def move(self, position: float, stands: float, *, same: bool = False) -> float | None:
        """Return where the parameter goes; None leaves it.

        Args:
            position: where the fader is now.
            stands: where the parameter is.
            same: the fader's position means the value that the parameter has, as of few values many positions do.
        """
        last, self._last = self._last, position
        if self._kind == "jump":
            return position
        there = same or abs(position - stands) <= NEAR
        if self._kind == "scale":
            return _scaled(last, position, stands) if last is not None else position if there else None
        passed = last is not None and (last - stands) * (position - stands) <= 0
        self._caught = self._caught or there or passed
        return position if self._caught else None


def _scaled(last: float, position: float, stands: float) -> float:
    """Return where a parameter goes when its fader moves from `last` to `position`."""
    way = position - last
    if way == 0:
        return stands
    moved = way * (1.0 - stands) / (1.0 - last) if way > 0 else way * stands / last
    return min(max(stands + moved, 0.0), 1.0)
