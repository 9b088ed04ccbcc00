"""The worker's handle, with a real process that draws grey instead of a network."""

import os
import signal
import time
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest

from avserver.frame import Frame
from avserver.frame_ring import FrameRing
from avserver.frame_spec import FrameSpec, ModelShape
from avserver.generator.role import Role
from avserver.generator.worker import RenderWorker, WorkerSettings, WorkerState

SLOW_S = 0.05
REFUSED = 13


def draw_grey(pipe: Connection, settings: WorkerSettings) -> None:
    """Speak the worker's side of the pipe: slowly, refusing one frame."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ring = FrameRing.attach(settings.ring)
    pipe.send_bytes(b"R")
    while (message := pipe.recv_bytes())[:1] == b"S":
        spec = FrameSpec.from_bytes(message[1:])
        time.sleep(SLOW_S)
        if spec.index == REFUSED:
            pipe.send_bytes(b"Enot this one")
            continue
        ring.write(Frame(pixels=np.full((8, 8, 3), spec.index, np.uint8), index=spec.index, t_s=spec.t_s))
        pipe.send_bytes(b"F")


def refuse_to_work(pipe: Connection, settings: WorkerSettings) -> None:
    pipe.send_bytes(b"Xthe model is of no use")


def spec(index: int) -> FrameSpec:
    return FrameSpec(index=index, t_s=index / 10, latents=())


class Workers:
    def __init__(self) -> None:
        self.started: list[RenderWorker] = []

    def start(self, target) -> RenderWorker:
        ring = FrameRing.create(width_px=8, height_px=8)
        settings = WorkerSettings(Role("none", Path("none"), ModelShape(1, (), ())), None, ring.name)
        worker = RenderWorker(settings, ring, target=target)
        self.started.append(worker)
        worker.start()
        return worker


@pytest.fixture
def workers():
    workers = Workers()
    yield workers
    for worker in workers.started:
        worker.close()


def until(worker: RenderWorker, done, timeout_s: float = 10.0) -> list[Frame]:
    """Poll until `done()`, return the frames that came."""
    frames: list[Frame] = []
    end_s = time.monotonic() + timeout_s
    while not done(frames):
        assert time.monotonic() < end_s, f"nothing came of it in {timeout_s} s, state {worker.state}"
        frames += worker.poll(time.monotonic())
        time.sleep(0.001)
    return frames


def playing(worker: RenderWorker):
    return lambda frames: worker.state is WorkerState.PLAYING


def test_a_spec_becomes_a_frame_with_its_audio_time(workers: Workers) -> None:
    worker = workers.start(draw_grey)
    assert worker.state is WorkerState.STARTING
    until(worker, playing(worker))
    worker.submit(spec(3), audio_ns=42)
    (frame,) = until(worker, lambda frames: frames)
    assert (frame.index, frame.t_s, frame.audio_ns) == (3, 0.3, 42)
    assert (frame.pixels == 3).all()


def test_newest_wins_and_nothing_queues(workers: Workers) -> None:
    worker = workers.start(draw_grey)
    until(worker, playing(worker))
    for index in range(10):
        worker.submit(spec(index), audio_ns=index)
    frames = until(worker, lambda frames: len(frames) == 2)
    assert [(frame.index, frame.audio_ns) for frame in frames] == [(0, 0), (9, 9)]
    assert worker.dropped == 8


def test_a_frame_that_cannot_be_drawn_does_not_stop_the_next(workers: Workers) -> None:
    worker = workers.start(draw_grey)
    until(worker, playing(worker))
    worker.submit(spec(REFUSED), audio_ns=0)
    worker.submit(spec(14), audio_ns=0)
    (frame,) = until(worker, lambda frames: frames)
    assert frame.index == 14
    assert worker.failed_frames == 1


def test_a_killed_worker_is_started_again(workers: Workers) -> None:
    worker = workers.start(draw_grey)
    until(worker, playing(worker))
    worker.submit(spec(1), audio_ns=0)
    assert worker.pid
    os.kill(worker.pid, signal.SIGKILL)
    until(worker, lambda frames: worker.state is WorkerState.RESTARTING)
    worker.submit(spec(2), audio_ns=0)
    until(worker, playing(worker))
    worker.submit(spec(5), audio_ns=0)
    frames = until(worker, lambda frames: frames)
    assert frames[-1].index == 5
    assert worker.restarts == 1


def test_a_worker_that_cannot_work_says_so_and_is_tried_again_later(workers: Workers, caplog) -> None:
    worker = workers.start(refuse_to_work)
    until(worker, lambda frames: worker.restarts == 2)
    assert worker.state is WorkerState.FAILED
    assert caplog.text.count("the model is of no use") == 1


def test_close_ends_the_process_within_two_seconds(workers: Workers) -> None:
    worker = workers.start(draw_grey)
    until(worker, playing(worker))
    pid = worker.pid
    assert pid
    start_s = time.monotonic()
    worker.close()
    assert time.monotonic() - start_s < 2
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
