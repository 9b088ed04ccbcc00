"""The table of parameters: everything that can be turned while the show runs.

One entry makes the OSC address (`/avserver` + address), the web page's slider, the checks of the mapping file and a
line of `avserver params`. Some entries always exist (`FIXED`); a mapping file adds those of its choirs, bends and
directions.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from avserver.errors import ParamError, nearest
from avserver.frame_spec import MAX_SEED
from avserver.transforms import TRANSFORMS

Value = float | int | bool

# Directions of w that every show has. Each costs nothing while its amount is 0.
FIXED_DIRECTIONS = 8
# Farthest along a direction, in standard deviations of w: past three, pictures are rare; past five, broken.
MOST_SIGMA = 5.0


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

    def to_plain(self) -> dict[str, str | Value]:
        """Return the entry as plain data, for pages and machines; what only concerns the show stays at home."""
        return {
            "address": self.address,
            "kind": str(self.kind),
            "default": self.default,
            "minimum": self.minimum,
            "maximum": self.maximum,
            "unit": self.unit,
            "description": self.description,
        }

    def coerce(self, value: object) -> Value:
        """Return `value` as this parameter holds it: of its type, clamped to its range.

        Numbers and bools are taken for one another (TouchDesigner sends nothing but floats); a switch is on from 0.5.

        Raises ParamError for what is not a finite number.
        """
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
    """What every parameter is worth at one frame, and which triggers fired since the last one."""

    values: Mapping[str, Value]
    fired: frozenset[str] = frozenset()

    def __getitem__(self, address: str) -> Value:
        return self.values[address]


def _float(
    address: str,
    default: float,
    low: float,
    high: float,
    text: str,
    unit: str = "",
    smoothing_s: float = 0.05,
) -> Param:
    return Param(address, Kind.FLOAT, default, low, high, text, unit, smoothing_s)


def _int(address: str, default: int, low: int, high: int, text: str) -> Param:
    return Param(address, Kind.INT, default, low, high, text)


def _bool(address: str, default: bool, text: str) -> Param:
    return Param(address, Kind.BOOL, default, 0, 1, text)


def _trigger(address: str, text: str) -> Param:
    return Param(address, Kind.TRIGGER, False, 0, 1, text)


def direction_params(
    name: str, *, kind: str, number: int, layers: tuple[float, float] = (0.0, 1.0), amount: float = 0.0
) -> list[Param]:
    """Return the parameters of a direction of w: how far to go along it, and on which layers."""
    at, what = f"/direction/{name}", f"{kind} direction {number}"
    return [
        _float(f"{at}/amount", amount, -MOST_SIGMA, MOST_SIGMA, f"how far along {what}, 0 is not at all", "sigma"),
        _float(f"{at}/first", layers[0], 0.0, 1.0, f"{what} moves the layers from this share of them on"),
        _float(f"{at}/stop", layers[1], 0.0, 1.0, f"{what} moves the layers below this share of them"),
    ]


FIXED: tuple[Param, ...] = (
    _float("/output/opacity", 1.0, 0.0, 1.0, "brightness of the picture, 0 is black"),
    _bool("/output/blackout", False, "all outputs black, at once"),
    _bool("/output/freeze", False, "the picture stands still"),
    _bool("/output/strobe_safe", False, "no part of the picture flashes more than three times a second"),
    _float("/mix/amount", 0.0, 0.0, 1.0, "share of the partner model, if the show has one"),
    _float("/mix/first", 0.0, 0.0, 1.0, "the partner is mixed into the layers from this share of them on"),
    _float("/mix/stop", 1.0, 0.0, 1.0, "the partner is mixed into the layers below this share of them"),
    Param(
        "/audio/delay_ms",
        Kind.FLOAT,
        0.0,
        0.0,
        1000.0,
        "how much later sound is heard, to align it with the picture",
        "ms",
        survives_panic=True,
    ),
    _trigger("/panic", "every parameter back to its default, at once; the model stays"),
    _float(
        "/model/fade_s", 1.0, 0.0, 30.0, "how long another model takes to fade in, 0 swaps between two frames", "s", 0.0
    ),
    _float("/latent/truncation_psi", 1.0, 0.0, 1.5, "how far pictures stray from the average one"),
    _int("/latent/truncation_cutoff", 32, 0, 32, "layers below this one are truncated"),
    _float("/noise/strength", 0.5, 0.0, 2.0, "standard deviation of the noise"),
    _float("/noise/speed", 1.0, 0.0, 8.0, "how fast the noise moves"),
    _float("/noise/grain_coarse", 0.0, 0.0, 1.0, "smooth (0) to rough (1) noise up to 32 px", smoothing_s=0.0),
    _float("/noise/grain_fine", 0.0, 0.0, 1.0, "smooth (0) to rough (1) noise above 32 px", smoothing_s=0.0),
    _float("/grade/contrast", 1.0, 0.0, 2.0, "contrast of the picture"),
    _float("/grade/saturation", 1.0, 0.0, 2.0, "saturation of the picture, 0 is grey"),
    _float("/grade/hue", 0.0, -180.0, 180.0, "turn of all colours, red towards green", "deg"),
    _float("/feedback/amount", 0.0, 0.0, 0.98, "share of the frame before in the picture"),
    _float("/feedback/zoom", 1.0, 0.5, 2.0, "share of the frame before in view: below 1 zooms in at every frame"),
    _float("/feedback/rotate", 0.0, -180.0, 180.0, "turn of the frame before at every frame, anticlockwise", "deg"),
    _bool("/audio/gain_auto", True, "strengths of onsets follow how loud the music was lately"),
    _float(
        "/audio/gain_max_db", 30.0, 0.0, 60.0, "music softer than loud music by this still plays in full", "dB", 0.0
    ),
    _float("/audio/gain_half_life_s", 4.0, 0.5, 60.0, "after so long a loud onset counts half as much", "s", 0.0),
    _float("/tempo/slowest_bpm", 55.0, 40.0, 240.0, "no slower tempo is told: raise it for double", "bpm", 0.0),
    _float("/tempo/fastest_bpm", 215.0, 40.0, 240.0, "no faster tempo is told: lower it for half", "bpm", 0.0),
    _bool("/segment/auto", True, "tempo changes in the music switch the segment"),
    _int("/segment/select", 0, 0, 127, "the segment to go to"),
    _trigger("/segment/next", "go to the next segment"),
    _trigger("/segment/previous", "go to the previous segment"),
    *(
        param
        for number in range(1, FIXED_DIRECTIONS + 1)
        for param in direction_params(str(number), kind="sefa", number=number)
    ),
)


def model_params(models: Sequence[str]) -> list[Param]:
    """Return the parameters of a show's models, given their names."""
    names = ", ".join(f"{number} {name}" for number, name in enumerate(models))
    select = Param(
        "/model/select", Kind.INT, 0, 0, len(models) - 1, f"the model that plays: {names}", survives_panic=True
    )
    return [select]


