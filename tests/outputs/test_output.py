"""The contract of outputs, with a backend that does as it is told."""

import logging

import numpy as np
import pytest

from avserver.frame import Frame
from avserver.outputs.output import Output

FRAME = Frame(pixels=np.zeros((2, 2, 3), np.uint8), index=0, t_s=0.0)


class Tape(Output):
    """Writes down its calls; raises what it is given."""

    def __init__(self) -> None:
        super().__init__("tape")
        self.calls: list[str] = []
        self.error: Exception | None = None

    def _open(self) -> None:
        self.calls.append("open")
        if self.error:
            raise self.error

    def _send(self, frame: Frame) -> None:
        self.calls.append(f"send {frame.index}")
        if self.error:
            raise self.error

    def _close(self) -> None:
        self.calls.append("close")


def test_open_send_close_once() -> None:
    tape = Tape()
    with tape:
        tape.send(FRAME)
        tape.send(FRAME)
    tape.close()
    assert tape.calls == ["open", "send 0", "send 0", "close"]
    assert (tape.sent, tape.failed) == (2, 0)
    with pytest.raises(RuntimeError, match="opened once"):
        tape.open()


def test_sending_is_refused_before_and_after() -> None:
    tape = Tape()
    tape.close()
    with pytest.raises(RuntimeError, match="not open"):
        tape.send(FRAME)
    with tape:
        pass
    with pytest.raises(RuntimeError, match="not open"):
        tape.send(FRAME)
    assert tape.calls == ["open", "close"]


def test_an_output_that_did_not_open_is_not_closed() -> None:
    tape = Tape()
    tape.error = OSError("no room")
    with pytest.raises(OSError, match="no room"):
        tape.open()
    tape.close()
    assert tape.calls == ["open"]


def test_failures_are_counted_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    with Tape() as tape, caplog.at_level(logging.WARNING):
        tape.error = BrokenPipeError("gone")
        for _ in range(5):
            tape.send(FRAME)
        tape.error = None
        tape.send(FRAME)
    assert (tape.sent, tape.failed) == (1, 5)
    assert [record.message for record in caplog.records] == ["tape did not take a frame: gone (more are only counted)"]


def test_a_mistake_of_ours_is_not_hidden() -> None:
    with Tape() as tape:
        tape.error = ValueError("wrong shape")
        with pytest.raises(ValueError, match="wrong shape"):
            tape.send(FRAME)
