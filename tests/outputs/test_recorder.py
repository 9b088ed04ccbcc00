"""Recordings that begin and end while a show plays."""

import resource
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from avserver.errors import ConfigError
from avserver.frame import Flags
from avserver.outputs.output import OutputState
from avserver.outputs.settings import RecordingSettings
from avserver.outputs.video.encoding import RECORDING
from avserver.outputs.video.film import works
from avserver.outputs.video.recorder import Recorder
from tests.outputs.films import FPS, Played, marked, read_back


def wait_for(condition: Callable[[], object]) -> None:
    end_s = time.monotonic() + 10.0
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.002)


@contextmanager
def recorder(tmp_path: Path, show: Played, **settings: object) -> Iterator[Recorder]:
    of = RecordingSettings(folder=str(tmp_path), **settings)
    now = datetime(2026, 11, 23, 22, 15, 3, tzinfo=UTC)
    with Recorder(of, show.sound, fps=FPS, now=lambda: now) as recorder:
        yield recorder


def play(recorder: Recorder, show: Played, count: int) -> None:
    """Send frames as fast as they are recorded."""
    for _ in range(count):
        recorder.send(show.next())
        wait_for(lambda: not recorder._waiting)


def state(recorder: Recorder) -> str:
    return str(recorder.recording()["record.state"])


def test_start_stop_start(tmp_path: Path) -> None:
    show = Played((2.0,))
    with recorder(tmp_path, show) as recorded:
        play(recorded, show, 10)
        assert (state(recorded), recorded.recording()["record.path"]) == ("idle", "")
        first = recorded.start("first.mkv")
        play(recorded, show, 20)
        assert state(recorded) == "recording"
        with pytest.raises(ConfigError, match=r"first\.mkv is being recorded"):
            recorded.start()
        recorded.stop()
        second = recorded.start()
        play(recorded, show, 50)
        wait_for(lambda: recorded.recording()["record.bytes"])
        assert recorded.recording()["record.path"] == str(second)
        recorded.stop()
        with pytest.raises(ConfigError, match="nothing is being recorded"):
            recorded.stop()
        play(recorded, show, 1)
        wait_for(lambda: state(recorded) == "idle")
        figures = recorded.recording()
    assert second.name == "2026-11-23_22-15-03.mp4"
    assert (read_back(first).numbers, read_back(second).numbers) == (list(range(10, 30)), list(range(30, 80)))
    assert np.allclose(read_back(second).clicks_s, [1.0], atol=2e-3)
    assert figures["record.seconds"] == pytest.approx(50 / FPS, abs=1e-3)
    # The file is made an ordinary one at its end, which overwrites some bytes of it.
    assert figures["record.bytes"] == pytest.approx(second.stat().st_size, rel=0.05)
    assert (figures["record.dropped"], figures["record.repeated"], figures["record.error"]) == (0, 0, "")


def test_a_frozen_picture_is_recorded_too(tmp_path: Path) -> None:
    show = Played()
    with recorder(tmp_path, show) as recorded:
        play(recorded, show, 10)
        path = recorded.start("frozen.mkv")
        for _ in range(60):
            last = show.next()
            recorded.send(marked(9, flags=Flags.REPEATED))
            wait_for(lambda: not recorded._waiting)
        play(recorded, show, 5)
    numbers = read_back(path).numbers
    assert numbers == [*[9] * (len(numbers) - 5), *range(last.index + 1, last.index + 6)]
    assert len(numbers) > 60


def test_the_end_of_the_show_completes_the_file(tmp_path: Path) -> None:
    show = Played()
    with recorder(tmp_path, show, path=str(tmp_path / "show.mov")) as recorded:
        for _ in range(20):
            recorded.send(show.next())
    assert read_back(tmp_path / "show.mov").numbers == list(range(20))
    assert recorded.state is OutputState.CLOSED


