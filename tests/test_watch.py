"""`avserver watch` against a real OSC server."""

import io
import json
import os
import pty
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from avserver.control.desk import Desk
from avserver.control.events import EventQueue
from avserver.control.fixed_params import FIXED
from avserver.control.osc import OscServer
from avserver.control.params import ParamTable
from avserver.errors import ConfigError
from avserver.watch import summary, watch


class Show:
    """Answers `/status`; 20 onsets come each second."""

    def __init__(self, port: int = 0) -> None:
        self._start_s = time.monotonic()
        self.queue = EventQueue()
        self.server = OscServer("127.0.0.1", port, self.queue)
        self._desk = Desk(ParamTable(FIXED), self._status)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    @property
    def port(self) -> int:
        return self.server.address[1]

    def _status(self) -> dict[str, str | float | int]:
        return {
            "fps": 29.5,
            "late": 3,
            "dropped": 1,
            "repeated": 4,
            "worker": "playing",
            "restarts": 0,
            "tempo_bpm": 121.7,
            "onsets": int((time.monotonic() - self._start_s) * 20),
            "segment": 2,
            "audio": "demo",
            "t_s": 12.25,
        }

    def _run(self) -> None:
        while not self._stopped.wait(0.005):
            self._desk.apply(self.queue.drain(time.time()))

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()
        self.server.close()


@pytest.fixture
def show() -> Iterator[Show]:
    show = Show()
    yield show
    show.stop()


def run(port: int, *, as_json: bool = False, count: int = 2, interval_s: float = 0.5) -> tuple[int, list[str]]:
    out = io.StringIO()
    code = watch("127.0.0.1", port, json=as_json, count=count, interval_s=interval_s, out=out)
    return code, out.getvalue().splitlines()


def test_one_line_a_look(show: Show) -> None:
    code, [first, second] = run(show.port)
    assert code == 0
    assert first == (
        "playing · 29.5 fps · 3 late · 1 dropped · 4 repeated · 0 restarts · "
        "12.2 s · 121.7 bpm · – onsets/s · segment 2 · demo"
    )
    rate = float(second.split(" onsets/s")[0].split()[-1])
    assert rate == pytest.approx(20, abs=5)


def test_json(show: Show) -> None:
    code, lines = run(show.port, as_json=True)
    assert code == 0
    first, second = map(json.loads, lines)
    assert first["worker"] == "playing"
    assert first["fps"] == 29.5
    assert first["onsets_per_s"] is None
    assert second["onsets_per_s"] == pytest.approx(20, abs=5)


def test_nobody_there_is_said_once(show: Show) -> None:
    show.stop()
    code, [line] = run(show.port, count=3, interval_s=0.01)
    assert code == 1
    assert line == f"nobody answers OSC at 127.0.0.1:{show.port}; is `avserver serve` running there?"
    code, lines = run(show.port, as_json=True, count=1)
    assert code == 1
    assert json.loads(lines[0])["error"].startswith("nobody answers")


def test_it_goes_on_when_the_server_comes(show: Show) -> None:
    show.stop()
    later: list[Show] = []
    timer = threading.Timer(0.5, lambda: later.append(Show(show.port)))
    timer.start()
    code, lines = run(show.port, count=3, interval_s=0.1)
    timer.join()
    later[0].stop()
    assert code == 0
    assert lines[0].startswith("nobody answers")
    assert lines[-1].startswith("playing")


def test_garbage_for_an_answer_is_no_answer() -> None:
    queue = EventQueue()
    server = OscServer("127.0.0.1", 0, queue)
    stopped = threading.Event()

    def answer() -> None:
        while not stopped.wait(0.005):
            for event in queue.drain(time.time()):
                server._socket.sendto(b"/\xff\xfe\xfd\0,", event.sender[1:])  # type: ignore[index]

    thread = threading.Thread(target=answer)
    thread.start()
    code, [line] = run(server.address[1], count=1)
    stopped.set()
    thread.join()
    server.close()
    assert code == 1
    assert line.startswith("nobody answers")


@pytest.mark.parametrize(("host", "port"), [("no.such.host.invalid", 9000), ("127.0.0.1", 99999), ("127.0.0.1", 0)])
def test_an_address_that_cannot_be_is_told(host: str, port: int) -> None:
    with pytest.raises(ConfigError, match=r"^OSC cannot be sent to no\.such|^an OSC port is a number from 1 to 65535"):
        watch(host, port, json=False, count=1, interval_s=0.1, out=io.StringIO())


def test_two_live_lines_on_a_terminal(show: Show) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "avserver", "watch", "--osc-port", str(show.port), "--count", "3"]
    environment = {**os.environ, "COLUMNS": "70"}
    with subprocess.Popen([*command, "--interval", "0.05"], stdout=theirs, env=environment) as process:
        assert process.wait(10) == 0
    os.close(theirs)
    text = os.read(ours, 65536).decode()
    os.close(ours)
    looks = text.split("\x1b[1F\r\x1b[J")
    assert len(looks) == 3
    assert looks[1].splitlines()[0] == "playing · 29.5 fps · 3 late · 1 dropped · 4 repeated · 0 restarts"
    assert all(len(line) < 70 for line in looks[1].splitlines())


def test_the_model_that_is_coming_is_told_and_why_one_could_not_come() -> None:
    _, heard = summary({"model": "a", "next_model": "b", "model_error": ""}, onsets_per_s=None)
    assert heard.endswith("a · then b")
    _, heard = summary({"model": "a", "next_model": "", "model_error": "b: no such file"}, onsets_per_s=None)
    assert heard.endswith("a · b: no such file")


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ({"tempo_source": "audio"}, "120.0 bpm"),
        ({"tempo_source": "link", "link_peers": 2}, "120.0 bpm from Link (2 peers)"),
        ({"tempo_source": "midi", "midi_clock": "free"}, "120.0 bpm from MIDI clock (free)"),
        ({"tempo_source": "tap"}, "120.0 bpm from tap"),
        ({"tempo_source": "manual"}, "120.0 bpm by hand"),
        ({"preset": "calm"}, "preset calm"),
    ],
)
def test_who_gives_the_beat_is_said_and_what_is_played(status: dict[str, object], said: str) -> None:
    _, heard = summary({"tempo_bpm": 120.0, **status}, onsets_per_s=None)
    assert said in heard.split(" · ")


def test_outputs_that_fail_say_why_and_a_recording_how_long_it_is() -> None:
    status = {"output.zeromq.state": "playing", "output.zeromq.error": "", "output.zeromq.sent": 7}
    assert summary(status, onsets_per_s=None)[-1] == "1 of 1 outputs play"
    status |= {"output.wall.left.state": "failing", "output.wall.left.error": "no such host"}
    status |= {"record.state": "recording", "record.seconds": 61.2, "record.bytes": 12_345_678}
    assert summary(status, onsets_per_s=None)[-1] == (
        "1 of 2 outputs play · wall.left is failing: no such host · recording 61 s, 12.3 MB"
    )
    status |= {"record.state": "failed", "record.error": "no space left"}
    assert summary(status, onsets_per_s=None)[-1].endswith(" · recording failed: no space left")
    status |= {"record.state": "idle", "take.state": "recording", "take.seconds": 61.2, "take.bytes": 412_345}
    assert summary(status, onsets_per_s=None)[-1].endswith("no such host · take 61 s, 0.4 MB")
    status["take.state"] = "idle"
    assert summary(status, onsets_per_s=None)[-1] == "1 of 2 outputs play · wall.left is failing: no such host"
