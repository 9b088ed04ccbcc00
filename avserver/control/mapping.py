"""Mapping: reads mapping files (TOML) into a Patch, and refuses, with file and line, what it cannot play."""

import tomllib
from collections.abc import Sequence
from pathlib import Path

from avserver.control.entry import Entry
from avserver.control.midi import knob
from avserver.control.patch import FIXED_DIRECTION_PATCHES, Patch
from avserver.control.routes import modulation_of, osc_knob_of, sending_of
from avserver.control.scenery import Named, bend_of, choir_of, direction_of, refuse_twins
from avserver.errors import MappingError, nearest

_KINDS = ("choir", "bend", "direction", "modulate", "osc", "midi", "send")


def load_patch(*paths: Path | str, named: Named | None = None) -> Patch:
    """Read mapping files into one patch, as if they were one; names are given once in all of them.

    Files that are named in them are added to `named`, even if nothing comes of it.

    Raises:
        MappingError: if one cannot be read or says something that cannot be played.
    """
    return _joined([(_text(path), str(path)) for path in paths], named or Named())


def parse_patch(text: str, *, file: str) -> Patch:
    """Read the text of a mapping file; `file` is its name in errors. Raises MappingError."""
    return _joined([(text, file)], Named())


def _text(path: Path | str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as err:
        raise MappingError(f"the mapping file {str(path)!r} cannot be read: {err.strerror}") from err
    except UnicodeDecodeError as err:
        raise MappingError(f"the mapping file {str(path)!r} is not UTF-8 text: {err}") from err


def _joined(texts: Sequence[tuple[str, str]], named: Named) -> Patch:
    tables: dict[str, list[Entry]] = {kind: [] for kind in _KINDS}
    for text, file in texts:
        _sort(text, file, tables)
    refuse_twins(tables["choir"])
    refuse_twins(tables["bend"])
    refuse_twins(tables["direction"], taken=[direction.name for direction in FIXED_DIRECTION_PATCHES])
    choirs = tuple(choir_of(entry, named) for entry in tables["choir"])
    bends = tuple(bend_of(entry) for entry in tables["bend"])
    directions = tuple(direction_of(entry) for entry in tables["direction"])
    params = Patch(choirs, bends, directions=directions).param_table()
    return Patch(
        choirs,
        bends,
        tuple(modulation_of(entry, params) for entry in tables["modulate"]),
        tuple(knob.read(entry, params) for entry in tables["midi"]),
        directions,
        tuple(named.pictures),
        tuple(named.pictures.values()),
        tuple(osc_knob_of(entry, params) for entry in tables["osc"]),
        tuple(sending_of(entry) for entry in tables["send"]),
        tuple(named.files),
    )


def _sort(text: str, file: str, tables: dict[str, list[Entry]]) -> None:
    """Add the tables of a file to those of their kind."""
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as err:  # TOMLDecodeError is the first; numbers and nesting without end are not
        raise MappingError(f"{file} is not valid TOML: {err}") from err
    for kind, found in document.items():
        if kind not in tables:
            raise MappingError(f"{file} has an unknown table {kind!r}; {nearest(kind, tables)}")
        if not isinstance(found, list) or not all(isinstance(values, dict) for values in found):
            raise MappingError(f"{file}: {kind} is written as tables headed [[{kind}]], got {found!r}")
        tables[kind] += [Entry(kind, number, values, file, text) for number, values in enumerate(found)]
