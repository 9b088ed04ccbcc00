"""Studio: the frames that are drawn of shots, all of them and in order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import Self

import cv2
import numpy as np

from avserver.blending import blended
from avserver.frame import Flags, Frame
from avserver.generator.drawer import IN_FLIGHT, Drawer
from avserver.generator.role import Role
from avserver.offline.cluster import Cluster
from avserver.offline.crew import Crew, Drawers
from avserver.offline.shots import Shot


class Studio:
    """Draws shots, each role's with processes of its own, which are there until this is left.

    Args:
        size: (width, height) of the frames in px.
        threads: of the CPU, for each process to draw with.
        wide: how the network fills frames that are not square, one of `canvas.WIDE`.
        workers: processes a role; None: one, or in a cluster as many as it has room for.
        cluster: address of the cluster of Ray's whose machines draw, see `ray_cluster.joined`; empty: this one does.

    Attributes:
        cluster: if there is one.

    Entering it raises ConfigError if the cluster cannot be had.
    """

    def __init__(
        self,
        size: tuple[int, int],
        *,
        threads: int = 1,
        wide: str = "off",
        workers: int | None = None,
        cluster: str = "",
    ) -> None:
        self._size, self._threads, self._wide = size, threads, wide
        self._workers = workers or 1
        self.cluster = Cluster(cluster, size, threads=threads, wide=wide, workers=workers) if cluster else None
        self._hired: dict[Role, Crew] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        if self.cluster:
            self._stack.enter_context(self.cluster)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def hire(self, role: Role) -> Crew:
        """Return who draws a role; they load its model from the first time on."""
        if role not in self._hired:
            self._hired[role] = self._engage(role)
        return self._hired[role]

    def _engage(self, role: Role) -> Crew:
        if self.cluster:
            return self.cluster.engage(role)
        return Drawers(
            [
                self._stack.enter_context(Drawer(role, self._size, threads=self._threads, wide=self._wide))
                for _ in range(self._workers)
            ]
        )

    def frames(self, shots: Iterable[Shot]) -> Iterator[Frame]:
        """Yield the frame of every shot. Raises UserError if one cannot be drawn."""
        width_px, height_px = self._size
        ahead = self.cluster.ahead if self.cluster else IN_FLIGHT * self._workers
        return draw(shots, self.hire, width_px=width_px, height_px=height_px, ahead=ahead)


def draw(
    shots: Iterable[Shot], crew_of: Callable[[Role], Crew], *, width_px: int, height_px: int, ahead: int = IN_FLIGHT
) -> Iterator[Frame]:
    """Yield the frame of every shot; black until there is a picture. While one is used, `ahead` others are drawn."""
    drawn = black = np.zeros((height_px, width_px, 3), np.uint8)
    waiting = deque[Shot]()

    def take() -> Frame:
        nonlocal drawn
        shot = waiting.popleft()
        if shot.spec is not None:
            drawn, *left = [crew_of(role).take().pixels for role, _ in shot.drawn]
            if shot.leaving:
                drawn = blended(left[0], drawn, shot.leaving.share)
        seen = drawn if shot.gain == 1.0 else np.asarray(cv2.convertScaleAbs(drawn, alpha=shot.gain), np.uint8)
        flags = Flags.BLACKOUT if shot.blackout else Flags.NONE
        return Frame(pixels=black if shot.blackout else seen, index=shot.tick.index, t_s=shot.tick.t_s, flags=flags)

    for shot in shots:
        waiting.append(shot)
        for role, spec in shot.drawn:
            crew_of(role).submit(spec)
        if len(waiting) == ahead:
            yield take()
    while waiting:
        yield take()
