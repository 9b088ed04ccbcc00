"""Preset folder: the presets of a show on disk, and the shelf that they stand on once they are read."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from avserver.control.preset_file import SUFFIX, read_preset, write_preset
from avserver.control.presets import Preset
from avserver.errors import PresetError, nearest


@dataclass(frozen=True, slots=True)
class Shelf:
    """Presets in memory.

    Attributes:
        presets: in the order of `/preset/next`: by number, then those without, each by name.
        refused: why files were not read, by their names.
    """

    presets: tuple[Preset, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)

    def find(self, wanted: object) -> Preset:
        """Return the preset of a name or a number. Raises PresetError, naming the nearest."""
        names = {preset.name: preset for preset in self.presets}
        if isinstance(wanted, str) and wanted in names:
            return names[wanted]
        number = _number(wanted)
        for preset in self.presets:
            if number is not None and preset.number == number:
                return preset
        if isinstance(wanted, str) and wanted in self.refused:
            raise PresetError(self.refused[wanted])
        if not names:
            raise PresetError(f"there is no preset {wanted!r:.80}; /preset/save NAME makes the first one")
        if number is not None:
            numbers = ", ".join(str(preset.number) for preset in self.presets if preset.number is not None)
            raise PresetError(f"no preset has the number {number!s:.20}; there are {numbers or 'none with numbers'}")
        raise PresetError(f"there is no preset {wanted!r:.80}; {nearest(str(wanted), names)}")

    def beside(self, name: str, steps: int) -> Preset:
        """Return the preset so many steps after (or before) that name, round and round. Raises PresetError if empty."""
        if not self.presets:
            raise PresetError("there are no presets yet; /preset/save NAME makes the first one")
        places = [i for i, preset in enumerate(self.presets) if preset.name == name]
        place = places[0] if places else min(0, -steps)
        return self.presets[(place + steps) % len(self.presets)]


def _number(wanted: object) -> int | None:
    """Return the number that is meant, if one is: OSC senders that know only floats, or only texts, are understood."""
    if isinstance(wanted, str):
        return int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) < 10 else None
    if isinstance(wanted, float):
        return int(wanted) if wanted.is_integer() else None
    return wanted if isinstance(wanted, int) else None


class PresetFolder:
    """A folder of presets. It need not exist until something is saved.

    Attributes:
        path: of the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read: dict[Path, tuple[tuple[int, int, int], Preset | PresetError]] = {}

    def look(self) -> Shelf:
        """Read what is new or has changed since the last look, and return all there is.

        Raises PresetError if the folder cannot be read.
        """
        try:
            paths = sorted(self.path.glob(f"[!.]*{SUFFIX}"))
            states = {path: _state(path) for path in paths if path.is_file()}
        except OSError as err:
            raise PresetError(f"the presets in {self.path} cannot be read: {err.strerror}") from err
        read = {}
        for path, state in states.items():
            before = self._read.get(path)
            read[path] = before if before and before[0] == state else (state, _try_to_read(path))
        self._read = read
        presets: dict[str, Preset] = {}
        refused = {}
        for path, (_, found) in read.items():
            if isinstance(found, PresetError):
                refused[path.stem] = str(found)
            elif found.name in presets:
                refused[path.stem] = f"{path} is called {found.name!r} as {presets[found.name].file} is"
            else:
                presets[found.name] = found
        return Shelf(tuple(sorted(presets.values(), key=lambda preset: preset.order)), refused)

    def save(self, preset: Preset) -> None:
        """Write a preset; one of that name that is there keeps its file, its number and its morph_s.

        Raises PresetError.
        """
        old = next((old for old in self.look().presets if old.name == preset.name), None)
        path = Path(old.file) if old else self.path / (preset.name + SUFFIX)
        if old:
            preset = replace(preset, number=old.number, morph_s=old.morph_s)
        elif path.exists():
            raise PresetError(f"{path} is there and is not the preset {preset.name!r}: choose another name")
        write_preset(path, preset)

    def delete(self, name: object) -> None:
        """Delete a preset's file. Raises PresetError."""
        path = Path(self.look().find(name).file)
        try:
            path.unlink()
        except OSError as err:
            raise PresetError(f"{path} cannot be deleted: {err.strerror}") from err


def _state(path: Path) -> tuple[int, int, int]:
    """Return what changes when the file does."""
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def _try_to_read(path: Path) -> Preset | PresetError:
    try:
        return read_preset(path)
    except PresetError as err:
        return err