def test_a_file_that_exists_is_refused_unless_it_may_be_overwritten(tmp_path: Path) -> None:
    path, show = tmp_path / "show.mkv", Played()
    path.write_bytes(b"precious")
    with recorder(tmp_path, show) as recorded:
        with pytest.raises(ConfigError, match="exists"):
            recorded.start("show.mkv")
        play(recorded, show, 1)
    with pytest.raises(ConfigError, match="exists"), recorder(tmp_path, show, path=str(path)):
        pass
    assert path.read_bytes() == b"precious"
    with recorder(tmp_path, show, path=str(path), overwrite=True) as recorded:
        play(recorded, show, 5)
    assert len(read_back(path).numbers) == 5


@pytest.mark.parametrize("name", ["show.avi", "show", "../show.mkv", "/tmp/show.mkv"])
def test_names_that_are_not_allowed(name: str, tmp_path: Path) -> None:
    show = Played()
    with recorder(tmp_path / "deep", show) as recorded:
        with pytest.raises(ConfigError):
            recorded.start(name)
        assert state(recorded) == "idle"


def test_a_second_recording_of_the_same_second_has_a_name_of_its_own(tmp_path: Path) -> None:
    show = Played()
    with recorder(tmp_path, show, container="mkv") as recorded:
        names = []
        for _ in range(2):
            names.append(recorded.start().name)
            play(recorded, show, 3)
            recorded.stop()
            play(recorded, show, 1)
    assert names == ["2026-11-23_22-15-03.mkv", "2026-11-23_22-15-03_2.mkv"]


@pytest.mark.parametrize("name", ["full.mkv", "full.mp4"])
def test_a_full_disk_ends_the_recording_and_nothing_else(name: str, tmp_path: Path) -> None:
    show = Played()
    rng = np.random.default_rng(0)
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with recorder(tmp_path, show) as recorded:
        recorded.start(name)
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, limits[1]))
        try:
            for _ in range(300):
                frame = show.next()
                frame.pixels[64:] = rng.integers(0, 256, (64, 128, 3))
                recorded.send(frame)
                wait_for(lambda: not recorded._waiting)
                if state(recorded) == "failed":
                    break
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            signal.signal(signal.SIGXFSZ, handler)
        figures = recorded.recording()
        assert (figures["record.state"], figures["record.error"]) == ("failed", "File too large")
        assert recorded.state is OutputState.PLAYING
        recorded.start("next.mkv")
        play(recorded, show, 10)
    assert len(read_back(tmp_path / name).numbers) > 5, "what was written stays"
    assert len(read_back(tmp_path / "next.mkv").numbers) == 10


def test_an_encoder_that_this_machine_lacks(tmp_path: Path) -> None:
    if works(RECORDING["hevc_nvenc"]):
        pytest.skip("this machine has it")
    show = Played()
    with recorder(tmp_path, show, codec="hevc_nvenc") as recorded:
        recorded.start("show.mp4")
        play(recorded, show, 1)
        wait_for(lambda: state(recorded) == "failed")
        assert "choose another codec" in str(recorded.recording()["record.error"])
        assert not list(tmp_path.iterdir())
        assert recorded.state is OutputState.PLAYING


def test_what_is_too_fast_is_counted_and_made_good(tmp_path: Path) -> None:
    show = Played((5.0,))
    frames = [show.next() for _ in range(200)]
    with recorder(tmp_path, show, codec="hevc") as recorded:
        recorded.start("fast.mkv")
        recorded.send(frames[0])
        wait_for(lambda: recorded.recording()["record.seconds"])
        for frame in frames[1:]:  # far more than DEPTH, at once
            recorded.send(frame)
        wait_for(lambda: not recorded._waiting)
    figures, seen = recorded.recording(), read_back(tmp_path / "fast.mkv")
    assert figures["record.dropped"] > 100
    assert figures["record.dropped"] == figures["record.repeated"]
    assert (len(seen.numbers), seen.numbers[0], seen.numbers[-1]) == (200, 0, 199)
    assert np.allclose(seen.clicks_s, [5.0], atol=2e-3)


def test_the_show_never_waits(tmp_path: Path) -> None:
    show = Played()
    held = threading.Event()
    with recorder(tmp_path, show) as recorded:
        recorded._obey = lambda *_, **__: held.wait()
        for index in range(1000):  # for ever, if it waited
            recorded.send(marked(index))
        assert len(recorded._waiting) == Recorder.DEPTH
        held.set()
