"""Entry: one table of a mapping file, e.g. the second `[[bend]]`. It reads keys and tells where a bad one stands."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TypeGuard

from avserver.errors import MappingError, nearest

_HEAD = re.compile(r"\s*\[\[\s*([\w-]+)\s*\]\]")
# What may stand in an OSC address without meaning something else there.
_OSC_SAFE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Entry:
    """One table. Every reader raises MappingError, with file and line, for what it cannot take.

    Attributes:
        kind: `choir`, `bend` …
        number: which of its kind, from 0.
        values: its keys and values as TOML gave them.
        file: name of the file, for errors.
        text: the whole file, in which errors look for their line.
    """

    kind: str
    number: int
    values: Mapping[str, object]
    file: str
    text: str

    def error(self, problem: str, key: str | None = None) -> MappingError:
        """Return the error that says `problem`, with the line of the key or else of the table's head."""
        return MappingError(f"{self.place(key)}: {problem}")

    def place(self, key: str | None = None) -> str:
        """Return in words where the key is set, or else where the table begins."""
        return f"{self.file}, line {self._line(key)}"

    def check_keys(self, allowed: Collection[str]) -> None:
        """Refuse keys that are not allowed."""
        for key in self.values:
            if key not in allowed:
                raise self.error(f"[[{self.kind}]] has no key {key!r}; {nearest(key, allowed)}", key)

    def has(self, key: str) -> bool:
        """Tell whether the key is set."""
        return key in self.values

    def text_of(self, key: str) -> str:
        """Return a string that must be there."""
        value = self._required(key)
        if not isinstance(value, str):
            raise self.error(f"{key} takes a string, got {value!r}", key)
        return value

    def name(self) -> str:
        """Return `name`, which becomes part of OSC addresses."""
        value = self.text_of("name")
        if not _OSC_SAFE.fullmatch(value):
            raise self.error(f"name takes letters, digits, _ and -, got {value!r}", "name")
        return value

    def choice(self, key: str, allowed: Collection[str]) -> str:
        """Return a string that must be one of `allowed`."""
        value = self.text_of(key)
        if value not in allowed:
            raise self.error(f"{key} does not know {value!r}; {nearest(value, allowed)}", key)
        return value

    def number_of(self, key: str, default: float, low: float, high: float, unit: str = "") -> float:
        """Return a number in [low, high], or `default` if the key is not set."""
        value = self.values.get(key, default)
        if not _is_number(value) or not low <= value <= high:
            allowed = f"a number from {low:.12g} to {high:.12g}{' ' if unit else ''}{unit}"
            raise self.error(f"{key} takes {allowed}, got {value!r}", key)
        return float(value)

    def whole_of(self, key: str, default: int, low: int, high: int) -> int:
        """Return a whole number in [low, high], or `default` if the key is not set."""
        number = self.number_of(key, default, low, high)
        if number != int(number):
            raise self.error(f"{key} takes a whole number from {low} to {high}, got {number:g}", key)
        return int(number)

    def switch_of(self, key: str) -> bool:
        """Return true or false, false if the key is not set."""
        value = self.values.get(key, False)
        if not isinstance(value, bool):
            raise self.error(f"{key} takes true or false, got {value!r}", key)
        return value

    def pair(self, key: str) -> tuple[float, float] | None:
        """Return two numbers, or None if the key is not set."""
        if key not in self.values:
            return None
        value = self.values[key]
        if not isinstance(value, list) or len(value) != 2 or not all(map(_is_number, value)):
            raise self.error(f"{key} takes two numbers in brackets, got {value!r}", key)
        return float(value[0]), float(value[1])

    def list_of(self, key: str) -> list[object]:
        """Return a list that must be there, with at least one member."""
        value = self._required(key)
        if not isinstance(value, list) or not value:
            raise self.error(f"{key} takes a list of one or more, got {value!r}", key)
        return value

    def _required(self, key: str) -> object:
        if key not in self.values:
            raise self.error(f"[[{self.kind}]] needs the key {key!r}")
        return self.values[key]

    def _line(self, key: str | None) -> int:
        """Return the line (from 1) where the key is set, or where the table begins.

        tomllib tells no positions, so this looks for heads and keys at the start of lines, where people write them.
        """
        head_line, seen, inside = 1, -1, False
        for line, content in enumerate(self.text.splitlines(), start=1):
            if head := _HEAD.match(content):
                seen += head[1] == self.kind
                inside = head[1] == self.kind and seen == self.number
                head_line = line if inside else head_line
            elif inside and key is not None and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", content):
                return line
        return head_line


def _is_number(value: object) -> TypeGuard[float]:
    """Tell whether it is a number of any use; TOML's `true`, `inf`, `nan` and integers past every float are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -1e30 < value < 1e30
