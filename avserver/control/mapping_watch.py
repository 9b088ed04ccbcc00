"""MappingWatch: notices an edit of the mapping file and reads it again; a bad edit is refused, the old one stays."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from avserver.control.mapping import load_patch
from avserver.control.params import ParamTable
from avserver.control.patch import Patch
from avserver.errors import UserError

_log = logging.getLogger(__name__)

# Quicker than anyone looks from the editor to the screen.
_LOOK_EVERY_S = 0.25


class MappingWatch:
    """Looks at a mapping file now and then.

    Args:
        path: the file.
        models: names of the show's models, for its table of parameters.
        complain: told in a sentence why an edit is refused; also logged.
    """

    def __init__(self, path: Path, models: Sequence[str], complain: Callable[[str], None] = lambda _: None) -> None:
        self._path = path
        self._models = models
        self._complain = complain
        self._seen = self._state()
        self._look_s = 0.0

    def poll(self, now_s: float) -> tuple[Patch, ParamTable] | None:
        """Return the patch and its parameters if the file changed to a good one. `now_s`: a monotonic clock (s)."""
        if now_s < self._look_s:
            return None
        self._look_s = now_s + _LOOK_EVERY_S
        state = self._state()
        if state is None or state == self._seen:
            return None  # an editor that writes a new file in the old one's place leaves none for a moment
        self._seen = state
        try:
            patch = load_patch(self._path)
            table = patch.param_table(self._models)
        except UserError as err:
            _log.error("%s; the mapping stays as it was", err)
            self._complain(str(err))
            return None
        _log.info("mapping %s read again", self._path)
        return patch, table

    def _state(self) -> tuple[int, int, int] | None:
        """Return what changes when the file does."""
        try:
            stat = self._path.stat()
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_size, stat.st_ino
