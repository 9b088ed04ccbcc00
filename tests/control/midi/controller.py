"""A controller of wood: virtual ports that send what a real one would, and hear what it would be shown."""

import time
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection

import mido

# RtMidi lets go of what JACK's thread may still read; so it is given the time to look away.
_CLOSING_S = 0.1


class Controller:
    """Plugged in until `unplug`. It is a process of its own, as whatever is plugged in is somebody else's."""

    def __init__(self, name: str) -> None:
        context = get_context("spawn")
        self._pipe, there = context.Pipe()
        self._process = context.Process(target=_be, args=(there, name), daemon=True)
        self._process.start()
        there.close()
        assert self._pipe.recv() == "plugged in"

    def send(self, kind: str, **values: int) -> None:
        """Send a message, made by mido, who has read the specification too."""
        self._pipe.send(mido.Message(kind, **values).bytes())

    def heard(self) -> list[str]:
        """Return what it has been sent, as mido writes it."""
        self._pipe.send("heard")
        return [str(mido.Message.from_bytes(message)) for message in self._pipe.recv()]

    def unplug(self) -> None:
        self._pipe.send("unplug")
        self._process.join()
        assert self._process.exitcode == 0


def _be(pipe: Connection, name: str) -> None:
    import rtmidi  # where it cannot be had, the fixture that comes before has skipped the test

    out = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, "controller")
    out.open_virtual_port(f"{name} out")
    heard = rtmidi.MidiIn(rtmidi.API_UNIX_JACK, "controller")
    heard.open_virtual_port(f"{name} in")
    pipe.send("plugged in")
    while (asked := pipe.recv()) != "unplug":
        if asked == "heard":
            messages = []
            while (message := heard.get_message()) is not None:
                messages.append(message[0])
            pipe.send(messages)
        else:
            out.send_message(asked)
    out.close_port()
    heard.close_port()
    time.sleep(_CLOSING_S)
    out.delete()
    heard.delete()


def until(there: Callable[[], object], within_s: float = 20.0) -> None:
    """Wait for something to be so."""
    give_up_s = time.monotonic() + within_s
    while not there():
        assert time.monotonic() < give_up_s, "it never came"
        time.sleep(0.005)
