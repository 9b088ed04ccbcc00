"""Encoders: knobs without end, which send how far they were turned. Four ways to write that are in use."""

# More than this between two messages (s) is one careful detent at a time; a fast twist sends one every few
# milliseconds.
_SLOW_S = 0.1
_FAST_S = 0.01


def _signed(value: int) -> int:
    """1 to 64 up, 65 to 127 down by what is above 64."""
    return value if value <= 64 else 64 - value


def _signed2(value: int) -> int:
    """65 to 127 up by what is above 64, 1 to 64 down."""
    return -_signed(value)


def _offset(value: int) -> int:
    """65 to 127 up by what is above 64, 63 to 1 down by what is below."""
    return value - 64 if value else 0


def _twos(value: int) -> int:
    """Two's complement in seven bits: 1 to 64 up, 127 to 65 down."""
    return value if value <= 64 else value - 128


ENCODINGS = {"signed": _signed, "signed2": _signed2, "offset": _offset, "twos": _twos}


class Encoder:
    """Counts steps, more of them the faster it is turned.

    Args:
        encoding: a key of ENCODINGS.
        acceleration: how many steps one detent is worth when it is turned as fast as one can; 1 is always one.
    """

    def __init__(self, encoding: str, acceleration: float) -> None:
        self._steps = ENCODINGS[encoding]
        self._acceleration = acceleration
        self._last_s: float | None = None

    def turn(self, value: int, received_s: float) -> float:
        """Return how many steps a message turns it, up or down."""
        return self.speed_up(self._steps(value), received_s)

    def speed_up(self, steps: int, received_s: float) -> float:
        """Return what so many steps are worth at the speed at which they come."""
        last_s, self._last_s = self._last_s, received_s
        pause_s = _SLOW_S if last_s is None else received_s - last_s
        haste = min(max((_SLOW_S - pause_s) / (_SLOW_S - _FAST_S), 0.0), 1.0)
        return steps * (1.0 + (self._acceleration - 1.0) * haste)
