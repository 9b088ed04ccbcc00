"""Cluster: several machines draw one film, chunk by chunk, brought together by Ray.

Ray places the processes that draw, one a GPU (or on CPUs where there are none), starts them again when they or their
machine have ended, and carries models to them and pictures back. What is said here is only which chunk is drawn by
whom: by those that are there. A chunk whose drawer has ended is given to another.
"""

import logging
import os
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.metadata import version
from types import ModuleType, TracebackType
from typing import Any, Self

from avserver.errors import ModelError, RenderError
from avserver.frame import Frame
from avserver.frame_spec import FrameSpec
from avserver.generator.far_drawer import Drawn, FarDrawer, pack
from avserver.generator.memory import Memory
from avserver.generator.role import Role
from avserver.offline.chunks import CHUNK_BYTES, ends, longest
from avserver.ray_cluster import joined, last_line

_log = logging.getLogger(__name__)

_EACH = 2  # chunks that a drawer has: one is drawn, one lies ready
_MOST_DEATHS = 5  # of drawers, one after another with the same chunk
_GONE_S = 300.0  # a machine that is switched on again, and a large model that is compiled anew, take minutes
_PATIENCE_S = 60.0  # before a user is told what is waited for
_LOOK_S = 1.0

Reference = Any  # of Ray's: something that will be there


@dataclass(eq=False, slots=True)
class _Drawer:
    """One who draws, somewhere.

    Attributes:
        actor: Ray's handle.
        asked: what its traits will be; None while it is at work.
        chunks: how many it has.
        learnt: what it says to each role, by number, that it was told.
    """

    actor: Any
    asked: Reference | None
    chunks: int = 0
    learnt: dict[int, Reference] = field(default_factory=dict)


@dataclass(eq=False, slots=True)
class _Chunk:
    """A piece of a film.

    Attributes:
        role: its number.
        specs: what to draw.
        before: the chunk that this one looks back at, until that is drawn.
        memory: of that one.
        drawn: what came of it.
        deaths: of those who had it.
    """

    role: int
    specs: list[FrameSpec]
    before: "_Chunk | None"
    memory: Memory | None = None
    drawn: Drawn | None = None
    deaths: int = 0

    @property
    def may_be_drawn(self) -> bool:
        """Whether what it looks back at is known."""
        return self.before is None or self.before.drawn is not None