def choir_params(name: str, *, seeds: Iterable[int], layers: tuple[float, float], glide_s: float) -> list[Param]:
    """Return the parameters of a choir: its seeds, which layers it plays, how long it glides."""
    at = f"/choir/{name}"
    return [
        _float(f"{at}/glide_s", glide_s, 0.0, 30.0, f"how long {name} takes from one seed to the next", "s", 0.0),
        _float(f"{at}/first", layers[0], 0.0, 1.0, f"{name} plays the layers from this share of them on"),
        _float(f"{at}/stop", layers[1], 0.0, 1.0, f"{name} plays the layers below this share of them"),
        _trigger(f"{at}/next", f"{name} goes to its next seed"),
        *(
            # A projected picture stands among the seeds as a number beyond them.
            _int(f"{at}/seed/{number}", seed, 0, max(seed, MAX_SEED), f"seed {number} of {name}")
            for number, seed in enumerate(seeds, start=1)
        ),
    ]


def bend_params(name: str, *, layer: str, transform: str) -> list[Param]:
    """Return the parameters of a bend: its switch, the values of its transform, and how fast its phase moves."""
    at = f"/bend/{name}"
    params = [
        _bool(f"{at}/enable", True, f"{transform} of {layer} on or off"),
        *(
            _float(f"{at}/{v.name}", v.neutral, v.minimum, v.maximum, f"{layer}: {v.description}", v.unit, 0.0)
            for v in TRANSFORMS[transform]
        ),
    ]
    if any(value.name == "phase" for value in TRANSFORMS[transform]):
        params.append(_float(f"{at}/speed", 1.0, -16.0, 16.0, f"{layer}: how fast the phase moves", "rad/s", 0.0))
    return params
