"""The table of parameters: everything that can be turned while the show runs.

One entry makes the OSC address (`/avserver` + address), the web page's slider, the checks of the mapping file and a
line of `avserver params`. Some entries always exist (`fixed_params.FIXED`); a mapping file adds those of its choirs,
bends and directions (`patch_params`).
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from avserver.errors import ParamError, nearest

Value = float | int | bool


class Kind(StrEnum):
    """What a parameter takes. A trigger has no value: it fires."""

    FLOAT = "float"
    INT = "int"
    BOOL = "bool"
    TRIGGER = "trigger"


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter.

    Attributes:
        address: `/group/name`, as in OSC but without `/avserver`.
        kind: what it takes.
        default: its value when the show starts and after a panic (False for a trigger).
        minimum: values are clamped to [minimum, maximum].
        maximum: see minimum.
        unit: `s`, `deg` … or empty.
        smoothing_s: time constant with which a turned knob takes effect (0: at once).
        survives_panic: whether a panic leaves it as it is.
        choices: of a whole number that stands for one of several things, what they are called, from `minimum` on; their
            names are taken for the numbers.
        description: one line.
    """

    address: str
    kind: Kind
    default: Value
    minimum: float
    maximum: float
    description: str
    unit: str = ""
    smoothing_s: float = 0.0
    survives_panic: bool = False
    choices: tuple[str, ...] = ()

    def to_plain(self) -> dict[str, str | Value | list[str]]:
        """Return the entry as plain data, for pages and machines; what only concerns the show stays at home."""
        return {
            "address": self.address,
            "kind": str(self.kind),
            "default": self.default,
            "minimum": self.minimum,
            "maximum": self.maximum,
            "unit": self.unit,
            "description": self.description,
            "choices": list(self.choices),
        }

    def coerce(self, value: object) -> Value:
        """Return `value` as this parameter holds it: of its type, clamped to its range.

        Numbers and bools are taken for one another (TouchDesigner sends nothing but floats); a switch is on from 0.5.

        Raises ParamError for what is neither a finite number nor one of `choices`.
        """
        if isinstance(value, str) and value in self.choices:
            return int(self.minimum) + self.choices.index(value)
        if not isinstance(value, (bool, int, float)) or (isinstance(value, float) and not math.isfinite(value)):
            raise ParamError(f"{self.address} takes {self.allowed()}, got {value!r}")
        if self.kind in (Kind.BOOL, Kind.TRIGGER):
            return value >= 0.5
        clamped = min(max(value, self.minimum), self.maximum)
        return round(clamped) if self.kind is Kind.INT else float(clamped)

    def allowed(self) -> str:
        """Return in words what it takes."""
        if self.kind in (Kind.BOOL, Kind.TRIGGER):
            return "0 or 1"
        if self.choices:
            return ", ".join(f"{number} {name}" for number, name in enumerate(self.choices, start=int(self.minimum)))
        unit = f" {self.unit}" if self.unit else ""
        number = "a whole number" if self.kind is Kind.INT else "a number"
        return f"{number} from {self.minimum:.12g} to {self.maximum:.12g}{unit}"


class ParamTable(Mapping[str, Param]):
    """The parameters of a show by address, in the order in which people should see them."""

    def __init__(self, params: Iterable[Param]) -> None:
        self._params: dict[str, Param] = {}
        for param in params:
            if param.address in self._params:
                raise ParamError(f"two parameters are called {param.address}")
            self._params[param.address] = param

    def __getitem__(self, address: str) -> Param:
        """Return the parameter. Raises ParamError, naming the nearest address, if there is none."""
        try:
            return self._params[address]
        except KeyError:
            raise ParamError(f"there is no parameter {address!r}; {nearest(address, self._params)}") from None

    def __contains__(self, address: object) -> bool:
        return address in self._params

    def __iter__(self) -> Iterator[str]:
        return iter(self._params)

    def __len__(self) -> int:
        return len(self._params)

    def defaults(self) -> dict[str, Value]:
        """Return the default of every parameter that has a value (triggers have none)."""
        return {param.address: param.default for param in self.values() if param.kind is not Kind.TRIGGER}


@dataclass(frozen=True, slots=True)
class Params:
    """What every parameter is worth at one frame, and what happened since the last one.

    Attributes:
        values: by address.
        fired: addresses of the triggers that fired.
        glides: of what was turned, how long it is to take (s), 0 at once, where whoever turned it said so.
    """

    values: Mapping[str, Value]
    fired: frozenset[str] = frozenset()
    glides: Mapping[str, float] = field(default_factory=dict)

    def __getitem__(self, address: str) -> Value:
        return self.values[address]