class Cluster:
    """Machines that draw, until this is left.

    Args:
        address: see `ray_cluster.joined`.
        size: (width, height) of the frames in px.
        threads: of the CPU, for each that draws.
        wide: how the network fills frames that are not square, one of `canvas.WIDE`.
        workers: how many draw; None: one a GPU, or as many as the CPUs of all machines allow.

    Entering it waits until somebody is ready to draw. Raises ConfigError if the cluster cannot be had, and RenderError
    if nobody of it can draw.
    """

    def __init__(self, address: str, size: tuple[int, int], *, threads: int, wide: str, workers: int | None) -> None:
        self._address, self._size, self._threads, self._wide, self._workers = address, size, threads, wide, workers
        self._stack = ExitStack()
        self._drawers: list[_Drawer] = []
        self._parcels: list[Reference] = []
        self._waiting: deque[_Chunk] = deque()
        self._drawing: dict[Reference, tuple[_Chunk, _Drawer]] = {}
        self._precision = ""
        self._life_s = 0.0

    def __enter__(self) -> Self:
        cpus = os.cpu_count() or 1
        count = self._workers or max(1, cpus // self._threads)
        # What is being drawn, what is used here, and models.
        store_bytes = (2 * _EACH * count + 4) * CHUNK_BYTES
        with ExitStack() as stack:
            cluster = joined(self._address, cpus=max(cpus, count * self._threads), store_bytes=store_bytes)
            self._ray: ModuleType = stack.enter_context(cluster)
            self._hire()
            self._wait_for_one()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _hire(self) -> None:
        found = self._ray.cluster_resources()
        gpus, cpus = int(found.get("GPU", 0)), int(found.get("CPU", 0))
        needs = {"num_gpus": 1, "num_cpus": 1} if gpus else {"num_cpus": self._threads}
        count = self._workers or max(1, gpus or cpus // self._threads)
        hire = self._ray.remote(FarDrawer).options(max_restarts=-1, scheduling_strategy="SPREAD", **needs)
        for _ in range(count):
            actor = hire.remote(self._size, self._threads, self._wide)
            self._drawers.append(_Drawer(actor, _ask(actor)))

    def _wait_for_one(self) -> None:
        """Wait for room, which other films may have taken, for as long as the user does."""
        begun_s, told = time.monotonic(), False
        while not self.at_work:
            self._look(_LOOK_S)
            if not told and time.monotonic() - begun_s > _PATIENCE_S:
                told = True
                _log.warning("nobody of the cluster is ready to draw yet; waiting for room there")

    @property
    def ahead(self) -> int:
        """How many frames are decided before the first of them is taken."""
        return _EACH * len(self._drawers) * longest(self._size)

    @property
    def at_work(self) -> int:
        """How many draw, or could at once."""
        return sum(drawer.asked is None for drawer in self._drawers)

    def engage(self, role: Role) -> "ClusterCrew":
        """Return who draws a role. Raises ModelError if its files cannot be read."""
        self._parcels.append(self._ray.put(pack(role)))
        return ClusterCrew(self, len(self._parcels) - 1, role.name, longest(self._size))

    def submit(self, chunk: _Chunk) -> None:
        """Have a chunk drawn."""
        self._waiting.append(chunk)
        self._look(0)

    def wait_for(self, chunk: _Chunk, flush: Callable[[], None]) -> Drawn:
        """Wait until a chunk is drawn, and return that.

        Args:
            chunk: that was submitted.
            flush: is called when somebody has nothing to do, to submit what was held back.

        Raises:
            ModelError: if the model cannot be loaded, or cannot draw it.
            RenderError: if there is nobody left to draw.
        """
        self._look(0)
        while chunk.drawn is None:
            if not self._waiting and any(drawer.asked is None and not drawer.chunks for drawer in self._drawers):
                flush()
            self._look(_LOOK_S)
            self._check_life()
        return chunk.drawn

    def _look(self, timeout_s: float) -> None:
        """Take what has come, and give out what waits."""
        asked = {drawer.asked: drawer for drawer in self._drawers if drawer.asked is not None}
        awaited = [*self._drawing, *asked]
        come: list[Reference] = []
        if awaited:
            come, _ = self._ray.wait(awaited, num_returns=len(awaited), timeout=0)
        if awaited and not come and timeout_s:
            come, _ = self._ray.wait(awaited, num_returns=1, timeout=timeout_s)
        for reference in come:
            if reference in asked:
                self._welcome(asked[reference])
            else:
                self._receive(reference)
        self._give_out()

    def _welcome(self, drawer: _Drawer) -> None:
        """Have one draw who says that it is there, if it draws as the others do."""
        try:
            traits = self._ray.get(drawer.asked)
        except self._ray.exceptions.RayError as err:
            self._part_with(drawer, f"it cannot start ({last_line(err)})")
            return
        ours = version("avserver")
        self._precision = self._precision or traits.precision
        if traits.version != ours:
            self._part_with(drawer, f"{traits.machine} has avserver {traits.version}, and this machine {ours}")
        elif (self._precision, traits.precision) == ("bfloat16", "float32"):
            self._part_with(drawer, f"{traits.machine} is not fast with bfloat16, as the others are")
        else:
            drawer.asked = None
            self._life_s = time.monotonic()

    def _receive(self, reference: Reference) -> None:
        chunk, drawer = self._drawing.pop(reference)
        drawer.chunks -= 1
        errors = self._ray.exceptions
        try:
            drawn = self._ray.get(reference)
        except errors.RayError as err:
            cause = err
            while isinstance(cause, errors.RayTaskError):
                cause = cause.cause
            if not isinstance(cause, errors.RayError):  # it is ours
                raise RenderError(f"a machine of the cluster cannot draw this: {last_line(err)}") from err
            self._mourn(drawer, chunk, last_line(err))
        else:
            if drawn is None:
                self._mourn(drawer, chunk, "it was started again")
            elif isinstance(drawn, str):
                raise ModelError(drawn)
            else:
                chunk.drawn, self._life_s = drawn, time.monotonic()

    def _mourn(self, drawer: _Drawer, chunk: _Chunk, why: str) -> None:
        """Have a chunk drawn by another; its drawer is started again by Ray, as soon as there is a place for it."""
        chunk.deaths += 1
        if chunk.deaths >= _MOST_DEATHS:
            raise RenderError(f"{chunk.deaths} who drew the same frames have ended, the last one: {why}")
        self._waiting.appendleft(chunk)
        if drawer.asked is None:
            _log.warning("one of those that draw has ended (%s); others draw what it had", why)
            drawer.learnt.clear()
            drawer.asked = _ask(drawer.actor)

    def _part_with(self, drawer: _Drawer, why: str) -> None:
        self._drawers.remove(drawer)
        self._ray.kill(drawer.actor)
        if not self._drawers:
            raise RenderError(f"nobody of the cluster can draw: {why}")
        _log.warning("one of those that draw is left out: %s", why)

    def _give_out(self) -> None:
        ready = [drawer for drawer in self._drawers if drawer.asked is None]
        for chunk in [chunk for chunk in self._waiting if chunk.may_be_drawn]:
            drawer = min(ready, key=lambda drawer: drawer.chunks, default=None)
            if drawer is None or drawer.chunks >= _EACH:
                return
            self._waiting.remove(chunk)
            self._give(chunk, drawer)

    def _give(self, chunk: _Chunk, drawer: _Drawer) -> None:
        if chunk.role not in drawer.learnt:
            parcel = self._parcels[chunk.role]
            drawer.learnt[chunk.role] = drawer.actor.learn.remote(chunk.role, parcel, self._precision)
        if chunk.before is not None and chunk.before.drawn is not None:
            chunk.memory, chunk.before = chunk.before.drawn.memory, None
        # Ray has it wait for what it says to the role, and hands that over.
        drawn = drawer.actor.draw.remote(chunk.role, drawer.learnt[chunk.role], chunk.specs, chunk.memory)
        self._drawing[drawn] = (chunk, drawer)
        drawer.chunks += 1

    def _check_life(self) -> None:
        """Raise RenderError if nobody has been there to draw for long."""
        if not self.at_work and time.monotonic() - self._life_s > _GONE_S:
            raise RenderError(f"nobody of the cluster has been there to draw for {_GONE_S:.0f} s")


class ClusterCrew:
    """Draws one role's frames in a cluster.

    Args:
        cluster: whose machines draw.
        number: that they know the role by.
        name: of the model, for people.
        most: frames in a chunk.
    """

    def __init__(self, cluster: Cluster, number: int, name: str, most: int) -> None:
        self._cluster, self._number, self._name, self._most = cluster, number, name, most
        self._open: list[FrameSpec] = []
        self._last: _Chunk | None = None
        self._chunks: deque[_Chunk] = deque()
        self._taken = 0  # of the oldest chunk

    def submit(self, spec: FrameSpec) -> None:
        """Have a frame drawn, together with its neighbours."""
        if self._open and ends(self._open, spec, self._most):
            self._close()
        self._open.append(spec)

    def take(self) -> Frame:
        """Wait for the oldest frame that has not been taken, and return it.

        Raises:
            ModelError: if the model cannot be loaded, or cannot draw the spec.
            RenderError: if there is nobody left to draw.
        """
        if not self._chunks:
            self._close()
        chunk = self._chunks[0]
        try:
            drawn = chunk.drawn or self._cluster.wait_for(chunk, self._close)
        except ModelError as err:
            raise ModelError(f"{self._name} cannot draw this: {err}") from err
        spec, pixels = chunk.specs[self._taken], drawn.pixels[self._taken]
        self._taken += 1
        if self._taken == len(chunk.specs):
            self._chunks.popleft()
            self._taken = 0
        return Frame(pixels=pixels, index=spec.index, t_s=spec.t_s)

    def _close(self) -> None:
        """Send the chunk off that is not full."""
        if not self._open:
            return
        looks_back = self._last is not None and self._open[0].looks_back(self._last.specs[-1])
        chunk = _Chunk(self._number, self._open, self._last if looks_back else None)
        self._last, self._open = chunk, []
        self._chunks.append(chunk)
        self._cluster.submit(chunk)


def _ask(actor: Any) -> Reference:
    """Ask one who it is; Ray has it answered when it is there (again), however long that takes."""
    return actor.traits.options(max_task_retries=-1).remote()
