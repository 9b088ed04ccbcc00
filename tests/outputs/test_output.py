"""The contract of outputs, with a backend that does as it is told."""

import logging
import threading
import time
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from avserver.errors import ConfigError
from avserver.frame import Flags, Frame
from avserver.outputs.output import Output, OutputState
from avserver.shape import Shape


def frame(index: int) -> Frame:
    return Frame(pixels=np.full((2, 4, 3), 9, np.uint8), index=index, t_s=0.0)


class Tape(Output):
    """Writes down its calls; raises what it is given, and stops where it is told to."""

    def __init__(self, **options: object) -> None:
        super().__init__("tape", **options)
        self.calls: list[str] = []
        self.frames: list[Frame] = []
        self.times_s: list[float] = []
        self.trouble: Exception | None = None
        self.go_on = threading.Event()
        self.go_on.set()

    def _open(self) -> None:
        self.calls.append("open")
        self._raise()

    def _send(self, frame: Frame) -> None:
        self.go_on.wait(5.0)
        self.calls.append(f"send {frame.index}")
        self.frames.append(frame)
        self.times_s.append(time.monotonic())
        self._raise()

    def _close(self) -> None:
        self.calls.append("close")

    def _raise(self) -> None:
        trouble = self.trouble  # the test takes it away at any moment
        if trouble:
            raise trouble


def wait_for(condition: Callable[[], bool]) -> None:
    end_s = time.monotonic() + 10.0
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.002)


def test_open_send_close_once() -> None:
    tape = Tape()
    with tape:
        tape.send(frame(0))
        wait_for(lambda: tape.sent == 1)
        tape.send(frame(1))
    tape.close()
    assert tape.calls == ["open", "send 0", "send 1", "close"]
    assert (tape.sent, tape.failed, tape.skipped) == (2, 0, 0)
    with pytest.raises(RuntimeError, match="opened once"):
        tape.open()


def test_sending_is_refused_before_and_after() -> None:
    tape = Tape()
    tape.close()
    with pytest.raises(RuntimeError, match="not open"):
        tape.send(frame(0))
    with tape:
        pass
    with pytest.raises(RuntimeError, match="not open"):
        tape.send(frame(0))
    assert tape.calls == ["open", "close"]


def test_what_can_never_be_opened_is_refused() -> None:
    tape = Tape()
    tape.trouble = ConfigError("no such place")
    with pytest.raises(ConfigError, match="no such place"):
        tape.open()
    tape.close()
    assert tape.calls == ["open"]


def test_a_slow_output_gets_the_newest_frame_and_nobody_waits() -> None:
    with Tape() as tape:
        tape.go_on.clear()
        tape.send(frame(0))
        wait_for(lambda: not tape._waiting)
        for index in range(1, 100):
            tape.send(frame(index))
        tape.go_on.set()
        wait_for(lambda: tape.sent == 2)
    assert tape.calls[1:3] == ["send 0", "send 99"]
    assert tape.skipped == 98


def test_one_that_fails_is_opened_again_and_says_why_once(caplog: pytest.LogCaptureFixture) -> None:
    with Tape() as tape, caplog.at_level(logging.WARNING):
        tape.trouble = BrokenPipeError("gone")
        tape.send(frame(0))
        wait_for(lambda: tape.state is OutputState.FAILING)
        assert tape.status()["error"] == "gone"
        wait_for(lambda: bool(tape.send(frame(1)) or tape.restarts))  # in vain
        tape.trouble = None
        wait_for(lambda: bool(tape.send(frame(2)) or tape.sent))
        assert (tape.state, tape.error) == (OutputState.PLAYING, "")
    assert tape.calls[:3] == ["open", "send 0", "close"]
    assert tape.calls.count("close") == 2  # once for each time that it was open
    assert [record.message for record in caplog.records] == [
        "tape fails: gone; it is tried again, and the others play on",
        "tape plays again",
    ]


def test_one_that_is_not_there_yet_does_not_stop_the_show() -> None:
    tape = Tape()
    tape.trouble = ConnectionRefusedError("nobody listens")
    with tape:
        assert tape.state is OutputState.FAILING
        tape.trouble = None
        wait_for(lambda: bool(tape.send(frame(0)) or tape.sent))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_mistake_of_ours_is_not_hidden() -> None:
    with Tape() as tape:
        tape.trouble = ValueError("wrong shape")
        tape.send(frame(0))
        wait_for(lambda: tape.state is OutputState.BROKEN)
        tape.send(frame(1))
    assert tape.calls == ["open", "send 0", "close"]


def test_a_fixed_rate_repeats_the_last_frame() -> None:
    with Tape(fps=50.0) as tape:
        tape.send(frame(3))
        wait_for(lambda: tape.sent >= 6)
    assert [shown.flags for shown in tape.frames[:3]] == [Flags.NONE, Flags.REPEATED, Flags.REPEATED]
    assert {shown.index for shown in tape.frames} == {3}
    assert min(after - before for before, after in pairwise(tape.times_s[1:])) > 0.0


def test_a_fixed_rate_leaves_out_what_comes_faster() -> None:
    with Tape(fps=20.0) as tape:
        for index in range(60):
            tape.send(frame(index))
            time.sleep(0.005)
    assert tape.sent < 20
    assert tape.skipped == 0
    indices = [shown.index for shown in tape.frames]
    assert indices == sorted(indices)


def test_an_output_has_a_size_of_its_own() -> None:
    with Tape(shape=Shape(8, 8, "fit")) as tape:
        tape.send(frame(0))
    (shown,) = tape.frames
    assert shown.pixels.shape == (8, 8, 3)
    assert not shown.pixels[0].any()
    assert shown.pixels[4].all()
