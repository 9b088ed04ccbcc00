"""MidiKnob: a `[[midi]]` table of a mapping file: which control of which controller turns which parameter, and how."""

from collections.abc import Mapping
from dataclasses import dataclass

from avserver.control.entry import Entry
from avserver.control.midi.controls import Control, parse_control
from avserver.control.midi.encoder import ENCODINGS
from avserver.control.midi.takeover import TAKEOVERS
from avserver.control.params import Kind, Param
from avserver.control.scale import CURVES, curved, straightened
from avserver.errors import ParamError

# How a control is played. `position`: the parameter goes where it stands; a program sets its number. The others are for
# keys and buttons: `momentary` on while pressed, `toggle` on and off in turn, `trigger` fires, `radio` sets a value of
# its own.
MODES = ("position", "momentary", "toggle", "trigger", "radio")
# Commands that take a value a controller can send: the number of a program, or the `value` of a key.
COMMANDS = ("/preset/recall", "/preset/save")
DEFAULT_ACCELERATION = 4.0
# One detent without acceleration: as much as one step of a knob that ends.
DEFAULT_STEP = 1 / 127

_KEYS = (
    "port", "control", "to", "range", "curve", "takeover", "encoder", "step", "acceleration", "mode", "value",
    "velocity", "feedback", "on", "off",
)  # fmt: skip
# Wheels that spring back, keys and aftertouch begin wherever they are: they would never pick anything up.
_HELD = ("cc", "cc14", "nrpn")


@dataclass(frozen=True, slots=True)
class MidiKnob:
    """A control of a controller drives a parameter.

    Attributes:
        port: part of the MIDI port's name.
        control: which control.
        target: address of the parameter, or of one of COMMANDS.
        output_range: the parameter's value at the control's low and high end, or let go and pressed.
        curve: one of scale.CURVES.
        mode: one of MODES.
        takeover: one of TAKEOVERS; only `position` knows it.
        encoder: one of ENCODINGS; empty for a control that says where it stands.
        step: how far one detent of an encoder goes, as a share of the range.
        acceleration: how many detents one is worth when it is turned fast.
        value: what `radio` sets, and what `trigger` says to a command.
        velocity: whether the velocity of a key scales what `momentary` sets.
        feedback: whether the controller is shown where the parameter stands.
        on: what lights a button; on Launchpads and APCs it is the colour.
        off: what turns its light off.
    """

    port: str
    control: Control
    target: str
    output_range: tuple[float, float] = (0.0, 1.0)
    curve: str = "linear"
    mode: str = "position"
    takeover: str = "jump"
    encoder: str = ""
    step: float = DEFAULT_STEP
    acceleration: float = DEFAULT_ACCELERATION
    value: float | str | None = None
    velocity: bool = False
    feedback: bool = True
    on: int = 127
    off: int = 0

    def scaled(self, position: float) -> float:
        """Return the parameter's value for a position from 0 to 1."""
        first, last = self.output_range
        bent = curved(self.curve, position)
        return first * (1.0 - bent) + last * bent

    def position(self, value: float) -> float:
        """Return the position, from 0 to 1, at which `scaled` gives the value; the nearest end for one beyond."""
        first, last = self.output_range
        return straightened(self.curve, min(max((value - first) / (last - first), 0.0), 1.0))


def read(entry: Entry, params: Mapping[str, Param]) -> MidiKnob:
    """Read a `[[midi]]` table; `params` are the parameters that there are. Raises MappingError, with file and line."""
    entry.check_keys(_KEYS)
    control = _control(entry)
    target = entry.text_of("to")
    param = None if target in COMMANDS else _param(entry, target, params)
    value = _value(entry, param)
    mode = _mode(entry, control, param, value)
    encoder = _encoder(entry, control, mode)
    return MidiKnob(
        port=_port(entry),
        control=control,
        target=target,
        output_range=_range(entry, param),
        curve=entry.choice("curve", CURVES) if entry.has("curve") else "linear",
        mode=mode,
        takeover=_takeover(entry, control, param, positioned=mode == "position" and not encoder),
        encoder=encoder,
        step=_step(entry, param),
        acceleration=entry.number_of("acceleration", DEFAULT_ACCELERATION, 1, 100),
        value=value,
        velocity=_switch(entry, "velocity", default=False),
        feedback=_switch(entry, "feedback", default=True),
        on=_light(entry, "on", 127),
        off=_light(entry, "off", 0),
    )


def _port(entry: Entry) -> str:
    port = entry.text_of("port")
    if not port:
        raise entry.error("port takes a part of a MIDI port's name, got ''; avserver devices lists them", "port")
    return port


def _control(entry: Entry) -> Control:
    try:
        return parse_control(entry.text_of("control"))
    except ParamError as err:
        raise entry.error(str(err), "control") from err


def _param(entry: Entry, target: str, params: Mapping[str, Param]) -> Param:
    try:
        return params[target]
    except ParamError as err:
        raise entry.error(str(err), "to") from err


