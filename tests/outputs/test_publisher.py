from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from avserver.errors import ConfigError
from avserver.frame import Flags, Frame
from avserver.outputs.failsafe import make_failsafe
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


class TestFailsafe:
    """One begins after a second without frames, and has come to its end after two."""

    @pytest.fixture
    def fading(self, receiver: Receiver) -> Publisher:
        failsafe = make_failsafe(1.0, "fade", 1.0, 4, 4)
        return Publisher([receiver], fps=1 / PERIOD_S, width_px=4, height_px=4, failsafe=failsafe)

    def test_the_last_frame_is_held_and_then_fades(self, fading: Publisher, receiver: Receiver) -> None:
        fading.publish(picture(1), 0.0)
        run(fading, receiver, 0.0, 0.95)
        assert all(frame.pixels.min() == 200 and not frame.flags & Flags.FAILSAFE for frame in receiver.frames)
        run(fading, receiver, 0.95, 1.5)
        assert 90 < receiver.frames[-1].pixels.mean() < 120
        assert receiver.frames[-1].flags == Flags.REPEATED | Flags.FAILSAFE
        run(fading, receiver, 1.5, 3.0)
        assert not receiver.frames[-1].pixels.any()
        # What no longer changes is not made anew.
        assert receiver.frames[-1].pixels is receiver.frames[-2].pixels
        fading.publish(picture(2), 3.0)
        run(fading, receiver, 3.0, 3.5)
        assert [frame.flags for frame in receiver.frames[-2:]] == [Flags.REPEATED] * 2
        assert receiver.frames[-1].pixels.min() == 200

    def test_an_image_is_cropped_to_the_frames(self, receiver: Receiver, tmp_path: Path) -> None:
        image = np.zeros((10, 40, 3), np.uint8)
        image[:, 15:25] = 80, 90, 100
        Image.fromarray(image).save(tmp_path / "logo.png")
        failsafe = make_failsafe(1.0, str(tmp_path / "logo.png"), 0.0, 4, 4)
        publisher = Publisher([receiver], fps=1 / PERIOD_S, width_px=4, height_px=4, failsafe=failsafe)
        publisher.publish(picture(1), 0.0)
        run(publisher, receiver, 0.0, 1.1)
        np.testing.assert_array_equal(receiver.frames[-1].pixels, np.full((4, 4, 3), (80, 90, 100)))
        publisher.fade(9, 0.5)
        run(publisher, receiver, 1.1, 1.2)
        np.testing.assert_array_equal(receiver.frames[-1].pixels, np.full((4, 4, 3), (40, 45, 50)))

    def test_a_frozen_picture_is_no_failure(self, fading: Publisher, receiver: Receiver) -> None:
        fading.publish(picture(1), 0.0)
        fading.frozen = True
        run(fading, receiver, 0.0, 5.0)
        assert receiver.frames[-1].flags == Flags.REPEATED
        assert receiver.frames[-1].pixels.min() == 200
        fading.frozen = False
        run(fading, receiver, 5.0, 5.9)
        assert not fading.failing
        run(fading, receiver, 5.9, 6.1)
        assert fading.failing

    def test_an_image_that_is_none_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "note.txt").write_text("no picture")
        for name, reason in (("note.txt", "not an image"), ("nowhere.png", "No such file")):
            with pytest.raises(ConfigError, match=rf"'fade' or an image; cannot read .*{name}: {reason}"):
                make_failsafe(1.0, str(tmp_path / name), 0.0, 4, 4)


class TestOpacity:
    def test_a_picture_that_stands_still_follows_it(self, publisher: Publisher, receiver: Receiver) -> None:
        publisher.fade(3, 0.5)  # decided at tick 3: drawn into every frame from there on
        publisher.publish(picture(5), 0.0)
        publisher.frozen = True
        run(publisher, receiver, 0.0, 0.2)
        assert {frame.pixels.min() for frame in receiver.frames} == {200}
        publisher.fade(7, 0.25)
        run(publisher, receiver, 0.2, 0.3)
        assert receiver.frames[-1].pixels.min() == 100
        publisher.fade(8, 0.5)
        run(publisher, receiver, 0.3, 0.4)
        assert receiver.frames[-1].pixels.min() == 200

    def test_it_is_not_laid_over_frames_that_have_it_drawn_in(self, publisher: Publisher, receiver: Receiver) -> None:
        publisher.fade(1, 0.5)
        publisher.publish(picture(0), 0.0)
        publisher.publish(picture(1), PERIOD_S)
        run(publisher, receiver, PERIOD_S, 2.0)
        assert {frame.pixels.min() for frame in receiver.frames} == {200}

    def test_a_worker_that_is_late_does_not_make_it_flicker(self, publisher: Publisher, receiver: Receiver) -> None:
        publisher.publish(picture(0), 0.0)
        publisher.fade(1, 0.5)
        run(publisher, receiver, 0.0, 0.3)
        assert {frame.pixels.min() for frame in receiver.frames} == {200}
        run(publisher, receiver, 0.3, 0.7)  # it has died
        assert receiver.frames[-1].pixels.min() == 100

    def test_blackout_comes_at_once_when_nothing_else_does(self, publisher: Publisher, receiver: Receiver) -> None:
        publisher.publish(picture(0), 0.0)
        publisher.frozen = publisher.blackout = True
        run(publisher, receiver, 0.0, 1.6 * PERIOD_S)
        assert not receiver.frames[-1].pixels.any()
