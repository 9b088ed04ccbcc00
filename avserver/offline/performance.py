"""Performance: what a film can be made of."""

from collections.abc import Iterator
from typing import Protocol

from avserver.audio.overheard import Overheard
from avserver.clock import SongClock
from avserver.generator.role import Role
from avserver.offline.shots import Shot


class Performance(Protocol):
    """Frames that are decided one after another, and what is heard with them.

    Attributes:
        sound: what is heard, for whoever records it: as far as frames have been decided.
        clock: all of its ticks.
        size: (width, height) of the frames in px.
        opening: the role that the first frame is drawn in.
        bad_packets: pieces of the sound that could not be decoded so far, and are left out.
    """

    sound: Overheard
    clock: SongClock
    size: tuple[int, int]

    @property
    def opening(self) -> Role: ...  # noqa: D102

    @property
    def bad_packets(self) -> int: ...  # noqa: D102

    def shots(self) -> Iterator[Shot]:
        """Decide all of it, once."""
