"""Preset files: TOML for people, one file a preset, replaced whole or not at all."""

import json
import math
import os
import re
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path

from avserver.control.fixed_params import MOST_MORPH_S
from avserver.control.presets import MOST_NUMBER, Preset, Written, check_name
from avserver.errors import PresetError, nearest

SUFFIX = ".toml"
# A thousand times a preset of everything; past it, it is some other file.
_MOST_BYTES = 1 << 24
_KEYS = ("name", "number", "morph_s", "values")
_KEY_OF_LINE = re.compile(r"\s*\"?([^\"=\s]+)\"?\s*=")


def to_toml(preset: Preset) -> str:
    """Return the preset as a file that `parse_preset` reads back to an equal one. Each group has a heading."""
    lines = [f"name = {_plain(preset.name)}"]
    lines += [] if preset.number is None else [f"number = {preset.number}"]
    lines += [] if preset.morph_s is None else [f"morph_s = {_plain(preset.morph_s)}"]
    lines += ["", "[values]"]
    group = ""
    for address, value in preset.values.items():
        if _group(address) != group:
            group = _group(address)
            lines += ["", f"# {group}"]
        lines.append(f"{_plain(address)} = {_plain(value)}")
    return "\n".join(lines) + "\n"


def read_preset(path: Path) -> Preset:
    """Read a preset's file. Raises PresetError, with file and line."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise PresetError(f"{path} is too large for a preset")
        text = path.read_text(encoding="utf-8")
    except OSError as err:
        raise PresetError(f"{path} cannot be read: {err.strerror}") from err
    except UnicodeDecodeError as err:
        raise PresetError(f"{path} is not UTF-8 text: {err}") from err
    return parse_preset(text, file=str(path), name=path.stem)


def parse_preset(text: str, *, file: str, name: str) -> Preset:
    """Read the text of a preset's file; `name` is its name if it does not say. Raises PresetError."""
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as err:  # numbers and nesting without end are not TOMLDecodeErrors
        raise PresetError(f"{file} is not valid TOML: {err}") from err
    lines = _lines(text)

    def error(key: str, problem: str) -> PresetError:
        return PresetError(f"{file}, line {lines.get(key, 1)}: {problem}")

    for key in document:
        if key not in _KEYS:
            raise error(key, f"a preset has no key {key!r}; {nearest(key, _KEYS)}")
    values, number, morph_s = document.get("values", {}), document.get("number"), document.get("morph_s")
    if number is not None and (type(number) is not int or not 0 <= number <= MOST_NUMBER):
        raise error("number", f"number is a whole number from 0 to {MOST_NUMBER}, got {number!r}")
    if morph_s is not None and (type(morph_s) not in (int, float) or not 0 <= morph_s <= MOST_MORPH_S):
        raise error("morph_s", f"morph_s is a number from 0 to {MOST_MORPH_S:g} s, got {morph_s!r}")
    if not isinstance(values, dict):
        raise error("values", f"values is a table ([values]), got {values!r:.80}")
    for address, value in values.items():
        if not isinstance(value, (bool, int, float, str)) or (isinstance(value, float) and not math.isfinite(value)):
            raise error(address, f"{address} is a number, true, false or a text in quotes, got {value!r:.80}")
    try:
        name = check_name(document.get("name", name))
    except PresetError as err:
        raise error("name", str(err)) from err
    return Preset(name, values, number, None if morph_s is None else float(morph_s), file, lines)


def write_preset(path: Path, preset: Preset) -> None:
    """Write a preset's file: at every moment, a crash included, there is the old one or the new one, whole.

    Raises PresetError if it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
        temporary = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(to_toml(preset))
                file.flush()
                os.fsync(file.fileno())
            temporary.chmod(0o644)  # as files are that other programs write
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)
    except OSError as err:
        raise PresetError(f"{path} cannot be written: {err.strerror}") from err
    except UnicodeEncodeError as err:  # a model's file name may be no text
        raise PresetError(f"{path} cannot be written: {err}") from err


def _sync_folder(folder: Path) -> None:
    """Have the new name on the disk too, not only what is in the file."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _plain(value: Written) -> str:
    """Return a value as TOML: JSON's numbers, booleans and texts are TOML's too, and floats read back exactly."""
    return json.dumps(value, ensure_ascii=False)


def _group(address: str) -> str:
    """Return what the page calls the group: `noise`, `choir melody`."""
    return " ".join(address.split("/")[1:-1][:2])


def _lines(text: str) -> Mapping[str, int]:
    """Return the line (from 1) of every key; tomllib tells none, so this looks where people write them."""
    found: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if key := _KEY_OF_LINE.match(line):
            found.setdefault(key[1], number)
    return found
