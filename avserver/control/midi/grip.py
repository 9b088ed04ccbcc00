"""Grip: a knob of a mapping file at work: what its control does to the parameter, and what is shown on the control."""

from collections.abc import Mapping

from avserver.control.midi.controls import Control, Move
from avserver.control.midi.encoder import Encoder
from avserver.control.midi.feedback import messages
from avserver.control.midi.knob import MidiKnob
from avserver.control.midi.takeover import Takeover
from avserver.control.params import Kind, Param, Value

# A motor fader is left alone until the hand has rested for so long (s).
REST_S = 0.3


class Grip:
    """What one `[[midi]]` table does. Times are show time (s).

    Args:
        knob: the table.
        param: the parameter that it turns; None for a command.
    """

    def __init__(self, knob: MidiKnob, param: Param | None) -> None:
        self.knob = knob
        self.param = param
        self._takeover = Takeover(knob.takeover)
        self._encoder = Encoder(knob.encoder or "signed", knob.acceleration)
        # Where we put the parameter, and what it was worth then: of a whole number, the place between two is kept.
        self._put: tuple[float, Value] | None = None
        self._pressed = False
        self._touched_s = -REST_S
        self._shown: tuple[bytes, ...] | None = None

    @property
    def continuous(self) -> bool:
        """Whether of several moves within a frame only the last one counts."""
        return self.knob.mode == "position"

    @property
    def shows(self) -> bool:
        """Whether its control is shown where the parameter stands."""
        return self.knob.feedback and self.param is not None and self.param.kind is not Kind.TRIGGER

    def turn(self, move: Move, values: Mapping[str, Value], now_s: float) -> tuple[object, ...] | None:
        """Return what is said to the target when its control is moved, as it takes it; None says nothing.

        `values` is where the parameters stand.
        """
        if self.continuous:
            return self._position(move, values, now_s)
        pressed, self._pressed = self._pressed, move.pressed
        self._shown = None  # many a button turns its own light on and off with the finger
        if self.knob.mode == "momentary":
            return self._momentary(move) if move.pressed or pressed else None
        if pressed or not move.pressed:
            return None
        if self.knob.mode == "toggle":
            return (self._toggled(values),)
        return () if self.knob.value is None else (self.knob.value,)

    def show(self, values: Mapping[str, Value], now_s: float) -> tuple[bytes, ...]:
        """Return the messages that show on the control where its parameter stands, if it does not show it yet."""
        if self._touched_s <= now_s < self._touched_s + REST_S:
            return ()
        shown = self._picture(values[self.knob.target])
        if shown == self._shown:
            return ()
        self._shown = shown
        return shown

    def plug(self) -> None:
        """The controller has just been plugged in: it shows nothing, and its faders may be anywhere."""
        self._takeover.forget()
        self._shown = None
        self._pressed = False

    def _position(self, move: Move, values: Mapping[str, Value], now_s: float) -> tuple[object, ...] | None:
        if move.control.kind == "program":
            return (move.value,)
        if self.knob.encoder or move.steps:
            return self._go(self._stands(values) + self._steps(move) * self.knob.step)
        self._touched_s = now_s
        self._shown = messages(move.control, move.value)
        stands = self._stands(values)
        position = self._takeover.move(move.position, stands, same=self._means(move.position, values))
        return None if position is None else self._go(position)

    def _steps(self, move: Move) -> float:
        if move.steps:
            return self._encoder.speed_up(move.steps, move.received_s)
        return self._encoder.turn(move.value, move.received_s)

    def _stands(self, values: Mapping[str, Value]) -> float:
        """Return the position of the parameter; if somebody else turned it, it has to be taken over again."""
        value = values[self.knob.target]
        if self._put is not None and self._put[1] == value:
            return self._put[0]
        self._put = None
        self._takeover.lose()
        return self.knob.position(float(value))

    def _means(self, position: float, values: Mapping[str, Value]) -> bool:
        assert self.param is not None
        value = values[self.knob.target]
        return self.param.kind is not Kind.FLOAT and self.param.coerce(self.knob.scaled(position)) == value

    def _go(self, position: float) -> tuple[object, ...]:
        position = min(max(position, 0.0), 1.0)
        value = self._worth(self.knob.scaled(position))
        self._put = position, value
        return (value,)

    def _momentary(self, move: Move) -> tuple[object, ...]:
        low, high = self.knob.output_range
        if not move.pressed:
            return (self._worth(low),)
        return (self._worth(low + (high - low) * move.position if self.knob.velocity else high),)

    def _toggled(self, values: Mapping[str, Value]) -> Value:
        low, high = self.knob.output_range
        return self._worth(low if self._on(values[self.knob.target]) else high)

    def _worth(self, number: float) -> Value:
        assert self.param is not None
        return self.param.coerce(number)

    def _on(self, value: Value) -> bool:
        """Tell whether a button is lit: its value is set, or the parameter is nearer to what it is when pressed."""
        if self.knob.mode == "radio":
            return value == self.knob.value
        low, high = self.knob.output_range
        return abs(value - high) < abs(value - low)

    def _picture(self, value: Value) -> tuple[bytes, ...]:
        """Return what the control is to show."""
        control: Control = self.knob.control
        if not self.continuous or (self.param is not None and self.param.kind is Kind.BOOL):
            return messages(control, self.knob.on if self._on(value) else self.knob.off)
        return messages(control, control.value(self.knob.position(float(value))))
