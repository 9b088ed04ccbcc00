import numpy as np
import pytest

from avserver.frame import Flags, Frame
from avserver.outputs.publisher import Publisher

PERIOD_S = 0.04


class Receiver:
    """Keeps what it is sent, with the time at which the test says it is."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []

    def send(self, frame: Frame) -> None:
        self.frames.append(frame)


def picture(index: int) -> Frame:
    return Frame(pixels=np.full((4, 4, 3), 200, np.uint8), index=index, t_s=index * PERIOD_S)


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def publisher(receiver: Receiver) -> Publisher:
    return Publisher([receiver], fps=1 / PERIOD_S, width_px=4, height_px=4)


def run(publisher: Publisher, receiver: Receiver, start_s: float, stop_s: float) -> list[float]:
    """Let time pass in milliseconds; return when something was sent."""
    times = []
    for ms in range(int(start_s * 1e3), int(stop_s * 1e3)):
        before = len(receiver.frames)
        publisher.keep_rate(ms / 1e3)
        times += [ms / 1e3] * (len(receiver.frames) - before)
    return times


def test_before_the_first_frame_the_rate_is_kept_with_black(publisher: Publisher, receiver: Receiver) -> None:
    times = run(publisher, receiver, 100.0, 101.0)
    assert 24 <= len(times) <= 27
    assert all(frame.flags & Flags.FAILSAFE and not frame.pixels.any() for frame in receiver.frames)


def test_frames_that_come_in_time_are_not_repeated(publisher: Publisher, receiver: Receiver) -> None:
    for index in range(20):
        publisher.publish(picture(index), index * PERIOD_S)
        run(publisher, receiver, index * PERIOD_S, (index + 1) * PERIOD_S)
    assert [frame.index for frame in receiver.frames] == list(range(20))
    assert publisher.repeated == 0


def test_when_frames_stop_the_last_is_repeated_at_the_rate(publisher: Publisher, receiver: Receiver) -> None:
    publisher.publish(picture(7), 0.0)
    times = [0.0, *run(publisher, receiver, 0.0, 1.0)]
    gaps = np.diff(times)
    assert gaps.max() < 2 * PERIOD_S
    assert gaps[1:] == pytest.approx(PERIOD_S, abs=2e-3)
    assert all(frame.index == 7 and frame.flags == Flags.REPEATED for frame in receiver.frames[1:])
    assert publisher.repeated == len(times) - 1


def test_a_long_stall_is_not_made_up_for_by_a_burst(publisher: Publisher, receiver: Receiver) -> None:
    publisher.publish(picture(1), 0.0)
    times = run(publisher, receiver, 5.0, 5.1)
    assert len(times) <= 4


def test_blackout_sends_black_and_says_so(publisher: Publisher, receiver: Receiver) -> None:
    publisher.blackout = True
    publisher.publish(picture(1), 0.0)
    assert receiver.frames[-1].flags == Flags.BLACKOUT
    assert not receiver.frames[-1].pixels.any()
    publisher.blackout = False
    publisher.keep_rate(1.0)
    assert receiver.frames[-1].pixels.all()
