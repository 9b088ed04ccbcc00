"""A real server records itself: over OSC, from the start, and into its own sudden end."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from avserver.audio.clicks import clicks
from avserver.audio.wav import write_wav
from avserver.server_process import ServerProcess, free_port
from tests.outputs.films import read_back

FPS = 20


@pytest.fixture
def arguments(tiny_model: Path, tmp_path: Path) -> list[str]:
    write_wav(tmp_path / "song.wav", clicks([0.5 * i for i in range(1, 40)], 20.0))
    show = tmp_path / "show.toml"
    show.write_text(
        '[recording]\nfolder = "films"\n[[output]]\nkind = "mjpeg"\nport = 0\n'
        f'[[output]]\nkind = "stream"\nurl = "udp://127.0.0.1:{free_port()}"\n'
    )
    song = ["--audio", str(tmp_path / "song.wav"), "--loop"]
    return [str(show), "--model", str(tiny_model), "--fps", str(FPS), "--size", "128", *song]


def wait_for(server: ServerProcess, condition: Callable[[dict[str, object]], object]) -> dict[str, object]:
    end_s = time.monotonic() + 20.0
    while True:
        status = server.osc.status(timeout_s=5.0)
        assert status is not None
        if condition(status):
            return status
        assert time.monotonic() < end_s, status
        time.sleep(0.05)


def test_start_stop_start_over_osc(arguments: list[str], tmp_path: Path) -> None:
    with ServerProcess(arguments, log=tmp_path / "log") as server:
        server.wait_until("playing")
        address, reason = server.osc.ask("/record/stop", answer="/fail")
        assert (address, reason) == ("/avserver/record/stop", "nothing is being recorded; /record/start begins")
        for name in ("one.mp4", "two.mkv"):
            server.osc.send("/record/start", name)
            wait_for(server, lambda status: status["record.seconds"] > 1.2)
            server.osc.send("/record/stop")
            wait_for(server, lambda status: status["record.state"] == "idle")
        _, reason = server.osc.ask("/record/start", "one.mp4", answer="/fail")
        assert "exists" in reason
        server.osc.send("/record/start", 1.0)  # a button: pressed, and let go
        server.osc.send("/record/start", 0.0)
        status = wait_for(server, lambda status: status["record.seconds"] > 0.5)
        dated = status["record.path"]
        for output in ("mjpeg", "stream"):
            assert status[f"output.{output}.state"] == "playing"
            assert status[f"output.{output}.sent"] > 20
    for name in ("one.mp4", "two.mkv", dated):
        seen = read_back(tmp_path / "films" / name)
        assert len(seen.numbers) / FPS > 0.3
        assert abs(seen.samples.size / seen.rate_hz - len(seen.numbers) / FPS) < 0.05
    seen = read_back(tmp_path / "films" / "two.mkv")
    assert len(seen.clicks_s) >= 2
    assert seen.clicks_s[1] - seen.clicks_s[0] == pytest.approx(0.5, abs=2e-3)


def test_a_killed_show_leaves_a_film_that_plays(arguments: list[str], tmp_path: Path) -> None:
    path = tmp_path / "show.mp4"
    with ServerProcess([*arguments, "--record", str(path)], log=tmp_path / "log") as server:
        server.wait_until("playing")
        status = wait_for(server, lambda status: status["record.seconds"] > 4.0)
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
    seen = read_back(path)
    for seconds in (len(seen.numbers) / FPS, seen.samples.size / seen.rate_hz):
        # Lost are at most the ten pictures that the encoder looks ahead, and a fragment: half a second and the picture
        # that would have ended it. Half a frame is rounding.
        assert seconds > status["record.seconds"] - 0.5 - 11.5 / FPS
    assert seen.times_s[-1] == pytest.approx((len(seen.numbers) - 1) / FPS, abs=2e-3)


def test_an_existing_file_is_refused_before_anything_starts(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "show.mp4").touch()
    command = [sys.executable, "-m", "avserver", "serve", *arguments, "--no-preview", "--no-oscquery"]
    command += ["--osc-port", "0", "--zeromq", "ipc://*", "--record"]
    for name, reason in (("show.mp4", "exists"), ("show.avi", "ends in .mp4, .mkv, .mov")):
        of_name = [*command, str(tmp_path / name)]
        ended = subprocess.run(of_name, capture_output=True, text=True, timeout=60, check=False)
        assert ended.returncode == 2, ended.stderr
        assert reason in ended.stderr
        assert "Traceback" not in ended.stderr
