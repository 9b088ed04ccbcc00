"""Songs become films: real songs, the real engine, a real (tiny) model, and films that are read back."""

import io
import math
import multiprocessing
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from avserver.audio.catalogue import open_source
from avserver.audio.clicks import clicks
from avserver.audio.overheard import Overheard
from avserver.audio.wav import write_wav
from avserver.bundled import mapping_path
from avserver.clock import WallClock
from avserver.config import Show, change
from avserver.control.desk import Desk
from avserver.control.events import EventQueue
from avserver.control.mapping import load_patch
from avserver.engine import LiveShow
from avserver.engine_room import build_engine
from avserver.errors import AudioError, ConfigError, RenderError
from avserver.generator.relay import Relay
from avserver.interruption import first_signal
from avserver.meter import Meter
from avserver.offline.rendering import Rendered, Rendering, render
from avserver.offline.song_show import SongShow
from avserver.offline.studio import Studio
from avserver.outputs.publisher import Publisher
from avserver.repertoire import Repertoire
from tests.outputs.films import read_back
from tests.test_engine import Notebook

FPS = 25
LENGTH_S = 4.03
# Anywhere between two ticks; but onsets are placed up to 8 ms early, so that none is just behind one.
CLICKS_S = (1.025, 1.66, 2.39, 3.22)
# The model's pictures are dark; without a flash they are black.
BRIGHT = 10
FLASH = """
[[choir]]
name = "all"
follows = "segment"
layers = [0.0, 1.0]
seeds = [1, 2]

[[modulate]]
from = "mix.full.decay"
to = "/output/opacity"
range = [0.0, 1.0]
sigma_s = 0.05
radius_s = 0.2
"""


@pytest.fixture
def song(tmp_path: Path) -> Path:
    path = tmp_path / "song.wav"
    write_wav(path, clicks(CLICKS_S, LENGTH_S))
    return path


@pytest.fixture
def show(tiny_model: Path, tmp_path: Path) -> Show:
    (tmp_path / "flash.toml").write_text(FLASH)
    show = change(Show(), "model", path=str(tiny_model))
    show = change(show, "mapping", path=str(tmp_path / "flash.toml"))
    show = change(show, "presets", path=str(tmp_path / "presets"))
    return change(show, "frame", fps=float(FPS), width_px=64, height_px=48)


def rendered(song: Path, show: Show, output: Path, **more: object) -> Rendered:
    return render(Rendering(song=str(song), output=output, show=show, **more), io.StringIO())


def pictures(path: Path) -> np.ndarray:
    with av.open(str(path)) as film:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)])


@pytest.mark.parametrize(("name", "from_s"), [("film.mp4", 0.0), ("film.mov", 0.52)])
def test_pictures_and_clicks_are_together_in_a_film_as_long_as_its_song(
    song: Path, show: Show, tmp_path: Path, name: str, from_s: float
) -> None:
    done = rendered(song, show, tmp_path / name, from_s=from_s)
    first = round(from_s * FPS)
    count = round(LENGTH_S * FPS) - first
    assert (done.frames, done.asked, done.bad_packets, done.complete) == (count, count, 0, True)
    seen = read_back(tmp_path / name)
    assert seen.times_s == pytest.approx(np.arange(count) / FPS, abs=1e-3)
    assert seen.samples.size / seen.rate_hz == pytest.approx(count / FPS, abs=0.03)
    assert seen.clicks_s == pytest.approx([click - from_s for click in CLICKS_S], abs=2e-3)
    bright = pictures(tmp_path / name).mean(axis=(1, 2, 3)) > BRIGHT
    flashes = np.flatnonzero(bright & ~np.roll(bright, 1))
    # The first frame after a click shows it.
    assert list(flashes + first) == [math.ceil(click * FPS) for click in CLICKS_S]


def test_a_film_is_the_same_twice_and_a_still_is_one_of_its_frames(song: Path, show: Show, tmp_path: Path) -> None:
    show = change(show, "mapping", path="default")

    def drawn() -> list[bytes]:
        wide = show.model.wide
        with SongShow(str(song), show) as played, Studio(played.size, wide=wide) as studio:
            return [frame.pixels.tobytes() for frame in studio.frames(played.shots())]

    frames = drawn()
    assert frames == drawn()
    assert len(set(frames)) > 90
    rendered(song, show, tmp_path / "still.png", still_s=2.41)
    with Image.open(tmp_path / "still.png") as still:
        assert np.asarray(still).tobytes() == frames[60]


