"""Drawer: a render worker that draws every spec it is given, in order. For films; a live show has a `RenderWorker`."""

import contextlib
import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Self

from avserver.errors import ConfigError, ModelError, RenderError
from avserver.frame import Frame
from avserver.frame_ring import FrameRing
from avserver.frame_spec import FrameSpec
from avserver.generator.role import Role
from avserver.generator.worker import TOOK, WorkerSettings, describe_exit, work

# Specs that lie ready, so that the worker never waits while one frame is decided and another encoded. More would only
# take memory: a frame of 4K is 25 MB.
IN_FLIGHT = 4
_QUIT_S = 0.7


class Drawer:
    """Draws in a process of its own, which is started at once and ended when this is left.

    Args:
        role: what it is to play.
        size: (width, height) of the frames in px.
        threads: of the CPU, to draw with.
        wide: how the network fills frames that are not square, one of `canvas.WIDE`.
        target: what the process runs.

    Attributes:
        drawing_s: how long the frames that were taken took to draw, all together.

    Raises ConfigError if there is no shared memory for the frames.
    """

    def __init__(
        self,
        role: Role,
        size: tuple[int, int],
        *,
        threads: int = 1,
        wide: str = "off",
        target: Callable[[Connection, WorkerSettings], None] = work,
    ) -> None:
        try:
            self._ring = FrameRing.create(width_px=size[0], height_px=size[1], slots=IN_FLIGHT)
        except OSError as err:
            raise ConfigError(str(err)) from err
        self._name = role.name
        self._submitted = self._taken = 0
        self.drawing_s = 0.0
        context = multiprocessing.get_context("spawn")
        self._pipe, there = context.Pipe()
        settings = WorkerSettings(role, size, self._ring.name, threads, wide)
        # A daemon process is ended with this one even if this one forgets to.
        self._process = context.Process(target=target, args=(there, settings), name="avserver-render", daemon=True)
        self._process.start()
        there.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._pipe.send_bytes(b"Q")
        self._pipe.close()
        self._process.join(_QUIT_S)
        self._process.kill()
        self._process.join()
        self._ring.close()

    @property
    def full(self) -> bool:
        """Whether IN_FLIGHT frames have not been taken yet."""
        return self._submitted - self._taken >= IN_FLIGHT

    def submit(self, spec: FrameSpec) -> None:
        """Have a frame drawn. Raises ValueError if it is full."""
        if self.full:
            raise ValueError(f"{IN_FLIGHT} frames wait to be taken, no more fit the ring")
        self._submitted += 1
        self._tell(b"S" + spec.to_bytes())

    def forget(self) -> None:
        """Have the next frame drawn as if it were the first."""
        self._tell(b"A")

    def take(self) -> Frame:
        """Wait for the oldest frame that has not been taken, and return it.

        Raises:
            ModelError: if the model cannot be loaded, or cannot draw the spec.
            RenderError: if the process ended.
        """
        try:
            while (message := self._pipe.recv_bytes())[:1] == b"R":
                pass
        except (EOFError, ConnectionResetError) as err:
            self._process.join()
            raise RenderError(f"the render worker ended ({describe_exit(self._process.exitcode)})") from err
        if message[:1] != b"F":
            raise ModelError(f"{self._name} cannot draw this: {message[1:].decode(errors='replace')}")
        frame = self._ring.numbered(self._taken)
        self._taken += 1
        if len(message) > 1:
            self.drawing_s += TOOK.unpack(message[1:])[0]
        return frame

    def _tell(self, message: bytes) -> None:
        # Of a process that has ended, `take` says why.
        with contextlib.suppress(OSError):
            self._pipe.send_bytes(message)
