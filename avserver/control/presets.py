"""Presets: where knobs stood, under a name. What belongs in one, and what a table makes of it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from avserver.control.params import Kind, Param, ParamTable, Value
from avserver.errors import ParamError, PresetError, nearest

# What stands in a file: choices by name, all else as numbers.
Written = bool | int | float | str

# Letters, digits, spaces and _ - . ( ), neither first nor last a space or a dot: a file name anywhere, and no way out
# of a folder. So many letters of four bytes each are still a file name.
_NAME = re.compile(r"(?![ .])[\w .()-]{1,48}(?<![ .])")
# Program change after bank select: 14 bits of bank, 7 of program.
MOST_NUMBER = 2**21 - 1
# How a show is run, not how it looks. Everything that survives a panic is left out as well.
_LEFT_OUT = ("/audio/delay_ms", "/output/blackout", "/output/freeze", "/quantise/", "/tempo/", "/link/")


@dataclass(frozen=True, slots=True)
class Preset:
    """A preset, as its file has it.

    Attributes:
        name: see `check_name`.
        values: by address, in the order of the table it was taken from.
        number: for MIDI, bank · 128 + program; None for none.
        morph_s: how long it takes to be there (s); None leaves that to `/preset/morph_s`.
        file: where it was read, for errors.
        lines: where in the file the values stand, for errors.
    """

    name: str
    values: Mapping[str, Written]
    number: int | None = None
    morph_s: float | None = None
    file: str = field(default="", compare=False)
    lines: Mapping[str, int] = field(default_factory=dict, compare=False)

    @property
    def order(self) -> tuple[float, str]:
        """Where it stands among others: by number, those without at the end, then by name."""
        return (MOST_NUMBER + 1 if self.number is None else self.number, self.name)

    def to_plain(self) -> dict[str, object]:
        """Return it as plain data, for machines."""
        return {
            "name": self.name,
            "number": self.number,
            "morph_s": self.morph_s,
            "file": self.file,
            "values": dict(self.values),
        }

    def fit(self, table: ParamTable) -> tuple[dict[str, Value], list[str]]:
        """Return its values as the table holds them, and the addresses that the table does not know.

        Numbers are clamped to their ranges. Raises PresetError, with file and line, for a value of the wrong type.
        """
        values, unknown = {}, []
        for address, written in self.values.items():
            if address not in table:
                unknown.append(address)
                continue
            try:
                if table[address].kind is Kind.TRIGGER:
                    raise ParamError(f"{address} is a trigger and has no value")
                values[address] = table[address].coerce(written)
            except ParamError as err:
                raise PresetError(f"{self.file}, line {self.lines.get(address, 1)}: {err}") from err
        return values, unknown


def check_name(name: object) -> str:
    """Return the name if a preset can be called so. Raises PresetError."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        allowed = "1 to 48 letters, digits, spaces and _ - . ( ), no space or dot at its ends"
        raise PresetError(f"a preset's name has {allowed}; got {name!r:.80}")
    return name


def is_kept(param: Param) -> bool:
    """Tell whether a preset of everything holds this parameter."""
    return param.kind is not Kind.TRIGGER and not param.survives_panic and not param.address.startswith(_LEFT_OUT)


def snapshot(name: str, table: ParamTable, values: Mapping[str, Value], addresses: Sequence[object] = ()) -> Preset:
    """Return where the knobs stand.

    Args:
        name: of the preset.
        table: says which knobs there are.
        values: of all of them.
        addresses: what to hold, parameters or groups of them (`/choir/melody`); none for everything that belongs in a
            preset. A parameter that is named in full is held though it does not belong there.

    Raises PresetError for a name that cannot be, or an address that is none.
    """
    chosen = set(_chosen(table, addresses))
    return Preset(
        check_name(name),
        {param.address: _written(param, values[param.address]) for param in table.values() if param in chosen},
    )


def _chosen(table: ParamTable, addresses: Sequence[object]) -> Iterator[Param]:
    if not addresses:
        yield from filter(is_kept, table.values())
    for address in addresses:
        if not isinstance(address, str):
            raise PresetError(f"what to keep is named by addresses, got {address!r:.80}")
        if address in table and table[address].kind is not Kind.TRIGGER:
            yield table[address]
            continue
        root = address.rstrip("/") + "/"
        found = [param for param in table.values() if param.address.startswith(root) and is_kept(param)]
        if not found:
            groups = {at.rpartition("/")[0] for at in table} - {""}
            raise PresetError(f"there is nothing to keep at {address!r:.80}; {nearest(address, groups)}")
        yield from found


def _written(param: Param, value: Value) -> Written:
    return param.choices[int(value - param.minimum)] if param.choices else value
