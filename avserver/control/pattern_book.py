"""PatternBook: which addresses each pattern means, looked up once."""

from collections.abc import Sequence

from avserver.control.address_pattern import matching
from avserver.errors import ParamError

# What patterns may mean within a frame: some milliseconds of work.
MAX_EXPANDED = 2000
# New ones have to be held against every address; who plays uses the same few again.
MAX_NEW_PATTERNS = 10
_MOST_REMEMBERED = 256


class PatternBook:
    """Remembers patterns, and keeps count of what a frame has spent on them.

    Args:
        addresses: all that there are, in the order in which a pattern means them.
    """

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = addresses
        self._meant: dict[str, tuple[str, ...]] = {}
        self.begin_frame()

    def begin_frame(self) -> None:
        """Allow as much again."""
        self._room, self._unknown = MAX_EXPANDED, MAX_NEW_PATTERNS

    def look_up(self, pattern: str) -> tuple[str, ...]:
        """Return the addresses that a pattern means.

        Raises ParamError if these are none or too many for a frame, or if it is no pattern.
        """
        if pattern not in self._meant:
            self._unknown -= 1
            if self._unknown < 0:
                raise ParamError(f"of patterns that are new, {MAX_NEW_PATTERNS} a frame are looked up")
            if len(self._meant) >= _MOST_REMEMBERED:
                self._meant.clear()
            self._meant[pattern] = matching(pattern, self._addresses)
        meant = self._meant[pattern]
        if not meant:
            raise ParamError("no address matches this pattern; all of them: avserver params")
        self._room -= len(meant)
        if self._room < 0:
            raise ParamError(f"patterns may mean {MAX_EXPANDED} addresses a frame")
        return meant
