"""Takes are begun and ended while a show plays, whatever disks do; a real server keeps them, to its sudden end."""

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import zmq

from avserver.audio.overheard import Overheard
from avserver.audio.source import SilentSource
from avserver.config import Show, built_in_show
from avserver.control.recording import take_commands
from avserver.errors import ConfigError, ParamError
from avserver.frame import Flags, FrameHeader
from avserver.offline.studio import Studio
from avserver.offline.take_show import TakeShow
from avserver.server_process import ServerProcess
from avserver.take import recorder as recorder_module
from avserver.take.decision import Decision
from avserver.take.facts import as_it_was, facts_of
from avserver.take.reader import Take
from avserver.take.recorder import TakeRecorder
from avserver.take.settings import TakeSettings
from avserver.take.sound import TakeSound
from tests.take.kept import TAKE
from tests.take.performing import SIZE, decisions, settings


@pytest.fixture(scope="module")
def made(tiny_model: Path) -> list[Decision]:
    return list(decisions(settings(tiny_model), 1.5))


def recorder(folder: Path, **more: object) -> TakeRecorder:
    return TakeRecorder(
        TakeSettings(folder=str(folder), **more),
        Overheard(SilentSource()),
        facts_of(settings("default"), SIZE, 44_100),
        now=lambda: datetime(2026, 11, 23, 22, 15, 3, tzinfo=UTC),
    )


def wait_for(condition: Callable[[], object]) -> None:
    end_s = time.monotonic() + 100
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.01)


