"""The render worker: the process in which the model lives, and the handle that the show process holds.

Over the pipe, one message a byte string. To the worker: `S` + FrameSpec, `A` to forget the picture before, `Q` to end.
From the worker: `R` the model is loaded and the first frame drawn (its graph is compiled), `F` + how long that took (s,
TOOK) a frame lies in the ring, `E` + a sentence when one frame could not be drawn, `X` + a sentence when it cannot work
at all. The worker keeps no state that a FrameSpec does not bring, but for the last picture that feedback mixes in; one
that died is simply started again.
"""

import contextlib
import dataclasses
import logging
import multiprocessing
import os
import signal
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from multiprocessing.connection import Connection

from avserver.errors import AvserverError
from avserver.frame import Frame
from avserver.frame_ring import FrameRing
from avserver.frame_spec import FrameSpec
from avserver.generator.role import Role

_log = logging.getLogger(__name__)

# The first restart comes at once, the next ones wait: a worker that dies while it loads would spin otherwise.
_BACKOFF_S = (0.0, 1.0, 2.0, 5.0, 10.0)
_QUIT_S = 0.7
TOOK = struct.Struct("<d")


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What a worker needs to know to start.

    Attributes:
        role: what it is to play.
        size: (width, height) of the frames in px, None for the model's own.
        ring: name of the shared memory.
        threads: of the CPU, to draw with.
        wide: how the network is to fill frames that are not square, one of `canvas.WIDE`.
    """

    role: Role
    size: tuple[int, int] | None
    ring: str
    threads: int = 1
    wide: str = "off"


class WorkerState(StrEnum):
    """What the worker is doing, in words that `status` shows."""

    STARTING = "starting"
    PLAYING = "playing"
    RESTARTING = "restarting"
    FAILED = "failed"


def _work(pipe: Connection, settings: WorkerSettings) -> None:
    """Run the worker until it is told to quit or the show process is gone."""
    # Ctrl-C reaches every process of the terminal; only the show process decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        # Imported here: this is where the framework comes in, in this process only.
        from avserver.generator.renderer import renderer_for  # noqa: PLC0415

        ring = FrameRing.attach(settings.ring)
        renderer = renderer_for(settings.role, settings.size, wide=settings.wide, threads=settings.threads)
        renderer.warm_up()
    except AvserverError as err:
        pipe.send_bytes(b"X" + str(err).encode())
        return
    pipe.send_bytes(b"R")
    while (message := pipe.recv_bytes())[:1] != b"Q":
        if message[:1] == b"A":
            renderer.reset()
            continue
        spec = FrameSpec.from_bytes(message[1:])
        begun_s = time.perf_counter()
        try:
            pixels = renderer.render(spec)
        except AvserverError as err:
            pipe.send_bytes(b"E" + str(err).encode())
            continue
        ring.write(Frame(pixels=pixels, index=spec.index, t_s=spec.t_s))
        pipe.send_bytes(b"F" + TOOK.pack(time.perf_counter() - begun_s))


def work(pipe: Connection, settings: WorkerSettings) -> None:
    """Run the worker; the target of the process."""
    # These errors mean that the show process is gone; nobody is left to tell.
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        _work(pipe, settings)
    # A framework takes a second to take itself apart, and there is nothing of it to save.
    os._exit(0)


class RenderWorker:
    """The show process' handle of a render worker, and the owner of its ring. It never blocks but in `close`.

    At most one spec is being drawn and one waits; a newer one takes the place of the one that waits, which is
    counted as dropped.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        ring: FrameRing,
        *,
        target: Callable[[Connection, WorkerSettings], None] = work,
    ) -> None:
        self._settings = settings
        self._ring: FrameRing | None = ring
        self._target = target
        self._context = multiprocessing.get_context("spawn")
        self._process: multiprocessing.process.BaseProcess | None = None
        self._pipe: Connection | None = None
        self._drawing: tuple[FrameSpec, int] | None = None
        self._waiting: tuple[FrameSpec, int] | None = None
        self._deaths_in_a_row = 0
        self._start_again_s: float | None = None
        self._leaves_by_s: float | None = None
        self.last_complaint = ""
        self.state = WorkerState.STARTING
        self.restarts = 0
        self.dropped = 0
        self.failed_frames = 0

    @property
    def pid(self) -> int | None:
        """Process id, None while there is no process."""
        return self._process.pid if self._process else None

    @property
    def connection(self) -> Connection | None:
        """What to wait on for news, None while there is no process."""
        return self._pipe

    def start(self) -> None:
        """Start the process; it reports by itself when it is ready."""
        here, there = self._context.Pipe()
        # A daemon process is ended with this one even if this one forgets to.
        self._process = self._context.Process(
            target=self._target, args=(there, self._settings), name="avserver-render", daemon=True
        )
        self._process.start()
        there.close()
        self._pipe = here

    def submit(self, spec: FrameSpec, audio_ns: int) -> None:
        """Have a frame drawn; `audio_ns` is handed through to it. Newest wins, nothing queues."""
        if self.state is not WorkerState.PLAYING:
            return
        if self._drawing is None:
            self._send(spec, audio_ns)
            return
        self.dropped += self._waiting is not None
        self._waiting = (spec, audio_ns)

    def poll(self, now_s: float) -> list[Frame]:
        """Return the frames that arrived, oldest first; see to the process. `now_s` is any monotonic clock (s)."""
        frames = []
        try:
            while self._pipe is not None and self._pipe.poll():
                frame = self._hear(self._pipe.recv_bytes())
                if frame is not None:
                    frames.append(frame)
        except (EOFError, ConnectionResetError, BrokenPipeError):
            self._mourn(now_s)
        if self._start_again_s is not None and now_s >= self._start_again_s:
            self._start_again_s = None
            self.restarts += 1
            self.start()
        return frames

    def close(self) -> None:
        """End the process, politely first, and remove the ring. Returns within two seconds."""
        self.dismiss(0.0)
        if self._process is not None:
            self._process.join(_QUIT_S)
            if self._process.is_alive():
                self._process.kill()
            self._process.join()
        self.is_gone(0.0)

    def dismiss(self, now_s: float) -> None:
        """Tell the process to end; from then on only ask whether it `is_gone`. `now_s` as in `poll`."""
        if self._leaves_by_s is not None:
            return
        self._leaves_by_s = now_s + _QUIT_S
        self._start_again_s = None
        if self._pipe is not None:
            try:
                self._pipe.send_bytes(b"Q")
            except OSError:
                _log.debug("the render worker was gone before it was told to quit")
            self._pipe.close()
            self._pipe = None
        if self._process is not None and self.state is not WorkerState.PLAYING:
            # A worker that is loading or compiling does not read its pipe.
            self._process.kill()

    def is_gone(self, now_s: float) -> bool:
        """Return whether a dismissed worker has ended; one that takes too long is killed."""
        if self._process is not None:
            if self._process.is_alive():
                if self._leaves_by_s is not None and now_s >= self._leaves_by_s:
                    self._process.kill()
                return False
            self._process.join()
            self._process.close()
            self._process = None
        if self._ring is not None:
            self._ring.close()
            self._ring = None
        return True

    def _send(self, spec: FrameSpec, audio_ns: int) -> None:
        if self._pipe is None:
            return
        self._drawing = (spec, audio_ns)
        try:
            self._pipe.send_bytes(b"S" + spec.to_bytes())
        except OSError:
            # It died this moment; poll() finds the end of the pipe and sees to it.
            self._drawing = None

    def _hear(self, message: bytes) -> Frame | None:
        kind, text = message[:1], message[1:].decode(errors="replace")
        if kind == b"R":
            self.state = WorkerState.PLAYING
            self._deaths_in_a_row = 0
            return None
        if kind == b"X":
            self._complain(text)
            self.state = WorkerState.FAILED
            return None
        drawn, self._drawing = self._drawing, None
        # Read before the next one is sent, or a quick worker would have put that into the ring already.
        frame = self._ring.newest() if kind == b"F" and self._ring else None
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            self._send(*waiting)
        if kind == b"E":
            self.failed_frames += 1
            self._complain(text)
        if frame is None or drawn is None:
            return None
        return dataclasses.replace(frame, audio_ns=drawn[1])

    def _complain(self, text: str) -> None:
        """Log a sentence once, however many frames it spoils."""
        if text != self.last_complaint:
            _log.error("render worker: %s", text)
            self.last_complaint = text

    def _mourn(self, now_s: float) -> None:
        """Clear up after a process that ended by itself, and plan the next one."""
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None
        code = None
        if self._process is not None:
            self._process.join()
            code = self._process.exitcode
            self._process.close()
            self._process = None
        self._drawing = self._waiting = None
        if self.state is not WorkerState.FAILED:
            self.state = WorkerState.RESTARTING
        wait_s = _BACKOFF_S[min(self._deaths_in_a_row, len(_BACKOFF_S) - 1)]
        self._deaths_in_a_row += 1
        self._start_again_s = now_s + wait_s
        _log.warning("the render worker ended (%s); starting it again in %g s", describe_exit(code), wait_s)


def describe_exit(code: int | None) -> str:
    """Return in words how a process ended: its exit code, or the signal that killed it."""
    if code is None:
        return "no exit code"
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"
