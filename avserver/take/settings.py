"""What can be settled about takes in a show file."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True)
class TakeSettings:
    """Takes: the performance as what was decided, to be replayed, or drawn again larger or finer.

    `path` is written from the start of the show on; empty: what `/take/start` begins goes into `folder`. Of a song a
    take holds where it was; with `sound`, of all else what was heard. Files that exist are refused unless `overwrite`.
    `replay` is a take to play instead of deciding anew; whatever is turned meanwhile is turned.
    """

    path: str = ""
    folder: str = "takes"
    sound: bool = True
    overwrite: bool = False
    replay: str = ""

    def relative_to(self, folder: Path) -> Self:
        """Return the settings with their file names made relative to `folder`."""
        path, takes, replay = (_from(folder, name) for name in (self.path, self.folder, self.replay))
        return dataclasses.replace(self, path=path, folder=takes, replay=replay)


def _from(folder: Path, name: str) -> str:
    return str(folder / Path(name).expanduser()) if name else ""
