"""Decoder: the messages of one port in, moves of controls out. It remembers what spans several messages.

Numbers of the MIDI 1.0 Detailed Specification. No bytes whatsoever make it raise: what is no channel message, or not
whole, moves nothing.
"""

from dataclasses import dataclass, field

from avserver.control.midi.controls import FINE, Control, Move

# Bytes of a message, by its status: note off and on, aftertouch of a key, control change, program, aftertouch, bend.
_LENGTHS = {0x80: 3, 0x90: 3, 0xA0: 3, 0xB0: 3, 0xC0: 2, 0xD0: 2, 0xE0: 3}
_CONTROL_CHANGE = 0xB0
# Control changes that belong together.
_BANK = 0
_INCREMENT, _DECREMENT = 96, 97
_NRPN = 99
# What selects no parameter at all.
_NONE = 127, 127


@dataclass(slots=True)
class _Halves:
    """The coarse and the fine half of a value of 14 bits; None for one that has not come yet.

    The specification lets a receiver clear the fine half when the coarse one comes. A controller that sends the fine
    half first would lose it, so it is kept: once both have come, in whichever order, the value is right.
    """

    coarse: int | None = None
    fine: int | None = None

    @property
    def value(self) -> int | None:
        """The value, None before it is known; of a control that sends no fine half, spread so that 127 is the top."""
        if self.coarse is None:
            return None
        return self.coarse << 7 | (self.coarse if self.fine is None else self.fine)


@dataclass(slots=True)
class _Channel:
    """What one channel remembers."""

    fine: dict[int, _Halves] = field(default_factory=dict)
    nrpn: dict[int, _Halves] = field(default_factory=dict)
    # The number of the parameter that data entry belongs to; registered ones are none of ours.
    selected: _Halves = field(default_factory=_Halves)
    bank: _Halves = field(default_factory=_Halves)


class Decoder:
    """Reads the messages of one port, in the order in which they came."""

    def __init__(self) -> None:
        self._channels = [_Channel() for _ in range(16)]

    def feed(self, message: bytes, received_s: float) -> list[Move]:
        """Return what a message moves: a control change may be a `cc`, half of a `cc14` and part of an `nrpn`."""
        if not message or (length := _LENGTHS.get(message[0] & 0xF0)) is None:
            return []
        if len(message) != length or max(message[1:]) > 127:
            return []
        status, channel, number = message[0] & 0xF0, (message[0] & 0x0F) + 1, message[1]
        if status == _CONTROL_CHANGE:
            return self._control_change(channel, number, message[2], received_s)
        match status:
            case 0x80:
                moved, value = Control("note", channel, number), 0
            case 0x90:
                moved, value = Control("note", channel, number), message[2]
            case 0xA0:
                moved, value = Control("poly", channel, number), message[2]
            case 0xC0:
                moved, value = Control("program", channel), self._bank(channel) * 128 + number
            case 0xD0:
                moved, value = Control("pressure", channel), number
            case _:
                moved, value = Control("bend", channel), message[2] << 7 | number
        return [Move(moved, value, received_s)]

    def _bank(self, channel: int) -> int:
        """Return the bank: of 14 bits, or what came as the coarse half if no fine one ever did, as many send it."""
        bank = self._channels[channel - 1].bank
        return bank.coarse or 0 if bank.fine is None else (bank.coarse or 0) << 7 | bank.fine

    def _control_change(self, channel: int, number: int, value: int, received_s: float) -> list[Move]:
        state = self._channels[channel - 1]
        moves = [Move(Control("cc", channel, number), value, received_s)]
        if number < 2 * FINE:
            halves = state.fine.setdefault(number % FINE, _Halves())
            moves += _half(Control("cc14", channel, number % FINE), halves, number, value, received_s)
        match number:
            case 0 | 32:
                bank = state.bank
                bank.coarse, bank.fine = (value, bank.fine) if number == _BANK else (bank.coarse, value)
            case 98 | 99:
                _select(state.selected, coarse=number == _NRPN, value=value)
            case 100 | 101:
                state.selected = _Halves()
            case 6 | 38 | 96 | 97:
                moves += self._data(channel, number, value, received_s)
        return moves

    def _data(self, channel: int, number: int, value: int, received_s: float) -> list[Move]:
        """Return how data entry moves the selected parameter, if there is one."""
        state = self._channels[channel - 1]
        coarse, fine = state.selected.coarse, state.selected.fine
        if coarse is None or fine is None or (coarse, fine) == _NONE:
            return []
        control = Control("nrpn", channel, coarse << 7 | fine)
        if number in (_INCREMENT, _DECREMENT):
            return [Move(control, 0, received_s, steps=1 if number == _INCREMENT else -1)]
        return _half(control, state.nrpn.setdefault(control.number, _Halves()), number, value, received_s)


def _select(selected: _Halves, *, coarse: bool, value: int) -> None:
    if coarse:
        selected.coarse = value
    else:
        selected.fine = value


def _half(control: Control, halves: _Halves, number: int, value: int, received_s: float) -> list[Move]:
    """Take one half of a value in: fine if its controller is 32 or above."""
    if number < FINE:
        halves.coarse = value
    else:
        halves.fine = value
    whole = halves.value
    return [] if whole is None else [Move(control, whole, received_s)]
