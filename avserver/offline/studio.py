"""Studio: the frames that are drawn of shots, all of them and in order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import Self

import cv2
import numpy as np

from avserver.frame import Flags, Frame
from avserver.generator.drawer import IN_FLIGHT, Drawer
from avserver.generator.role import Role
from avserver.offline.shots import Shot


class Studio:
    """Draws shots, each role's with a process of its own, which is there until this is left.

    Args:
        size: (width, height) of the frames in px.
        threads: of the CPU, for each process to draw with.
        wide: how the network fills frames that are not square, one of `canvas.WIDE`.
    """

    def __init__(self, size: tuple[int, int], *, threads: int = 1, wide: str = "off") -> None:
        self._size, self._threads, self._wide = size, threads, wide
        self._hired: dict[Role, Drawer] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def hire(self, role: Role) -> Drawer:
        """Return what draws a role; it loads its model from the first time on."""
        if role not in self._hired:
            drawer = Drawer(role, self._size, threads=self._threads, wide=self._wide)
            self._hired[role] = self._stack.enter_context(drawer)
        return self._hired[role]

    def frames(self, shots: Iterable[Shot]) -> Iterator[Frame]:
        """Yield the frame of every shot. Raises UserError if one cannot be drawn."""
        width_px, height_px = self._size
        return draw(shots, self.hire, width_px=width_px, height_px=height_px)


def draw(
    shots: Iterable[Shot], drawer_of: Callable[[Role], Drawer], *, width_px: int, height_px: int
) -> Iterator[Frame]:
    """Yield the frame of every shot; black until there is a picture. While one is used, others are being drawn."""
    drawn = black = np.zeros((height_px, width_px, 3), np.uint8)
    waiting = deque[Shot]()

    def take() -> Frame:
        nonlocal drawn
        shot = waiting.popleft()
        if shot.spec is not None:
            drawn = drawer_of(shot.role).take().pixels
        seen = drawn if shot.gain == 1.0 else np.asarray(cv2.convertScaleAbs(drawn, alpha=shot.gain), np.uint8)
        flags = Flags.BLACKOUT if shot.blackout else Flags.NONE
        return Frame(pixels=black if shot.blackout else seen, index=shot.tick.index, t_s=shot.tick.t_s, flags=flags)

    for shot in shots:
        waiting.append(shot)
        if shot.spec is not None:
            drawer_of(shot.role).submit(shot.spec)
        if len(waiting) == IN_FLIGHT:
            yield take()
    while waiting:
        yield take()