def test_live_like_specs_are_those_of_a_live_show_of_the_same_song(song: Path, show: Show) -> None:
    show = change(show, "mapping", path="default")
    with SongShow(str(song), show, live_like=True) as offline:
        expected = [shot.spec for shot in offline.shots()]
    models, patch = Repertoire([show.model.path]), load_patch(mapping_path("default"))
    table, notebook = patch.param_table(models.names), Notebook()
    with Overheard(open_source(str(song))) as source:
        LiveShow(
            engine=build_engine(
                source=source, patch=patch, table=table, queue=EventQueue(), desk=Desk(table, dict), meter=Meter()
            ),
            clock=WallClock(FPS),
            relay=Relay(lambda role: notebook),
            casting=models.role,
            publisher=Publisher([], fps=FPS, width_px=8, height_px=8),
            meter=Meter(),
        ).play(lambda: False, duration_s=3.0)
    # A tick that a loaded machine skipped moves what comes after it; up to there all must be equal.
    unbroken = next((i for i, spec in enumerate(notebook.specs) if spec.index != i), len(notebook.specs))
    assert unbroken > 1.2 * FPS
    assert notebook.specs[:unbroken] == expected[:unbroken]


def test_a_film_has_the_shape_and_the_sound_that_recordings_have(song: Path, show: Show, tmp_path: Path) -> None:
    show = change(show, "recording", width_px=96, height_px=96, fit="fit", sound=False)
    rendered(song, show, tmp_path / "film.mp4", from_s=1.04, to_s=1.2)
    with av.open(str(tmp_path / "film.mp4")) as film:
        assert not film.streams.audio
    found = pictures(tmp_path / "film.mp4")
    assert found.shape == (4, 96, 96, 3)
    assert found[0, 30:60].mean() > BRIGHT
    assert found[0, :8].max() < BRIGHT  # a bar


def test_what_cannot_be_is_refused_before_anything_is_written(song: Path, show: Show, tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_bytes(b"dear")
    for error, sentence, output, more in (
        (ConfigError, "exists; --force writes over it", "film.mp4", {}),
        (ConfigError, "ends in .mp4, .mkv, .mov", "film.avi", {}),
        (ConfigError, "ProRes goes into .mov", "new.mp4", {"codec": "prores"}),
        (ConfigError, "ends in .jpg or .png", "film.mp4", {"still_s": 1.0}),
        (ConfigError, "without --from, --to, --loop and --resume", "new.png", {"still_s": 1.0, "from_s": 1.0}),
        (ConfigError, "the song lasts 4.040 s, got --still 5", "new.png", {"still_s": 5.0}),
        (ConfigError, "--from is a number of seconds from 0 on, got -1", "new.mp4", {"from_s": -1.0}),
        (ConfigError, "--to is a number of seconds from 0 on, got nan", "new.mp4", {"to_s": math.nan}),
        (ConfigError, "ends after it begins at 2 s, got --to 1", "new.mp4", {"from_s": 2.0, "to_s": 1.0}),
    ):
        with pytest.raises(error, match=sentence):
            rendered(song, show, tmp_path / output, **more)
    with pytest.raises(AudioError, match="cannot play"):
        rendered(tmp_path / "flash.toml", show, tmp_path / "film.mp4", force=True)
    assert {path.suffix for path in tmp_path.iterdir()} == {".wav", ".toml", ".mp4"}
    assert (tmp_path / "film.mp4").read_bytes() == b"dear"


class Assassin(io.StringIO):
    """A terminal; when it is told how far the film is, it ends the worker."""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        for worker in multiprocessing.active_children():
            worker.kill()
        return super().write(text)


def test_a_film_whose_worker_dies_plays_up_to_there(song: Path, show: Show, tmp_path: Path) -> None:
    path, terminal = tmp_path / "film.mp4", Assassin()
    with pytest.raises(
        RenderError, match=r"film.mp4 ends after \d+ frames: the render worker ended \(killed by SIGKILL"
    ):
        render(Rendering(song=str(song), output=path, show=show), terminal)
    seen = read_back(path)
    assert 1 <= len(seen.numbers) < round(LENGTH_S * FPS)
    assert seen.samples.size / seen.rate_hz == pytest.approx(len(seen.numbers) / FPS, abs=0.03)
    assert "frames a second" in terminal.getvalue()


def test_a_mistake_is_one_sentence_and_ctrl_c_leaves_a_film_that_plays(tiny_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    command = [sys.executable, "-m", "avserver", "render", "demo", "-o", str(path), "--model", str(tiny_model)]
    # Large enough to take its time.
    process = subprocess.Popen([*command, "--size", "1280x720", "--fps", "60"], stdout=subprocess.PIPE)
    end_s = time.monotonic() + 240
    while not path.exists() or path.stat().st_size < 10_000:
        assert time.monotonic() < end_s
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=240)
    assert process.returncode == 130
    seen = read_back(path)
    assert said.decode().startswith(f"{path}: stopped after {len(seen.numbers)} of 3462 frames, ")
    assert seen.samples.size / seen.rate_hz == pytest.approx(len(seen.numbers) / 60, abs=0.05)
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (again.returncode, again.stderr) == (
        2,
        f"avserver: {path} exists and is not complete; --resume goes on with it, --force writes over it\n",
    )


def test_a_second_signal_does_not_wait() -> None:
    with first_signal(signal.SIGINT) as asked:
        signal.raise_signal(signal.SIGINT)
        assert asked()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
