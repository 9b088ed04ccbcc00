"""The relay: a render worker plays while the next one gets ready, then takes over between two frames or fades in.

A worker is started for one model and one set of bends; to change either, another one is started. It loads and compiles
in its own process, beside the one that plays. Only when it has drawn its first frame of the show does the old one
leave: if it cannot load, the old one simply plays on.
"""

import dataclasses
import logging
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Protocol

from avserver.blending import blended
from avserver.frame import Frame
from avserver.frame_spec import FrameSpec
from avserver.generator.role import Role
from avserver.generator.worker import WorkerState

_log = logging.getLogger(__name__)

# A worker that has ended so often while it was getting ready is given up.
_MOST_DEATHS = 3


class Worker(Protocol):
    """What the relay needs of a `RenderWorker`, which says what these do."""

    state: WorkerState
    restarts: int
    dropped: int

    @property
    def pid(self) -> int | None: ...  # noqa: D102
    @property
    def connection(self) -> Connection | None: ...  # noqa: D102
    @property
    def last_complaint(self) -> str: ...  # noqa: D102
    def start(self) -> None: ...  # noqa: D102
    def submit(self, spec: FrameSpec, audio_ns: int) -> None: ...  # noqa: D102
    def poll(self, now_s: float) -> list[Frame]: ...  # noqa: D102
    def dismiss(self, now_s: float) -> None: ...  # noqa: D102
    def is_gone(self, now_s: float) -> bool: ...  # noqa: D102
    def close(self) -> None: ...  # noqa: D102


@dataclass
class _Player:
    """A worker with its role, and the newest frame that it drew."""

    role: Role
    worker: Worker
    newest: Frame | None = None

    def poll(self, now_s: float) -> list[Frame]:
        frames = self.worker.poll(now_s)
        self.newest = frames[-1] if frames else self.newest
        return frames


class Relay:
    """Has roles played, one after the other, without a gap. It never blocks but in `close`.

    Args:
        hire: returns a worker for a role, not yet started.

    Attributes:
        fade_s: how long the next change takes to fade in (s); 0 swaps between two frames.
        complaint: why the last role could not be played; empty if it could.
        handovers: how often a worker has taken over from another.
    """

    def __init__(self, hire: Callable[[Role], Worker]) -> None:
        self._hire = hire
        self._current: _Player | None = None
        self._next: _Player | None = None
        self._leaving: list[Worker] = []
        self._fade_from_s: float | None = None
        self._last_index = -1
        self._restarts = self._dropped = 0
        self.fade_s = 0.0
        self.complaint = ""
        self.handovers = 0

    @property
    def playing(self) -> Role | None:
        """The role whose frames are seen; while one fades into another, the old one."""
        return self._current.role if self._current else None

    @property
    def coming(self) -> Role | None:
        """The role that is getting ready or fading in."""
        return self._next.role if self._next else None

    @property
    def wanted(self) -> Role | None:
        """The role that was asked for last and has not been given up."""
        return self.coming or self.playing

    @property
    def drawing(self) -> Role | None:
        """The role whose frames of what is submitted now will be seen; before anybody draws, the one that is wanted.

        While one fades into another that is the new one.
        """
        ready = [player.role for player in self._players() if player.worker.state is WorkerState.PLAYING]
        return ready[-1] if ready else self.wanted

    @property
    def worker(self) -> Worker | None:
        """The worker whose frames are seen."""
        return self._current.worker if self._current else None

    @property
    def restarts(self) -> int:
        """How often a worker had to be started again."""
        return self._restarts + sum(player.worker.restarts for player in self._players())

    @property
    def dropped(self) -> int:
        """Specs that made room for newer ones."""
        return self._dropped + sum(player.worker.dropped for player in self._players())

    @property
    def connections(self) -> list[Connection]:
        """What to wait on for news."""
        return [c for player in self._players() if (c := player.worker.connection) is not None]

    def play(self, role: Role, now_s: float) -> None:
        """Have a role played as soon as somebody is ready to; asking again for the same one changes nothing."""
        if role == self.wanted:
            return
        self.complaint = ""
        if self._next is not None:
            self._part_with(self._next, now_s)
            self._next, self._fade_from_s = None, None
        if self._current is not None and role == self._current.role:
            return
        player = _Player(role, self._hire(role))
        player.worker.start()
        if self._current is None:
            self._current = player
        else:
            self._next = player

    def submit(self, decide: Callable[[Role], FrameSpec], audio_ns: int) -> None:
        """Have a frame drawn: `decide` returns its spec for a role, and is asked once for each that is drawing."""
        for player in self._players():
            if player.worker.state is WorkerState.PLAYING:
                player.worker.submit(decide(player.role), audio_ns)

    def poll(self, now_s: float) -> list[Frame]:
        """Return the frames that arrived, oldest first, and see to the processes. `now_s`: any monotonic clock (s)."""
        self._leaving = [worker for worker in self._leaving if not worker.is_gone(now_s)]
        frames = self._current.poll(now_s) if self._current else []
        if self._next is not None:
            arrived = self._next.poll(now_s)
            if arrived:
                frames = self._fade(arrived, now_s)
            elif self._next.worker.state is not WorkerState.PLAYING:
                self._fade_from_s = None  # it died while it was fading in: what played before plays on
            elif self._fade_from_s is not None:
                frames = []  # they are seen when the other one's arrive
            self._give_up_if_hopeless(now_s)
        # Two workers draw the same ticks while one takes over from the other.
        fresh = [frame for frame in frames if frame.index > self._last_index]
        self._last_index = fresh[-1].index if fresh else self._last_index
        return fresh

    def close(self) -> None:
        """End all processes, politely first. Returns within two seconds."""
        for worker in [*(player.worker for player in self._players()), *self._leaving]:
            worker.close()
        self._current = self._next = None
        self._leaving = []

    def _players(self) -> list[_Player]:
        return [player for player in (self._current, self._next) if player is not None]

    def _fade(self, arrived: list[Frame], now_s: float) -> list[Frame]:
        """Return the next player's frames, mixed with the current one's as far as they have faded in."""
        assert self._current is not None
        assert self._next is not None
        if self._fade_from_s is None:
            self._fade_from_s = now_s
        old = self._current.newest
        share = 1.0 if self.fade_s <= 0 or old is None else (now_s - self._fade_from_s) / self.fade_s
        if share >= 1.0:
            self._part_with(self._current, now_s)
            self._current, self._next, self._fade_from_s = self._next, None, None
            self.handovers += 1
            return arrived
        return [mixed(old, frame, share) for frame in arrived] if old else arrived

    def _give_up_if_hopeless(self, now_s: float) -> None:
        if self._next is None:
            return
        worker = self._next.worker
        if worker.state is WorkerState.FAILED or worker.restarts >= _MOST_DEATHS:
            reason = worker.last_complaint or "its process ended again and again"
            self.complaint = f"{self._next.role.name}: {reason}"
            _log.error("%s cannot be played (%s); what plays goes on", self._next.role.name, reason)
            self._part_with(self._next, now_s)
            self._next, self._fade_from_s = None, None

    def _part_with(self, player: _Player, now_s: float) -> None:
        self._restarts += player.worker.restarts
        self._dropped += player.worker.dropped
        player.worker.dismiss(now_s)
        self._leaving.append(player.worker)


def mixed(old: Frame, new: Frame, share: float) -> Frame:
    """Return `new` with its pixels mixed in equal-sized `old` ones: share 0 is all old, 1 all new."""
    if old.pixels.shape != new.pixels.shape:
        return new
    return dataclasses.replace(new, pixels=blended(old.pixels, new.pixels, share))
