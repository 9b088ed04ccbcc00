"""Relative arguments, as Resolume has them: how far a knob is turned instead of where to.

| arguments | meaning |
|---|---|
| `"+" 0.1` `"-" 0.1` | so much up, so much down |
| `"*" 2` | so many times what it is |
| `"a" 0.5` | the value itself: everything here is absolute, in the parameter's own range |
| `"?"` | asks for the value, like no argument at all |
"""

import math

from avserver.control.params import Kind, Param, Value
from avserver.errors import ParamError

ASK, ABSOLUTE = "?", "a"
SIGNS = ("+", "-", "*")


def stepped(param: Param, at: Value, sign: str, amount: object) -> Value:
    """Return where a knob that stands at `at` comes to, in its range; whole numbers go to the nearest.

    Raises ParamError for a switch, a trigger, or what is no finite number.
    """
    if param.kind in (Kind.BOOL, Kind.TRIGGER):
        raise ParamError(f"{param.address} is on or off: it takes {param.allowed()}, not {sign!r} and a number")
    if not isinstance(amount, (int, float)) or not -math.inf < amount < math.inf:
        raise ParamError(f"{param.address} takes {sign!r} with a finite number, got {amount!r:.40}")
    # Ten times the way across is across; Python's whole numbers may be longer than a float can say.
    far = 10.0 * max(abs(param.minimum), abs(param.maximum), 1.0)
    by = float(min(max(amount, -far), far))
    if sign == "*":
        return param.coerce(at * by)
    return param.coerce(at + by if sign == "+" else at - by)
