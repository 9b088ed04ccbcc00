"""Driver: the MIDI ports of this machine, through python-rtmidi. Its calls may take a while: for the port thread only.

python-rtmidi holds Python's global lock while it closes a port, and waits there for a thread that may itself be waiting
for that lock to call back. So nothing is called back here: messages are fetched.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from avserver.errors import MidiError

# Our own ports are called so; they are no controllers.
CLIENT = "avserver"
_SEQUENCER = Path("/dev/snd/seq")


@dataclass(frozen=True, slots=True)
class Names:
    """The names of the ports that there are, in the order of the system."""

    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()


class Driver:
    """Looks for ports and opens them.

    Args:
        backend: `alsa`, `jack`, `core` or `winmm`; empty for what is usual on this system.

    Raises:
        MidiError: if the library is not there.

    Attributes:
        error: what the open ports raise.
    """

    def __init__(self, backend: str = "") -> None:
        self._rtmidi = _rtmidi()
        self.error: type[Exception] = self._rtmidi.RtMidiError
        self._backend = backend or ("alsa" if sys.platform == "linux" else "")
        self._api = self._rtmidi.get_compiled_api_by_name(self._backend) if self._backend else 0
        self._eyes: tuple[Any, Any] | None = None

    def look(self) -> Names:
        """Return what is plugged in. Raises MidiError if the backend does not answer."""
        if self._backend == "alsa" and not _SEQUENCER.exists():
            raise MidiError(
                f'this machine has no MIDI by ALSA ({_SEQUENCER} is missing); the backend "jack" does without'
            )
        try:
            if self._eyes is None:
                self._eyes = self._rtmidi.MidiIn(self._api, CLIENT), self._rtmidi.MidiOut(self._api, CLIENT)
            names = Names(*(_names(eye) for eye in self._eyes))
        except self.error as err:
            self.close()
            raise MidiError(f"MIDI does not answer: {err}") from err
        if names == Names():
            self.close()  # a JACK server that was started again is not seen with old eyes
        return names

    def open_input(self, name: str) -> Any:
        """Return an open port, to fetch messages from by `get_message`. Raises MidiError if it is gone."""
        port = self._open(self._rtmidi.MidiIn, name)
        port.ignore_types(sysex=True, timing=False, active_sense=True)
        return port

    def open_output(self, name: str) -> Any:
        """Return an open port, to send to by `send_message`. Raises MidiError if it is gone."""
        return self._open(self._rtmidi.MidiOut, name)

    def close(self) -> None:
        """Let go of the system."""
        eyes, self._eyes = self._eyes, None
        for eye in eyes or ():
            eye.delete()

    def _open(self, kind: Any, name: str) -> Any:
        try:
            port = kind(self._api, CLIENT)
        except self.error as err:
            raise MidiError(f"MIDI does not answer: {err}") from err
        try:
            port.open_port(port.get_ports().index(name), CLIENT)
        except (self.error, ValueError) as err:
            port.delete()
            raise MidiError(f"the MIDI port {name!r} cannot be opened: {err}") from err
        return port


def _rtmidi() -> ModuleType:
    try:
        import rtmidi  # noqa: PLC0415  (no wheels for Python 3.13)
    except ImportError as err:
        raise MidiError(f"MIDI needs python-rtmidi, which is made for Python 3.11 and 3.12: {err}") from err
    module: ModuleType = rtmidi
    return module


def _names(eye: Any) -> tuple[str, ...]:
    """Return the names of ports, without our own."""
    return tuple(name for name in eye.get_ports() if name and not name.startswith(CLIENT))
