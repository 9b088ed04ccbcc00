"""Films that are written and read back: every picture at its time, sound with it, the right colours."""

import math
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from avserver.audio.clicks import clicks
from avserver.errors import ConfigError
from avserver.frame import Flags
from avserver.outputs.video.encoding import CONTAINERS, SOUND_RATE_HZ, Encoder, FilmForm, form_of_file, threads_for
from avserver.outputs.video.film import Film, FilmFile
from avserver.outputs.video.stretch import Stretch, exact_rate
from tests.outputs.films import FPS, SIZE_PX, Played, marked, read_back

KINDS = (("film.mp4", "auto"), ("film.mkv", "auto"), ("film.mov", "auto"), ("film.mp4", "hevc"))


def film_at(path: Path, codec: str = "auto", *, fps: float = FPS, size: tuple[int, int] = (SIZE_PX, SIZE_PX)) -> Film:
    form = form_of_file(path, codec, 20)
    return Film(FilmFile(path), form, width_px=size[0], height_px=size[1], fps=exact_rate(fps), sound=True)


def take_of(path: Path, show: Played, count: int, *, codec: str = "auto", fps: float = FPS, skip: int = 0) -> None:
    frames = [show.next() for _ in range(count)][skip:]
    stretch = Stretch(film_at(path, codec, fps=fps), show.sound, frames[0])
    for frame in frames:
        stretch.add(frame)
    stretch.finish()


@pytest.mark.parametrize(("name", "codec"), KINDS)
def test_every_picture_is_there_and_clicks_and_flashes_fall_together(name: str, codec: str, tmp_path: Path) -> None:
    click_times_s = (0.71, 1.43, 2.02)
    # The show has played for a second when the film begins, and the sound of that moment has been read before.
    take_of(tmp_path / name, Played(click_times_s, rate_hz=48_000), 80, codec=codec, skip=12)
    seen = read_back(tmp_path / name)
    assert seen.numbers == list(range(12, 80))
    assert np.allclose(seen.times_s, np.arange(68) / FPS, atol=1e-3)
    assert np.allclose(seen.clicks_s, np.subtract(click_times_s, 12 / FPS), atol=2e-3)
    late_s = np.subtract(seen.flashes_s, seen.clicks_s)
    assert late_s.min() > -2e-3
    assert late_s.max() < 1 / FPS
    assert abs(len(seen.samples) / seen.rate_hz - 68 / FPS) < 0.03


def test_sound_of_another_rate_is_in_time_as_well(tmp_path: Path) -> None:
    take_of(tmp_path / "film.mkv", Played((0.5, 1.5), rate_hz=44_100), 60)
    assert np.allclose(read_back(tmp_path / "film.mkv").clicks_s, (0.5, 1.5), atol=2e-3)


@pytest.mark.parametrize("name", ["film.mkv", "film.mov"])
def test_repeated_pictures_fill_the_places_of_those_that_are_missing(name: str, tmp_path: Path) -> None:
    show = Played((1.0,))
    frames = [show.next() for _ in range(60)]
    stretch = Stretch(film_at(tmp_path / name), show.sound, frames[0])
    repeated = [stretch.add(frame) for frame in frames if frame.index < 10 or frame.index >= 40]
    stretch.finish()
    seen = read_back(tmp_path / name)
    assert seen.numbers == [*range(10), *[9] * 30, *range(40, 60)]
    assert sum(repeated) == 30
    assert np.allclose(seen.clicks_s, [1.0], atol=2e-3)


def test_while_no_picture_is_drawn_the_film_goes_on(tmp_path: Path) -> None:
    show = Played()
    frames = [show.next() for _ in range(90)]
    stretch = Stretch(film_at(tmp_path / "film.mkv"), show.sound, frames[0])
    for frame in frames[:10]:
        stretch.add(frame)
    # The sound is at three seconds: two of them are certain to have no other picture.
    stretch.add(marked(9, flags=Flags.REPEATED))
    assert stretch.seconds == pytest.approx(2.1, abs=0.05)
    for frame in frames[80:]:
        stretch.add(frame)
    stretch.finish()
    assert read_back(tmp_path / "film.mkv").numbers == [*range(10), *[9] * 70, *range(80, 90)]


@pytest.mark.parametrize(("name", "filled"), [("film.mp4", 0), ("film.mkv", 0), ("film.mov", 390)])
def test_what_is_missing_for_long_is_not_encoded_and_all_else_keeps_its_time(
    name: str, filled: int, tmp_path: Path
) -> None:
    show = Played((14.0,))
    stretch = None
    for index in range(430):  # 13 of its 14 s are missing
        frame = show.next()
        stretch = stretch or Stretch(film_at(tmp_path / name), show.sound, frame)
        if index < 10 or index >= 400:
            stretch.add(frame)
    assert stretch is not None
    stretch.finish()
    seen = read_back(tmp_path / name)
    assert seen.numbers == [*range(10), *[9] * filled, *[index % 256 for index in range(400, 430)]]
    assert seen.times_s[10:] == pytest.approx(np.arange(10 if filled else 400, 430) / FPS, abs=1e-3)
    assert np.allclose(seen.clicks_s, [14.0], atol=2e-3)
    assert np.allclose(seen.flashes_s, [421 / FPS], atol=1 / FPS)


