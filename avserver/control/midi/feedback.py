"""Feedback: the messages that set a light, a ring of lights or a motor fader, as the control itself would send them."""

from avserver.control.midi.controls import FINE, Control


def messages(control: Control, value: int) -> tuple[bytes, ...]:
    """Return what shows a value on a control; nothing for those that have nothing to show it with."""
    channel, number = control.channel - 1, control.number
    coarse, fine = value >> 7, value & 127

    def change(controller: int, to: int) -> bytes:
        return bytes((0xB0 | channel, controller, to))

    match control.kind:
        case "cc":
            return (change(number, value),)
        case "cc14":
            return change(number, coarse), change(number + FINE, fine)
        case "nrpn":
            return change(99, number >> 7), change(98, number & 127), change(6, coarse), change(38, fine)
        case "bend":
            return (bytes((0xE0 | channel, fine, coarse)),)
        case "note":
            return (bytes((0x90 | channel, number, value)),)
        case _:
            return ()
