"""Morph: knobs on their way to where a preset has them."""

import math
import re
from collections.abc import Iterable, Mapping

from avserver.control.params import Kind, Param, Value
from avserver.control.scale import curved

_SEED = re.compile(r"/choir/[^/]+/seed/\d+")
# Phases are said to end at 6.2832.
_TURN_RAD_TOLERANCE = 1e-3


class Morph:
    """Knobs that go from where they stand to their targets.

    Numbers with a fraction leave and arrive at rest, angles by the shorter way; all else switches at once, at a share
    of the time. A knob that somebody else turns meanwhile is left alone from then on.

    Args:
        start: where the knobs stand.
        targets: where they are to stand; for the same addresses.
        params: their entries in the table.
        begun_s: show time (s).
        morph_s: how long it takes, above 0 (s).
        switch_at: share of that at which switches and whole numbers change.
    """

    def __init__(
        self,
        start: Mapping[str, Value],
        targets: Mapping[str, Value],
        params: Mapping[str, Param],
        *,
        begun_s: float,
        morph_s: float,
        switch_at: float,
    ) -> None:
        self._start = dict(start)
        self._targets = targets
        self._params = params
        self._begun_s = begun_s
        self._morph_s = morph_s
        self._switch_at = switch_at
        self._last = dict(start)
        self.over = False

    def leave(self, addresses: Iterable[str]) -> None:
        """Leave these knobs alone from now on."""
        for address in addresses:
            self._last.pop(address, None)

    def at(self, t_s: float, values: Mapping[str, Value]) -> dict[str, Value]:
        """Return the knobs that move at `t_s` (show time, s), and where to. `values` is where all of them stand."""
        self.leave([address for address, last in self._last.items() if values.get(address) != last])
        share = (t_s - self._begun_s) / self._morph_s
        moved = {}
        for address, last in self._last.items():
            value = self._value(address, share)
            if value != last:
                moved[address] = value
        self._last.update(moved)
        self.over = share >= 1.0 or not self._last
        return moved

    def _value(self, address: str, share: float) -> Value:
        start, target, param = self._start[address], self._targets[address], self._params[address]
        if param.kind is not Kind.FLOAT:
            return target if share >= self._switch_at else start
        way = smoothstep(share)
        if way >= 1.0:
            return target
        if is_angle(param):
            return param.coerce(_on_circle(param, start, target, way))
        between = start + (target - start) * way
        return float(min(max(between, min(start, target)), max(start, target)))  # rounding knows no ends


def smoothstep(share: float) -> float:
    """Return the way done at a share of the time, leaving and arriving at rest; exactly 0 up to 0, 1 from 1 on."""
    return curved("s", min(max(share, 0.0), 1.0))


def is_seed(address: str) -> bool:
    """Tell whether a parameter is a choir's seed: one picture and the next have numbers, but nothing in between."""
    return _SEED.fullmatch(address) is not None


def is_angle(param: Param) -> bool:
    """Tell whether the ends of a parameter's range are the same place: once round."""
    span = param.maximum - param.minimum
    return (param.unit == "deg" and span == 360) or (
        param.unit == "rad" and abs(span - 2 * math.pi) < _TURN_RAD_TOLERANCE
    )


def _on_circle(param: Param, start: Value, target: Value, way: float) -> float:
    span = param.maximum - param.minimum
    turn = (target - start + span / 2) % span - span / 2
    return (start + turn * way - param.minimum) % span + param.minimum