def _value(entry: Entry, param: Param | None) -> float | str | None:
    """Read what a key sets: what the parameter takes, or the name or number that a command is told."""
    value = entry.values.get("value")
    if value is None:
        return None
    if not isinstance(value, (int, float, str)):
        raise entry.error(f"value takes a number, a name, true or false, got {value!r}", "value")
    if param is None:
        return value
    if param.kind is Kind.TRIGGER:
        raise entry.error(f"{param.address} is a trigger and takes no value", "value")
    try:
        return param.coerce(value)
    except ParamError as err:
        raise entry.error(str(err), "value") from err


def _mode(entry: Entry, control: Control, param: Param | None, value: object) -> str:
    fires = param is None or param.kind is Kind.TRIGGER
    usual = "trigger" if fires else "radio" if value is not None else "momentary"
    if control.kind == "program" or (control.kind != "note" and usual == "momentary"):
        usual = "position"
    mode = entry.choice("mode", MODES) if entry.has("mode") else usual
    _refuse_mode(entry, control, param, mode, value)
    return mode


def _refuse_mode(entry: Entry, control: Control, param: Param | None, mode: str, value: object) -> None:
    """Refuse a mode that does not fit the rest."""
    target = param.address if param else entry.text_of("to")
    fires = param is None or param.kind is Kind.TRIGGER
    if control.kind == "program":
        if mode != "position" or (param and param.kind is not Kind.INT):
            raise entry.error(f"a program sets a whole number or one of {', '.join(COMMANDS)}, not {target}", "to")
        return
    if fires and mode != "trigger":
        raise entry.error(f"{target} fires and has no value to hold: its mode is trigger, not {mode!r}", "mode")
    if not fires and mode == "trigger":
        raise entry.error(f"{target} has a value, and mode trigger is for what fires; {_for_keys()}", "mode")
    if param is None and mode == "trigger" and value is None:
        raise entry.error(f"{target} needs a value, the name of a preset, or control = 'program CHANNEL'")
    if mode == "radio" and value is None:
        raise entry.error("mode radio needs a value to set", "mode")
    if mode in ("position", "momentary", "toggle") and value is not None:
        raise entry.error(f"value is for mode radio, this one is {mode}", "value")
    if mode != "momentary" and entry.has("velocity"):
        raise entry.error(f"velocity is for mode momentary, this one is {mode}", "velocity")


def _for_keys() -> str:
    return f"allowed: {', '.join(mode for mode in MODES if mode != 'trigger')}"


def _encoder(entry: Entry, control: Control, mode: str) -> str:
    if not entry.has("encoder"):
        for key in ("step", "acceleration"):
            if entry.has(key) and control.kind != "nrpn":  # data increments are detents too
                raise entry.error(f"{key} is for an encoder, and there is no encoder = …", key)
        return ""
    encoder = entry.choice("encoder", ENCODINGS)
    if control.kind != "cc":
        raise entry.error(f"an encoder is a cc, got control {str(control)!r}", "encoder")
    if mode != "position":
        raise entry.error(f"an encoder's mode is position, not {mode!r}", "encoder")
    return encoder


def _takeover(entry: Entry, control: Control, param: Param | None, *, positioned: bool) -> str:
    if entry.has("takeover"):
        takeover = entry.choice("takeover", TAKEOVERS)
        if not positioned and takeover != "jump":
            raise entry.error(f"takeover {takeover!r} is for a control that stands somewhere", "takeover")
        return takeover
    switch = param is None or param.kind is Kind.BOOL
    return "pickup" if positioned and control.kind in _HELD and not switch else "jump"


def _range(entry: Entry, param: Param | None) -> tuple[float, float]:
    pair = entry.pair("range")
    if pair is not None and (param is None or param.kind is Kind.TRIGGER):
        raise entry.error(f"{entry.text_of('to')} has no value, and so no range", "range")
    if pair is not None and pair[0] == pair[1]:
        raise entry.error(f"range takes two different numbers, got [{pair[0]:g}, {pair[1]:g}]", "range")
    if pair is not None or param is None:
        return pair or (0.0, 1.0)
    # Of a parameter that can be nothing but one number nothing moves; the range only has to be one.
    return float(param.minimum), float(max(param.maximum, param.minimum + 1))


def _step(entry: Entry, param: Param | None) -> float:
    first, last = _range(entry, param)
    usual = DEFAULT_STEP if param is None or param.kind is Kind.FLOAT else 1 / abs(last - first)
    return entry.number_of("step", min(usual, 1.0), 0.0, 1.0)


def _switch(entry: Entry, key: str, *, default: bool) -> bool:
    value = entry.values.get(key, default)
    if not isinstance(value, bool):
        raise entry.error(f"{key} takes true or false, got {value!r}", key)
    return value


def _light(entry: Entry, key: str, default: int) -> int:
    value = entry.number_of(key, default, 0, 127)
    if value != int(value):
        raise entry.error(f"{key} takes a whole number from 0 to 127, got {value:g}", key)
    return int(value)
