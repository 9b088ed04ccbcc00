"""Workers that take over from one another: real processes that paint one colour instead of drawing a network."""

import logging
import os
import signal
import time
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import psutil
import pytest

from avserver.frame import Frame
from avserver.frame_ring import FrameRing
from avserver.frame_spec import FrameSpec, ModelShape
from avserver.generator.relay import Relay, mixed
from avserver.generator.role import Role
from avserver.generator.worker import RenderWorker, WorkerSettings, WorkerState

SHAPE = ModelShape(1, (), ())
TICK_S = 0.02


def paint(pipe: Connection, settings: WorkerSettings) -> None:
    """Speak a worker's side of the pipe; the model's name says the colour, or what goes wrong."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ring = FrameRing.attach(settings.ring)
    if settings.role.name == "bad":
        pipe.send_bytes(b"Xno such colour")
        return
    if settings.role.name == "crash":
        os._exit(3)
    if settings.role.name == "slow":
        time.sleep(60)
    pipe.send_bytes(b"R")
    fragile = settings.role.name == "fragile"
    colour = 99 if fragile else int(settings.role.name)
    drawn = 0
    while (message := pipe.recv_bytes())[:1] == b"S":
        spec = FrameSpec.from_bytes(message[1:])
        ring.write(Frame(pixels=np.full((4, 4, 3), colour, np.uint8), index=spec.index, t_s=spec.t_s))
        pipe.send_bytes(b"F")
        drawn += 1
        if fragile and drawn == 5:
            os._exit(4)


def hire(role: Role) -> RenderWorker:
    ring = FrameRing.create(width_px=4, height_px=4)
    return RenderWorker(WorkerSettings(role, None, ring.name), ring, target=paint)


def role(colour: int | str) -> Role:
    return Role(str(colour), Path(str(colour)), SHAPE)


class Show:
    """Ticks on, and keeps what is seen."""

    def __init__(self, relay: Relay) -> None:
        self.relay = relay
        self.frames: list[Frame] = []
        self.seen_s: list[float] = []
        self._index = 0

    def play(self, colour: int | str) -> None:
        self.relay.play(role(colour), time.monotonic())

    def until(self, done, timeout_s: float = 15.0) -> None:
        end_s = time.monotonic() + timeout_s
        while not done():
            assert time.monotonic() < end_s, "nothing came of it"
            self.relay.submit(lambda _: FrameSpec(index=self._index, t_s=0.0, latents=()), 0)
            self._index += 1
            for _ in range(4):
                time.sleep(TICK_S / 4)
                for frame in self.relay.poll(time.monotonic()):
                    self.frames.append(frame)
                    self.seen_s.append(time.monotonic())

    @property
    def colours(self) -> list[int]:
        return [int(frame.pixels[0, 0, 0]) for frame in self.frames]


@pytest.fixture
def show():
    relay = Relay(hire)
    yield Show(relay)
    relay.close()


def test_a_new_role_takes_over_between_two_frames(show: Show) -> None:
    show.play(10)
    show.until(lambda: show.colours.count(10) > 5)
    first_pid = show.relay.worker.pid
    show.play(200)
    assert show.relay.coming == show.relay.wanted == role(200)
    show.until(lambda: show.colours.count(200) > 5)
    assert sorted(show.colours) == show.colours, "no frame of the old one after the first of the new one"
    assert set(show.colours) == {10, 200}
    indices = [frame.index for frame in show.frames]
    assert indices == sorted(set(indices)), "no tick is shown twice"
    assert max(np.diff(show.seen_s)) < 1.0, "the old one plays while the new one starts"
    show.until(lambda: not psutil.pid_exists(first_pid))
    assert (show.relay.playing, show.relay.coming, show.relay.handovers) == (role(200), None, 1)


def test_a_fade_goes_through_what_lies_between(show: Show) -> None:
    show.play(0)
    show.until(lambda: show.frames)
    show.relay.fade_s = 0.5
    show.play(250)
    show.until(lambda: 250 in show.colours)
    between = [colour for colour in show.colours if 0 < colour < 250]
    assert len(between) > 5
    assert between == sorted(between)


@pytest.mark.parametrize(("model", "reason"), [("bad", "no such colour"), ("crash", "ended again and again")])
def test_what_cannot_play_is_given_up_and_the_old_one_plays_on(show: Show, model: str, reason: str, caplog) -> None:
    caplog.set_level(logging.CRITICAL + 1)
    show.play(7)
    show.until(lambda: show.frames)
    show.play(model)
    show.until(lambda: show.relay.complaint)
    assert show.relay.complaint == f"{model}: {reason}" or reason in show.relay.complaint
    assert show.relay.wanted == role(7)
    seen = len(show.frames)
    show.until(lambda: len(show.frames) > seen + 5)
    assert set(show.colours) == {7}


def test_who_changes_their_mind_gets_the_last_wish(show: Show) -> None:
    show.play(1)
    show.until(lambda: show.frames)
    show.play("slow")
    show.until(lambda: show.relay.coming == role("slow"))
    show.play(3)
    show.until(lambda: 3 in show.colours)
    show.play("slow")
    show.play(3)
    assert show.relay.coming is None
    show.until(lambda: not show.relay._leaving)
    assert set(show.colours) == {1, 3}


def test_a_killed_worker_comes_back_while_the_next_is_getting_ready(show: Show) -> None:
    show.play(5)
    show.until(lambda: show.frames)
    show.play("slow")
    os.kill(show.relay.worker.pid, signal.SIGKILL)
    show.until(lambda: show.relay.worker.state is not WorkerState.PLAYING)
    seen = len(show.frames)
    show.until(lambda: len(show.frames) > seen)
    assert show.relay.restarts == 1


def test_who_dies_while_fading_in_leaves_the_picture_to_the_old_one(show: Show) -> None:
    show.play(0)
    show.until(lambda: show.frames)
    show.relay.fade_s = 60.0
    show.play("fragile")
    show.until(lambda: show.relay.complaint, timeout_s=30.0)
    assert show.relay.playing == role(0)
    assert max(np.diff(show.seen_s)) < 1.0
    seen = len(show.frames)
    show.until(lambda: len(show.frames) > seen + 5)
    assert set(show.colours[seen:]) == {0}


def test_nobody_is_left_behind_when_it_closes() -> None:
    before = {process.pid for process in psutil.Process().children()}
    relay = Relay(hire)
    show = Show(relay)
    show.play(1)
    show.until(lambda: show.frames)
    show.play(2)
    show.until(lambda: relay.coming)
    start_s = time.monotonic()
    relay.close()
    assert time.monotonic() - start_s < 2
    assert {process.pid for process in psutil.Process().children()} <= before | {_tracker_pid()}


def _tracker_pid() -> int:
    from multiprocessing import resource_tracker

    return resource_tracker._resource_tracker._pid


def test_pictures_mix_by_share_and_other_sizes_do_not() -> None:
    old, new = (Frame(pixels=np.full((2, 2, 3), value, np.uint8), index=i, t_s=0.0) for i, value in enumerate((0, 200)))
    assert [int(mixed(old, new, share).pixels[0, 0, 0]) for share in (0.0, 0.25, 1.0)] == [0, 50, 200]
    assert mixed(old, new, 0.5).index == 1
    large = Frame(pixels=np.zeros((4, 4, 3), np.uint8), index=2, t_s=0.0)
    assert mixed(old, large, 0.5) is large
