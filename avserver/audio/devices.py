"""What `avserver devices` lists: the inputs that PortAudio finds, and the ports of a JACK server that runs."""

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from avserver.audio.device import Input, inputs, rates_hz, sounddevice
from avserver.audio.jack import jack_client, open_client, source_ports
from avserver.errors import AudioError


@dataclass(frozen=True, slots=True)
class Devices:
    """What there is to listen to.

    Attributes:
        inputs: PortAudio's, each with the rates (Hz) that work.
        ports: of JACK, by name; those that bring sound.
        problems: why there is nothing from one of them, in a sentence each.
    """

    inputs: tuple[tuple[Input, tuple[int, ...]], ...]
    ports: tuple[str, ...]
    problems: tuple[str, ...]

    def to_plain(self) -> dict[str, object]:
        """Return it as plain data, for machines."""
        return {
            "inputs": [{**asdict(found), "rates_hz": list(rates)} for found, rates in self.inputs],
            "jack_ports": list(self.ports),
            "problems": list(self.problems),
        }

    def lines(self) -> list[str]:
        """Return it as lines, for people."""
        lines = [
            f"device:{found.index}  {found.label}  ({found.channels} channels, {found.rate_hz} Hz; "
            f"takes {', '.join(map(str, rates)) or 'none of the usual rates'})"
            for found, rates in self.inputs
        ]
        lines += [f"jack:{port}" for port in self.ports]
        if not lines:
            lines = [
                "there is no sound to be had on this machine; a show can still play songs and listen to the network"
            ]
        return lines + [f"({problem})" for problem in self.problems]


def look() -> Devices:
    """Look at what there is now."""
    found, ports, problems = [], [], []
    with _quiet():
        try:
            sd = sounddevice()
            found = [(device, tuple(rates_hz(sd, device))) for device in inputs(sd)]
            if not found:
                problems.append("PortAudio finds no input")
        except AudioError as err:
            problems.append(str(err))
        try:
            jack = jack_client()
            client = open_client(jack, "avserver-devices")
            ports = source_ports(jack, client)
            client.close()
        except AudioError as err:
            problems.append(str(err))
    return Devices(tuple(found), tuple(ports), tuple(problems))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the libraries of the system write to stderr from the user; our own errors come as exceptions."""
    sys.stderr.flush()
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)
