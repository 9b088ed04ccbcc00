"""Learn: asks for a parameter, waits for a knob, and writes the `[[midi]]` table that joins them."""

import json
import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from avserver.control.mapping import load_patch, parse_patch
from avserver.control.midi.connection import Received
from avserver.control.midi.driver import Driver
from avserver.control.midi.knob import COMMANDS
from avserver.control.midi.ports import MidiPorts
from avserver.control.midi.recognise import Found, recognise
from avserver.control.params import Kind, Param
from avserver.errors import MappingError, MidiError, ParamError, nearest

# So long (s) after the last message the knob is taken to be at rest, and so long after the first it has said enough.
_REST_S = 1.0
_ENOUGH_S = 8.0
_LOOK_EVERY_S = 0.02


@dataclass(frozen=True, slots=True)
class Lesson:
    """What to learn.

    Attributes:
        mapping: the file to write to; None only tells what to write.
        to: address of the parameter; None asks.
        backend: see `Driver`.
        patience_s: how long to wait for a knob to move (s).
    """

    mapping: Path | None = None
    to: str | None = None
    backend: str = ""
    patience_s: float = 120.0


def learn(lesson: Lesson, ask: Callable[[str], str], say: Callable[[str], None]) -> str:
    """Return the table that was learned, after writing it to the mapping file if there is one.

    Args:
        lesson: what to learn.
        ask: puts a question to the user and returns the answer.
        say: tells the user something.

    Raises:
        UserError: if the parameter, the mapping file or MIDI cannot be had, or no knob moves.
    """
    params = (load_patch(lesson.mapping) if lesson.mapping else parse_patch("", file="no file")).param_table()
    target = _target(lesson.to, params, ask, say)
    found = _wait(lesson, say)
    say(
        f"{found.control} of {found.connection.name}"
        + (f", a knob without end ({found.encoder})" if found.encoder else "")
    )
    table = table_for(found, target, None if target in COMMANDS else params[target], ask)
    if lesson.mapping:
        append(lesson.mapping, table)
        say(f"written to {lesson.mapping}")
    return table


def table_for(found: Found, target: str, param: Param | None, ask: Callable[[str], str]) -> str:
    """Return the text of a `[[midi]]` table."""
    lines = {"port": lasting_name(found.connection.name), "control": str(found.control), "to": target}
    if found.encoder:
        lines["encoder"] = found.encoder
    elif param is not None and param.kind is Kind.BOOL and found.button:
        lines["mode"] = "toggle"
    elif param is None and found.control.kind != "program":
        lines["value"] = ask("which preset? ")
    return "\n".join(["[[midi]]", *(f"{key} = {json.dumps(value)}" for key, value in lines.items()), ""])


def lasting_name(port: str) -> str:
    """Return a port's name without the numbers that ALSA gives it anew at every start, e.g. `20:0`."""
    name, _, numbers = port.rpartition(" ")
    return name if name and numbers.replace(":", "", 1).isdigit() and ":" in numbers else port


def append(path: Path, table: str) -> None:
    """Add a table to the end of a mapping file, which stays whole whatever happens. Raises MappingError."""
    path = path.resolve()
    try:
        text = path.read_text(encoding="utf-8")
        text += "\n" * (not text.endswith("\n")) + "\n" * bool(text) + table
        parse_patch(text, file=str(path))
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        beside.write_text(text, encoding="utf-8")
        shutil.copymode(path, beside)
        beside.replace(path)
    except OSError as err:
        raise MappingError(f"the mapping file {str(path)!r} cannot be written: {err.strerror}") from err


def _target(
    wanted: str | None, params: Mapping[str, Param], ask: Callable[[str], str], say: Callable[[str], None]
) -> str:
    """Return the address of a parameter or command; asks until it is one."""
    if wanted is not None:
        return _known(wanted, params)
    while True:
        try:
            return _known(ask("which parameter? ").strip(), params)
        except ParamError as err:
            say(str(err))


def _known(address: str, params: Mapping[str, Param]) -> str:
    if address not in params and address not in COMMANDS:
        raise ParamError(f"there is no parameter {address!r}; {nearest(address, [*params, *COMMANDS])}")
    return address


def _wait(lesson: Lesson, say: Callable[[str], None]) -> Found:
    """Return what is moved, once it has come to rest."""
    driver = Driver(lesson.backend)
    plugged = driver.look().inputs
    driver.close()
    say(f"controllers: {', '.join(plugged)}" if plugged else "no controller is plugged in yet")
    say("move a knob, or press a key; a knob without end clockwise first, then back")
    ports = MidiPorts(lesson.backend, everything=True)
    try:
        return _gather(ports, time.monotonic() + lesson.patience_s)
    finally:
        ports.close()


def _gather(ports: MidiPorts, give_up_s: float) -> Found:
    received: list[Received] = []
    while True:
        received += ports.inbox.drain()
        now_s = time.monotonic()
        if received and (now_s > received[-1][2] + _REST_S or now_s > received[0][2] + _ENOUGH_S):
            if (found := recognise(received)) is not None:
                return found
            received.clear()
        if now_s > give_up_s:
            raise MidiError("no controller moved")
        time.sleep(_LOOK_EVERY_S)
