"""Look-up tables: `.cube` files, as Resolve, Premiere and most programs for colour write them.

After "Cube LUT Specification 1.0" (Adobe 2013), and with Resolve's additions: a table of one dimension before that of
three, and the range of each.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from avserver.errors import ConfigError

Array = npt.NDArray[np.float32]

LONGEST = 65_536  # entries of a curve
LARGEST = 128  # entries a side of a cube
MOST_CHARACTERS = 100_000_000  # several times what the largest cube takes
_RANGES = ("LUT_1D_INPUT_RANGE", "LUT_3D_INPUT_RANGE")
_KEYWORDS = ("TITLE", "DOMAIN_MIN", "DOMAIN_MAX", "LUT_1D_SIZE", "LUT_3D_SIZE", *_RANGES)


@dataclass(frozen=True, eq=False, slots=True)
class Table:
    """A table of one dimension or three.

    Attributes:
        values: (n, 3), red, green and blue by themselves; or (n, n, n, 3), by blue, green and red.
        low, high: what its first and last entries stand for, (3,).
    """

    values: Array
    low: Array
    high: Array


@dataclass(frozen=True, eq=False, slots=True)
class Lut:
    """What a file holds: curves, a cube, or a cube behind curves."""

    title: str
    curves: Table | None
    cube: Table | None


def read_lut(path: Path) -> Lut:
    """Read a `.cube` file. Raises ConfigError, naming the file and the line, for one that is none."""
    try:
        if path.stat().st_size > MOST_CHARACTERS:
            raise ConfigError(f"the look-up table {path} has more than {MOST_CHARACTERS} characters")
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as err:
        raise ConfigError(f"the look-up table {path} cannot be read: {err.strerror}") from err
    reading = _Reading()
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            reading.take(line.strip())
        except ValueError as err:
            raise ConfigError(f"{path}, line {number}: {err}") from err
    try:
        return reading.lut()
    except ValueError as err:
        raise ConfigError(f"{path}: {err}") from err


class _Reading:
    """A file as far as it has been read. Raises ValueError, in words for people."""

    def __init__(self) -> None:
        self._title = ""
        self._sizes: dict[str, int] = {}
        self._ends: dict[str, list[float]] = {}
        self._rows: list[list[float]] = []

    def take(self, line: str) -> None:
        """Take the next line."""
        if not line or line.startswith("#"):
            return
        words = line.split()
        if not words[0][0].isalpha() or words[0].lower() in ("nan", "inf", "infinity"):
            self._take_row(words)
            return
        keyword, rest = words[0], words[1:]
        if keyword not in _KEYWORDS:
            raise ValueError(f"{keyword!r} is not known; known are {', '.join(_KEYWORDS)}, and three numbers")
        if self._rows:
            raise ValueError(f"{keyword} stands before the numbers, and these have begun")
        if keyword == "TITLE":
            self._title = line.removeprefix("TITLE").strip().strip('"')
        elif keyword.endswith("SIZE"):
            self._sizes[keyword] = _size(keyword, rest)
        else:
            self._ends[keyword] = _numbers(rest, 2 if keyword in _RANGES else 3)

    def lut(self) -> Lut:
        """Return what was read, at the end."""
        length, side = (self._sizes.get(f"LUT_{d}D_SIZE", 0) for d in (1, 3))
        if not length and not side:
            raise ValueError("there is neither LUT_1D_SIZE nor LUT_3D_SIZE")
        if len(self._rows) != length + side**3:
            raise ValueError(f"its sizes announce {length + side**3} lines of three numbers, got {len(self._rows)}")
        rows = np.array(self._rows, np.float32)
        curves, cube = rows[:length], rows[length:].reshape(side, side, side, 3)
        return Lut(
            self._title,
            Table(curves, *self._range(_RANGES[0])) if length else None,
            Table(cube, *self._range(_RANGES[1])) if side else None,
        )

    def _take_row(self, words: Sequence[str]) -> None:
        if not self._sizes:
            raise ValueError("LUT_1D_SIZE or LUT_3D_SIZE stands before the numbers")
        self._rows.append(_numbers(words, 3))

    def _range(self, keyword: str) -> tuple[Array, Array]:
        low, high = self._ends.get("DOMAIN_MIN", [0.0] * 3), self._ends.get("DOMAIN_MAX", [1.0] * 3)
        if keyword in self._ends:
            low, high = ([end] * 3 for end in self._ends[keyword])
        if not all(first < last for first, last in zip(low, high, strict=True)):
            raise ValueError(f"what it takes rises from {low} to {high}, which is no range")
        return np.array(low, np.float32), np.array(high, np.float32)


def _size(keyword: str, words: Sequence[str]) -> int:
    most = LONGEST if keyword == "LUT_1D_SIZE" else LARGEST
    if len(words) != 1 or not words[0].isdecimal() or not 2 <= int(words[0]) <= most:
        raise ValueError(f"{keyword} is a whole number from 2 to {most}, got {' '.join(words)!r}")
    return int(words[0])


def _numbers(words: Sequence[str], count: int) -> list[float]:
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        numbers = []
    # Beyond this nothing is a colour, and float32 has its limits.
    if len(numbers) != count or not all(-1e6 < number < 1e6 for number in numbers):
        raise ValueError(f"expected {count} numbers, got {' '.join(words)[:60]!r}")
    return numbers
