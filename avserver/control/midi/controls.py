"""Controls: what can be moved on a controller, by the names that a mapping file gives them.

| name               | what moves                                                          | values                 |
|--------------------|---------------------------------------------------------------------|------------------------|
| `cc CH N`          | control change N                                                    | 0 to 127               |
| `cc14 CH N`        | control changes N (coarse) and N + 32 (fine)                        | 0 to 16383             |
| `nrpn CH N`        | a non-registered parameter: control changes 99, 98, then 6, 38      | 0 to 16383             |
| `bend CH`          | the pitch wheel, or a motor fader of the Mackie kind                | 0 to 16383, rests 8192 |
| `pressure CH`      | aftertouch of all keys                                              | 0 to 127               |
| `poly CH NOTE`     | aftertouch of one key                                               | 0 to 127               |
| `note CH NOTE`     | a key or pad                                                        | velocity, 0 let go     |
| `program CH`       | program change, with bank select                                    | bank * 128 + program   |

Channels count from 1, as on the controllers themselves. The numbers are those of the MIDI 1.0 Detailed Specification.
"""

import re
from dataclasses import dataclass

from avserver.errors import ParamError, nearest

CHANNELS = 16
TOP_7 = 127
TOP_14 = 16383
CENTRE = 8192  # where a pitch wheel rests
# Controllers 0 to 31 have a fine half 32 above them.
FINE = 32


@dataclass(frozen=True, slots=True)
class Spec:
    """A kind of control.

    Attributes:
        number: what its number is called in a mapping file; empty if a channel has only one.
        most: the highest number.
        top: the highest value.
    """

    number: str
    most: int
    top: int


SPECS = {
    "cc": Spec("CONTROLLER", 127, TOP_7),
    "cc14": Spec("CONTROLLER", FINE - 1, TOP_14),
    "nrpn": Spec("PARAMETER", TOP_14, TOP_14),
    "bend": Spec("", 0, TOP_14),
    "pressure": Spec("", 0, TOP_7),
    "poly": Spec("NOTE", 127, TOP_7),
    "note": Spec("NOTE", 127, TOP_7),
    "program": Spec("", 0, TOP_14 * 128 + 127),
}


@dataclass(frozen=True, slots=True)
class Control:
    """One control: its kind (a key of SPECS), its channel (1 to 16) and its number (0 if it has none)."""

    kind: str
    channel: int
    number: int = 0

    @property
    def spec(self) -> Spec:
        """What there is to know of its kind."""
        return SPECS[self.kind]

    def __str__(self) -> str:
        number = f" {self.number}" if self.spec.number else ""
        return f"{self.kind} {self.channel}{number}"

    def position(self, value: int) -> float:
        """Return where it stands, from 0 to 1. A wheel at rest is in the middle, to the last bit."""
        if self.kind != "bend":
            return min(value / self.spec.top, 1.0)
        return value / (2 * CENTRE) if value <= CENTRE else 0.5 + (value - CENTRE) / (2 * (TOP_14 - CENTRE))

    def value(self, position: float) -> int:
        """Return the value nearest to a position from 0 to 1."""
        if self.kind != "bend":
            return round(position * self.spec.top)
        return round(2 * CENTRE * position if position <= 0.5 else CENTRE + 2 * (TOP_14 - CENTRE) * (position - 0.5))


@dataclass(frozen=True, slots=True)
class Move:
    """A control was moved.

    Attributes:
        control: which.
        value: what it says now.
        received_s: when (s, a monotonic clock).
        steps: of a message that tells no value but steps up (positive) or down; 0 for all others.
    """

    control: Control
    value: int
    received_s: float
    steps: int = 0

    @property
    def position(self) -> float:
        """Where the control stands, from 0 to 1."""
        return self.control.position(self.value)

    @property
    def pressed(self) -> bool:
        """Whether it is on: for a note any velocity, for all else the upper half (a switch is on from 64)."""
        return self.value > (0 if self.control.kind == "note" else self.control.spec.top // 2)


def parse_control(text: str) -> Control:
    """Read the name of a control. Raises ParamError for what is not one, saying what is."""
    kind, *words = text.split(" ")
    if kind not in SPECS:
        raise ParamError(f"there is no control {text!r}; {nearest(kind, SPECS)}")
    spec = SPECS[kind]
    numbers = [int(word) for word in words if re.fullmatch(r"\d{1,5}", word, re.ASCII)]
    wanted = 2 if spec.number else 1
    if not len(numbers) == len(words) == wanted or not 1 <= numbers[0] <= CHANNELS or numbers[-1] > _most(spec):
        raise ParamError(f"control takes {_allowed(kind, spec)}, got {text!r}")
    return Control(kind, *numbers)


def _most(spec: Spec) -> int:
    return spec.most if spec.number else CHANNELS


def _allowed(kind: str, spec: Spec) -> str:
    if not spec.number:
        return f"'{kind} CHANNEL' with a channel from 1 to {CHANNELS}"
    what = spec.number.lower()
    return f"'{kind} CHANNEL {spec.number}' with a channel from 1 to {CHANNELS} and a {what} from 0 to {spec.most}"
