"""Monitor: tells what controllers send, in the words of a mapping file; and what controllers there are."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from avserver.control.midi.connection import Connection
from avserver.control.midi.decoder import Decoder
from avserver.control.midi.driver import Driver, Names
from avserver.control.midi.ports import MidiPorts
from avserver.errors import MidiError

_LOOK_EVERY_S = 0.02


@dataclass(frozen=True, slots=True)
class Controllers:
    """The MIDI ports that there are, and why there are none."""

    names: Names
    problem: str = ""

    def to_plain(self) -> dict[str, object]:
        """Return it as plain data, for machines."""
        return {
            "midi_inputs": list(self.names.inputs),
            "midi_outputs": list(self.names.outputs),
            "midi_problem": self.problem,
        }

    def lines(self) -> list[str]:
        """Return it as lines, for people."""
        lines = [f"midi in:  {name}" for name in self.names.inputs]
        lines += [f"midi out: {name}" for name in self.names.outputs]
        return lines + ([f"({self.problem})"] if self.problem else [] if lines else ["(no MIDI controller)"])


def controllers(backend: str = "") -> Controllers:
    """Look what MIDI ports there are now; `backend` is that of `Driver`."""
    try:
        driver = Driver(backend)
        names = driver.look()
        driver.close()
    except MidiError as err:
        return Controllers(Names(), str(err))
    return Controllers(names)


def monitor(say: Callable[[str], None], *, backend: str = "", duration_s: float = 0.0) -> None:
    """Tell what comes in, for so long (s; 0: until interrupted). Raises MidiError if there is no MIDI here."""
    looked = controllers(backend)
    if looked.problem:
        raise MidiError(looked.problem)
    for line in looked.lines():
        say(line)
    ports = MidiPorts(backend, everything=True)
    decoders: dict[Connection, Decoder] = {}
    end_s = time.monotonic() + (duration_s or float("inf"))
    try:
        while time.monotonic() < end_s:
            for connection, message, t_s in ports.inbox.drain():
                for move in decoders.setdefault(connection, Decoder()).feed(message, t_s):
                    if move.control.kind != "cc14":  # every cc below 64 may be half of one
                        turn = f"{move.steps:+d}" if move.steps else move.value
                        say(f"{connection.name}: {move.control} = {turn}")
            time.sleep(_LOOK_EVERY_S)
    finally:
        ports.close()
