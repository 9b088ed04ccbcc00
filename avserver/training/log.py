"""The log of a run: a table of figures by how many pictures were learned from, as CSV."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from avserver.errors import ConfigError

AT = "pictures"  # the first column


class Log:
    """Writes a row at a time, so that a run that is killed leaves whole rows.

    Args:
        path: of the CSV.
        columns: names of the figures, without `pictures`.
        resumed_at: pictures, for a run that goes on: what is in the file of later ones is dropped, for the run comes
            there again. Columns that are new are added then, and those that were there stay. None begins a file.

    Raises ConfigError if the file exists and the run does not go on, or cannot be read or written.
    """

    def __init__(self, path: Path, columns: Sequence[str], *, resumed_at: int | None = None) -> None:
        self._path = path
        self._columns = [AT, *columns]
        rows: list[dict[str, str]] = []
        if path.exists():
            if resumed_at is None:
                raise ConfigError(f"{path} exists; only a run that goes on adds to it")
            before, rows = _read(path)
            self._columns = [*before, *(name for name in self._columns if name not in before)]
            rows = [row for row in rows if int(row[AT]) <= resumed_at]
        unfinished = path.with_name(path.name + ".unfinished")
        try:
            with unfinished.open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, self._columns, restval="", lineterminator="\n")
                writer.writeheader()
                writer.writerows(rows)
            unfinished.replace(path)
        except OSError as err:
            raise ConfigError(f"cannot write {path}: {err.strerror}") from err

    def add(self, pictures: int, values: Mapping[str, float]) -> None:
        """Write a row; columns without a value are left empty.

        Raises ValueError for a name that is no column, and OSError if the row cannot be written.
        """
        unknown = sorted(values.keys() - set(self._columns[1:]))
        if unknown:
            raise ValueError(f"{self._path} has no columns {unknown}; it has {self._columns[1:]}")
        # A float32 has no more than seven good digits.
        cells = [format(values[name], ".7g") if name in values else "" for name in self._columns[1:]]
        with self._path.open("ab") as file:
            file.write((",".join([str(pictures), *cells]) + "\n").encode())  # at once: all of it or nothing


def read_log(path: Path) -> dict[str, npt.NDArray[np.float64]]:
    """Return the columns of a log, `pictures` first; NaN where a cell is empty. Raises ConfigError if it is none."""
    columns, rows = _read(path)
    try:
        return {name: np.array([float(row[name] or "nan") for row in rows]) for name in columns}
    except ValueError as err:
        raise ConfigError(f"{path} is not the log of a run: {err}") from err


def _read(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """Return the names of the columns, and the rows that are whole."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    except (OSError, UnicodeDecodeError) as err:
        raise ConfigError(f"cannot read the log {path}: {err}") from err
    columns, *rows = list(csv.reader(line for line in lines if line.endswith("\n"))) or [[]]
    if columns[:1] != [AT] or not all(len(row) == len(columns) and row[0].isdecimal() for row in rows):
        raise ConfigError(f"{path} is not the log of a run: a table that begins with {AT!r}")
    return columns, [dict(zip(columns, row, strict=True)) for row in rows]