def test_a_film_has_a_rate_of_its_own(tmp_path: Path) -> None:
    take_of(tmp_path / "half.mkv", Played(), 40, fps=15)
    take_of(tmp_path / "double.mkv", Played(), 10, fps=60)
    assert read_back(tmp_path / "half.mkv").numbers == list(range(0, 40, 2))
    assert read_back(tmp_path / "double.mkv").numbers == [index // 2 for index in range(19)]
    assert exact_rate(30000 / 1001) == Fraction(30000, 1001)


@pytest.mark.parametrize("name", ["film.mp4", "film.mov"])
def test_colours_are_true_and_odd_sizes_lose_a_row_and_a_column(name: str, tmp_path: Path) -> None:
    film = film_at(tmp_path / name, size=(129, 97))
    colour = (200, 60, 30)
    for _ in range(5):
        film.add_picture(np.full((97, 129, 3), colour, np.uint8))
    film.finish()
    with av.open(str(tmp_path / name)) as back:
        frame = next(back.decode(video=0))
    assert (frame.width, frame.height) == (128, 96)
    assert frame.colorspace == 1, "BT.709"
    assert np.allclose(frame.to_ndarray(format="rgb24").mean(axis=(0, 1)), colour, atol=4)


_KILLED = """
import os, signal, sys
from pathlib import Path
from avserver.outputs.video.stretch import Stretch
from tests.outputs.films import Played
from tests.outputs.test_film import film_at
show = Played((1.5,))
frame = show.next()
stretch = Stretch(film_at(Path(sys.argv[1])), show.sound, frame)
for _ in range(100):
    stretch.add(frame)
    frame = show.next()
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv", "film.mov"])
def test_a_film_whose_process_is_killed_plays_up_to_the_last_second(name: str, tmp_path: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", _KILLED, str(tmp_path / name)], check=False)
    assert ended.returncode == -signal.SIGKILL
    seen = read_back(tmp_path / name)
    assert 100 - 0.6 * FPS <= len(seen.numbers) < 100
    assert seen.numbers == list(range(len(seen.numbers)))
    assert np.allclose(seen.clicks_s, [1.5], atol=2e-3)
    assert seen.samples.size / seen.rate_hz > 100 / FPS - 1.0


def test_what_cannot_be_a_film_is_refused(tmp_path: Path) -> None:
    for name, codec in (("film.avi", "auto"), ("film", "auto"), ("film.mp4", "h265"), ("film.mp4", "prores")):
        with pytest.raises(ConfigError):
            form_of_file(tmp_path / name, codec, 20)
    unknown = FilmForm(container=CONTAINERS[".mkv"], encoder=Encoder("of_another_build", {}))
    with pytest.raises(ConfigError, match="of_another_build cannot encode"):
        Film(FilmFile(tmp_path / "a.mkv"), unknown, width_px=64, height_px=64, fps=Fraction(30), sound=True)
    (tmp_path / "film.mp4").touch()
    with pytest.raises(FileExistsError):
        film_at(tmp_path / "film.mp4")


def test_threads_grow_with_the_picture() -> None:
    assert [threads_for(*size, 30) for size in ((128, 128), (1280, 720), (1920, 1080), (7680, 4320))] == [1, 1, 3, 8]


def test_a_click_and_its_picture_are_together_at_the_end_of_ten_minutes(tmp_path: Path) -> None:
    # A rate that neither the times of files nor samples can be counted by.
    fps, click_s, rate_hz = Fraction(12_000, 1001), 599.31, SOUND_RATE_HZ
    path, size = tmp_path / "film.mp4", (64, 48)
    film = Film(
        FilmFile(path), form_of_file(path, "auto", 30), width_px=64, height_px=48, fps=fps, sound=True, chapter=48
    )
    sound = clicks([1.0, click_s], 600.0, sample_rate=rate_hz)
    lit = math.ceil(click_s * fps)
    for number in range(round(600 * fps)):
        film.add_picture(marked(0, flash=number == lit, size=size).pixels)
        film.add_sound(sound[round(number / fps * rate_hz) : round((number + 1) / fps * rate_hz)])
    film.finish()
    seen = read_back(path)
    assert len(seen.times_s) == round(600 * fps)
    assert seen.clicks_s == pytest.approx([1.0, click_s], abs=2e-3)
    (flash_s,) = seen.flashes_s
    assert 0 <= flash_s - seen.clicks_s[-1] < 1 / fps
