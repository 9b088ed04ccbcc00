"""The commands that begin and end recordings: `/record/start [PATH]` and `/record/stop`, and likewise `/take/…`."""

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
    """Return the commands of the film recorder by address."""
    return _commands(recording, "/record", "record into a file", "the folder of recordings", "recording")


def take_commands(recording: Recording) -> Mapping[str, Command]:
    """Return the commands of the show recorder by address."""
    return _commands(recording, "/take", "write what is decided into a file", "the folder of takes", "take")


def _commands(recording: Recording, root: str, begin: str, folder: str, noun: str) -> Mapping[str, Command]:
    """Return commands by address. Buttons may send a number along: 0, when they are let go, does nothing."""

    def start(arguments: tuple[object, ...]) -> None:
        match arguments:
            case (str(name),):
                recording.start(name)
            case _ if _pressed(f"{root}/start takes a path in {folder}, or nothing", arguments):
                recording.start()

    def stop(arguments: tuple[object, ...]) -> None:
        if _pressed(f"{root}/stop takes nothing", arguments):
            recording.stop()

    return {
        f"{root}/start": Command(start, "s", f"{begin}: its path in {folder}, or none"),
        f"{root}/stop": Command(stop, "", f"end the {noun}; the file is complete soon"),
    }


def _pressed(usage: str, arguments: tuple[object, ...]) -> bool:
    match arguments:
        case () | (None,):
            return True
        case (float() | int() as number,):
            return bool(number)
    raise ParamError(usage)
