"""The commands that begin and end recordings: `/record/start [PATH]` and `/record/stop`."""

from collections.abc import Mapping
from typing import Protocol

from avserver.control.desk import Command
from avserver.errors import ParamError


class Recording(Protocol):
    """Whoever records."""

    def start(self, name: str = "") -> object:
        """Begin, with that name. Raises UserError; never waits."""

    def stop(self) -> object:
        """End. Raises UserError; never waits."""


def record_commands(recording: Recording) -> Mapping[str, Command]:
    """Return the commands by address. Buttons may send a number along: 0, when they are let go, does nothing."""

    def start(arguments: tuple[object, ...]) -> None:
        match arguments:
            case (str(name),):
                recording.start(name)
            case _ if _pressed("/record/start takes a path in the folder of recordings, or nothing", arguments):
                recording.start()

    def stop(arguments: tuple[object, ...]) -> None:
        if _pressed("/record/stop takes nothing", arguments):
            recording.stop()

    return {
        "/record/start": Command(start, "s", "record into a file: its path in the folder of recordings, or none"),
        "/record/stop": Command(stop, "", "end the recording; the file is complete soon"),
    }


def _pressed(usage: str, arguments: tuple[object, ...]) -> bool:
    match arguments:
        case () | (None,):
            return True
        case (float() | int() as number,):
            return bool(number)
    raise ParamError(usage)
