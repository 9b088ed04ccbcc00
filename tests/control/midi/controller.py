"""A controller of wood: virtual ports that send what a real one would, and hear what it would be shown."""

import time
from collections.abc import Callable

import mido


class Controller:
    """Plugged in until `unplug`."""

    def __init__(self, name: str) -> None:
        import rtmidi  # where it cannot be had, the fixture that comes before has skipped the test

        self._out = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, "controller")
        self._out.open_virtual_port(f"{name} out")
        self._in = rtmidi.MidiIn(rtmidi.API_UNIX_JACK, "controller")
        self._in.open_virtual_port(f"{name} in")

    def send(self, kind: str, **values: int) -> None:
        """Send a message, made by mido, who has read the specification too."""
        self._out.send_message(mido.Message(kind, **values).bytes())

    def heard(self) -> list[str]:
        """Return what it has been sent, as mido writes it."""
        found = []
        while (message := self._in.get_message()) is not None:
            found.append(str(mido.Message.from_bytes(message[0])))
        return found

    def unplug(self) -> None:
        self._out.delete()
        self._in.delete()


def until(there: Callable[[], object], within_s: float = 20.0) -> None:
    """Wait for something to be so."""
    give_up_s = time.monotonic() + within_s
    while not there():
        assert time.monotonic() < give_up_s, "it never came"
        time.sleep(0.005)
