"""MappingWatch: notices an edit of the mapping files and reads them again; a bad edit is refused, the old ones stay."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from avserver.control.mapping import load_patch
from avserver.control.params import ParamTable
from avserver.control.patch import Patch
from avserver.control.scenery import Named
from avserver.errors import UserError

_log = logging.getLogger(__name__)

# Quicker than anyone looks from the editor to the screen.
_LOOK_EVERY_S = 0.25

# What changes when a file does; None while there is none.
_State = tuple[int, int, int] | None


class MappingWatch:
    """Looks at mapping files now and then, and at the seed lists and pictures that they name.

    Args:
        paths: the files.
        patch: what they said when they were read.
        models: names of the show's models, for its table of parameters.
        complain: told in a sentence why an edit is refused; also logged.

    Attributes:
        error: why the files as they are now were refused, empty if they were not; the sentence names file and line.
        reads: how often they were read again and taken.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        patch: Patch,
        models: Sequence[str],
        complain: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._paths = tuple(paths)
        self._models = models
        self._complain = complain
        self._seen = _states((*self._paths, *patch.files))
        self._look_s = 0.0
        self._asked = False
        self.error = ""
        self.reads = 0

    def reload(self) -> None:
        """Have the files read again at the next `poll`, though none may have changed."""
        self._asked = True
        self._look_s = 0.0

    def status(self) -> Mapping[str, str | int]:
        """Return how the files are, as `/avserver/status` gives it."""
        files = ", ".join(str(path) for path in self._paths)
        return {"mapping.files": files, "mapping.error": self.error, "mapping.reads": self.reads}

    def poll(self, now_s: float) -> tuple[Patch, ParamTable] | None:
        """Return the patch and its parameters if a file changed to a good one. `now_s`: a monotonic clock (s)."""
        if now_s < self._look_s:
            return None
        self._look_s = now_s + _LOOK_EVERY_S
        states = _states(self._seen)
        if not self._asked and (states == self._seen or any(states[path] is None for path in self._paths)):
            return None  # an editor that writes a new file in the old one's place leaves none for a moment
        self._asked = False
        named = Named()
        try:
            patch = load_patch(*self._paths, named=named)
            table = patch.param_table(self._models)
        except UserError as err:
            _log.error("%s; the mapping stays as it was", err)
            self.error = str(err)
            self._complain(self.error)
            # What was named before stays in force, and so stays of interest.
            self._remember((*states, *named.files), states)
            return None
        self._remember((*self._paths, *named.files), states)
        self.error, self.reads = "", self.reads + 1
        _log.info("mapping %s read again", ", ".join(str(path) for path in self._paths))
        return patch, table

    def _remember(self, paths: Iterable[Path], states: Mapping[Path, _State]) -> None:
        """Look at these from now on; as they were before they were read, where that is known."""
        self._seen = {path: states[path] if path in states else _state(path) for path in paths}


def _states(paths: Iterable[Path]) -> dict[Path, _State]:
    return {path: _state(path) for path in paths}


def _state(path: Path) -> _State:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
