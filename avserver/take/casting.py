"""Casting: who draws a take again: the models that drew it, or another one."""

import logging

from avserver.config import Show
from avserver.control.mapping import parse_patch
from avserver.errors import TakeError
from avserver.frame_spec import FrameSpec
from avserver.generator.role import Role
from avserver.repertoire import Repertoire
from avserver.take.files import files_of, name_of, sha256_of
from avserver.take.reader import Take
from avserver.take.recast import recast, recast_role

_LOG = logging.getLogger(__name__)


class Casting:
    """Tells who draws what in the place of whom.

    Args:
        take: what is to be drawn again.
        show: its model, if it is another one than the take began with, draws in the place of all.

    Raises TakeError for a model of the take that is not there, or another one; and ModelError for one that is none.
    """

    def __init__(self, take: Take, show: Show) -> None:
        self._cast = {role: role for role in take.roles}
        if show.model.path != take.settings["model"]:
            other = Repertoire([show.model.path], show.model.partner, show.grade.luts).role(0, parse_patch("", file=""))
            self._cast = {role: recast_role(role, other) for role in take.roles}
            _tell_what_is_left_out(self._cast)
        else:
            for role in self._cast:
                _check_files(take, role)

    def role(self, role: Role) -> Role:
        """Return who draws what a role of the take drew."""
        return self._cast[role]

    def spec(self, spec: FrameSpec, role: Role) -> FrameSpec:
        """Return what a role of the take drew as it is to be drawn now."""
        cast = self._cast[role]
        return spec if cast is role else recast(spec, role, cast)


def _check_files(take: Take, role: Role) -> None:
    """Raise TakeError unless all files that a role draws with are those that it drew with."""
    for path in files_of(role):
        if not path.is_file():
            raise TakeError(
                f"{take.path} was drawn with {path}, which is not there; --model draws it with another model"
            )
        known = take.hashes.get(name_of(path))
        if known is not None and sha256_of(path) != known:
            raise TakeError(
                f"{path} is not what {take.path} was drawn with, its SHA-256 differs; "
                "--model draws it with another model"
            )


def _tell_what_is_left_out(cast: dict[Role, Role]) -> None:
    for role, other in cast.items():
        if absent := [str(slot) for slot in role.bends if slot not in other.bends]:
            _LOG.warning("left out, as %s does not have the layers: %s", other.name, ", ".join(absent))