def test_takes_are_begun_and_ended_one_after_the_other(made: list[Decision], tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "takes"
    with recorder(folder) as takes:
        assert (takes.watching, takes.status()["take.state"]) == (False, "idle")
        takes.saw(made[0])  # nobody asked
        for name in ("one", "two.take", ""):
            path = takes.start(name)
            with pytest.raises(ConfigError, match="is being written; /take/stop ends it"):
                takes.start()
            for decision in made[:20]:
                takes.saw(decision)
            wait_for(lambda: takes.status()["take.seconds"] == 1.0)
            status = takes.status()
            assert (status["take.state"], status["take.path"], status["take.lost"]) == ("recording", str(path), 0)
            assert status["take.bytes"] == path.stat().st_size
            takes.stop()
            takes.saw(made[20])  # nobody asked any more
            wait_for(lambda: takes.status()["take.state"] == "idle")
        for name, reason in (("one", "exists"), ("../x", "takes lie in"), ("/x", "takes lie in"), ("x.mp4", r"\.take")):
            with pytest.raises(ConfigError, match=reason):
                takes.start(name)
        with pytest.raises(ConfigError, match="no take is being written"):
            takes.stop()
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["2026-11-23_22-15-03.take", "one.take", "two.take"]
    for name in names:
        take = Take(folder / name)
        assert (take.ticks, take.ended, take.lost) == (20, True, 0)
        assert [moment.spec for moment in take.moments()] == [decision.spec for decision in made[:20]]


def test_what_the_thread_cannot_follow_is_left_out_counted_and_said(
    made: list[Decision], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "_WAITING", 5)
    takes = recorder(tmp_path)
    takes.start("a")
    for decision in made[:10]:  # nobody writes yet
        takes.saw(decision)
    takes.__enter__()
    wait_for(lambda: takes.status()["take.seconds"])
    assert takes.status()["take.lost"] == 6
    takes.saw(made[20])
    takes.__exit__()
    take = Take(tmp_path / "a.take")
    assert (take.lost, take.last) == (6, 20)
    assert [moment.index for moment in take.moments()] == [0, 1, 2, 3, 20]


def test_a_full_disk_ends_the_take_and_nothing_else(
    made: list[Decision], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with recorder(tmp_path) as takes:
        takes.start("full")
        takes.saw(made[0])
        wait_for(lambda: takes.status()["take.bytes"])
        resource.setrlimit(resource.RLIMIT_FSIZE, (takes.status()["take.bytes"] + 500, limits[1]))
        try:
            for decision in made[1:]:
                takes.saw(decision)
            wait_for(lambda: takes.status()["take.state"] == "failed")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            signal.signal(signal.SIGXFSZ, handler)
        assert takes.status()["take.error"] == "File too large"
        assert not takes.watching
        takes.saw(made[1])
        takes.start("next")
        takes.saw(made[2])
        wait_for(lambda: takes.status()["take.seconds"])
    assert Take(tmp_path / "next.take").ended
    full = Take(tmp_path / "full.take")
    assert (full.ended, full.ticks) == (False, 1)
    assert [record.message.split(":")[1] for record in caplog.records if record.levelname == "ERROR"] == [
        " File too large; what was written stays, and the show goes on"
    ]


def test_a_folder_that_cannot_be_made_is_said(made: list[Decision], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with recorder(tmp_path / "file" / "folder") as takes:
        takes.start("a")
        takes.saw(made[0])
        wait_for(lambda: takes.status()["take.state"] == "failed")
        assert takes.status()["take.error"] == "Not a directory"


def test_buttons_and_names_begin_and_end_takes() -> None:
    class Asked:
        said: list[str] = []  # noqa: RUF012

        def start(self, name: str = "") -> None:
            self.said.append(f"start {name}")

        def stop(self) -> None:
            self.said.append("stop")

    asked = Asked()
    commands = take_commands(asked)
    for address, arguments in (
        ("/take/start", ("friday",)),
        ("/take/start", (1.0,)),
        ("/take/start", (0.0,)),
        ("/take/stop", ()),
    ):
        commands[address].run(arguments)
    assert asked.said == ["start friday", "start ", "stop"]
    with pytest.raises(ParamError, match="/take/stop takes nothing"):
        commands["/take/stop"].run(("x", 2))


def test_takes_lie_beside_where_a_show_without_a_file_is_started() -> None:
    assert built_in_show().take.folder == str(Path.cwd() / "takes")


# To listen takes most of a show's time, which a loaded machine may not have.
LIGHT = ["--audio", "osc", "--fps", "15"]


def status_of(server: ServerProcess) -> dict[str, object]:
    status = server.osc.status(timeout_s=60.0)
    assert status is not None
    return status


def test_a_killed_show_leaves_a_take_up_to_its_last_second(tiny_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "show.take"
    arguments = [*LIGHT, "--model", str(tiny_model), "--size", "64", "--take", str(path)]
    with ServerProcess(arguments, log=tmp_path / "log") as server:
        server.wait_for_osc(60.0)
        wait_for(lambda: status_of(server)["take.seconds"] > 3.0)
        status = status_of(server)
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
    take = Take(path)
    assert (take.ended, take.songs) == (False, [])
    with TakeSound(take) as sound:
        assert sound.read(take.ticks / 15).size == pytest.approx(take.ticks / 15 * 44_100, abs=1)
        assert sound.bad_packets == 0
    # What was told to be written is: the file is half a second behind the show, if the machine keeps up with it.
    assert take.ticks / 15 > status["take.seconds"] - 0.01  # it is rounded
    assert [moment.index for moment in take.moments()][-1] == take.last
    assert path.stat().st_size >= status["take.bytes"]


@contextmanager
def watching(address: str) -> Iterator[dict[int, npt.NDArray[np.uint8]]]:
    """Collect what a server shows, by tick; what is sent again is left out."""
    seen: dict[int, npt.NDArray[np.uint8]] = {}
    done = threading.Event()

    def watch() -> None:
        with zmq.Context() as context, context.socket(zmq.SUB) as sub:
            sub.subscribe(b"AVSF")
            sub.connect(address)
            while not done.is_set():
                if sub.poll(100):
                    message = sub.recv()
                    header = FrameHeader.unpack(message[:64])
                    if header.flags == Flags.NONE:
                        pixels = np.frombuffer(message[64:], np.uint8)
                        seen[header.index] = pixels.reshape(header.height_px, header.width_px, 3)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


@pytest.mark.slow
def test_a_server_keeps_takes_over_osc_that_become_the_same_frames(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "show.toml").write_text('[take]\nfolder = "kept"\n')
    arguments = [str(tmp_path / "show.toml"), *LIGHT, "--model", str(tiny_model)]
    with ServerProcess(arguments, log=tmp_path / "log") as server, watching(server.zeromq) as seen:
        server.wait_until("playing", timeout_s=170)
        server.osc.send("/take/start", "a")
        wait_for(lambda: status_of(server)["take.seconds"] > 0.5)
        known = len(seen)
        wait_for(lambda: len(seen) > known + 5 and status_of(server)["take.seconds"] > 2.0)
        server.osc.send("/take/stop")
        wait_for(lambda: status_of(server)["take.state"] == "idle")
        _, reason = server.osc.ask("/take/start", "a", answer="/fail", timeout_s=60.0)
        assert "a.take exists; choose another, or allow overwrite in [take]" in reason
    path = tmp_path / "kept" / "a.take"
    take = Take(path)
    assert (take.ended, take.fps, take.size) == (True, 15.0, (16, 16))
    # The film has, to the bit, what was seen at the ticks that were drawn in time.
    with TakeShow(path, as_it_was(Show(), take)) as show, Studio(show.size, wide=take.settings["wide"]) as studio:
        film = {take.first + frame.index: frame.pixels for frame in studio.frames(show.shots())}
    both = sorted(film.keys() & seen.keys())
    assert len(both) >= 3
    for index in both:
        assert np.array_equal(film[index], seen[index]), index


@pytest.mark.slow
def test_a_server_replays_a_take_with_the_knobs_in_our_hands(tiny_model: Path, tmp_path: Path) -> None:
    arguments = ["--replay", str(TAKE), "--loop", "--model", str(tiny_model), "--size", "16"]
    with ServerProcess(arguments, log=tmp_path / "log") as server:
        server.wait_until("playing", timeout_s=170)
        wait_for(lambda: status_of(server)["frames"] > 3)
        server.osc.send("/grade/contrast", 0.25)
        wait_for(lambda: status_of(server)["replay.turned"] == "/grade/contrast")
        status = status_of(server)
        assert (status["audio"], status["model"], status["replay.length_s"]) == (str(TAKE), "tiny.safetensors", 2.0)
        server.osc.send("/panic", 1)
        wait_for(lambda: status_of(server)["replay.turned"] == "")
        assert f"listening to  {TAKE} (a take)" in server.printed
        assert "16x16 px" in server.printed


def test_a_take_that_cannot_be_replayed_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "b.take").write_text("rubbish")
    for arguments, sentence in (
        (["--replay", str(TAKE), "--audio", "demo"], "a take brings its own sound: --replay goes without --audio"),
        (["--replay", str(tmp_path / "b.take")], f"{tmp_path / 'b.take'} is no take: it begins with b'rubbish'"),
        (["--replay", "none.take"], "cannot read none.take: No such file or directory"),
        (["--take", "show.mp4", "--audio", "none"], "a take's name ends in .take, got 'show.mp4'"),
    ):
        command = [sys.executable, "-m", "avserver", "serve", *arguments, "--no-preview", "--no-oscquery"]
        command += ["--osc-port", "0", "--zeromq", "ipc://*"]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (ended.returncode, ended.stderr) == (2, f"avserver: {sentence}\n")
