"""Films that are interrupted, and gone on with."""

import hashlib
import io
import subprocess
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from avserver.audio.clicks import clicks
from avserver.audio.wav import write_wav
from avserver.config import Show, change
from avserver.errors import ConfigError
from avserver.offline.interrupted import KeptFilm, KeptPictures, Note
from avserver.offline.rendering import Rendered, Rendering, render
from avserver.outputs.video.encoding import form_of_file
from avserver.outputs.video.film import Film, FilmFile
from avserver.outputs.video.picture_files import name_of
from tests.outputs.films import read_back

FPS = 25
# The films are of 64 x 64 px: of a small picture with an odd number of rows of macroblocks (48 px: three) x264 does not
# always make the same bits.
CHAPTER = 20
CLICKS_S = (1.02, 3.7, 7.1, 9.5)
# Feedback at every hit, and none between hits.
PATCH = """
[[choir]]
name = "hits"
follows = "onsets"
onsets = ["mix.full"]
layers = [0.0, 1.0]
seeds = [1, 2, 3]

[[modulate]]
from = "mix.full.decay"
to = "/feedback/amount"
range = [-0.1, 0.9]
"""


def pictures(count: int) -> Iterator[np.ndarray]:
    noise = np.random.default_rng(5).integers(0, 120, (64, 64, 3), np.uint8)
    for number in range(count):
        yield np.roll(noise, (number, 2 * number), (0, 1)) + np.uint8(number)


def begun(path: Path, codec: str, count: int, kept: KeptFilm | None = None) -> Film:
    if kept:
        kept.set_aside()
    film = Film(
        FilmFile(path, overwrite=True),
        form_of_file(path, codec, 23),
        width_px=64,
        height_px=64,
        fps=Fraction(FPS),
        sound=False,
        chapter=CHAPTER,
    )
    for number, pixels in enumerate(pictures(count)):
        if kept and number < kept.count:
            kept.put(film)
        else:
            film.add_picture(pixels)
    return film


def decoded(path: Path) -> list[tuple[float, str]]:
    """Return the time and a digest of every picture."""
    with av.open(str(path)) as film:
        return [
            (float(frame.pts * frame.time_base), hashlib.sha256(frame.to_ndarray()).hexdigest())
            for frame in film.decode(video=0)
        ]


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "h264"), ("a.mkv", "h264"), ("a.mov", "hevc"), ("a.mkv", "hevc"), ("a.mov", "prores")]
)
def test_a_film_that_goes_on_is_decoded_to_the_same_pictures(tmp_path: Path, name: str, codec: str) -> None:
    whole, path = tmp_path / f"whole-{name}", tmp_path / name
    begun(whole, codec, 90).finish()
    expected = decoded(whole)
    assert len(expected) == 90
    film = begun(path, codec, 77)
    # Killed: what the system has is all there is; and the last of it may be half a picture.
    cut = path.read_bytes()
    film.abandon()
    path.write_bytes(cut[:-100])
    kept = KeptFilm(path, form_of_file(path, codec, 23), CHAPTER, 90)
    assert kept.count >= 2 * CHAPTER
    assert codec == "prores" or kept.count % CHAPTER == 0
    # It is interrupted again, before it has all of it: nothing is lost.
    again = begun(path, codec, kept.count - 1, kept)
    again.abandon()
    kept.done()
    assert path.read_bytes() == cut[:-100]
    kept = KeptFilm(path, form_of_file(path, codec, 23), CHAPTER, 90)
    begun(path, codec, 90, kept).finish()
    kept.done()
    assert decoded(path) == expected
    assert {file.name for file in tmp_path.iterdir()} == {name, whole.name}


def test_of_two_beginnings_the_longer_is_kept(tmp_path: Path) -> None:
    path, form = tmp_path / "a.mp4", form_of_file(tmp_path / "a.mp4", "h264", 23)
    begun(path, "h264", 60).finish()
    kept = KeptFilm(path, form, CHAPTER, 90)
    assert kept.count == 60
    # Killed while it took over: both are there.
    begun(path, "h264", 20, kept).finish()
    assert KeptFilm(path, form, CHAPTER, 90).count == 60
    assert KeptFilm(path, form, CHAPTER, 50).count == 50
    path.write_bytes(b"not a film")
    assert KeptFilm(path, form, CHAPTER, 90).count == 60


def test_a_note_knows_its_film(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    note = Note(path, lambda: {"song": "1", "model": "2", "settings": "3"})
    with pytest.raises(ConfigError, match=r"nothing of .*a\.mp4 is to be resumed: there is no .*a\.mp4\.resume"):
        note.check()
    note.write()
    note.check()
    other = Note(path, lambda: {"song": "4", "model": "2", "settings": "5"})
    with pytest.raises(ConfigError, match=r"a\.mp4 was begun with another song and another settings; --force begins"):
        other.check()
    note.path.write_text("[")
    with pytest.raises(ConfigError, match=r"a\.mp4\.resume cannot be read"):
        note.check()
    note.remove()
    assert not list(tmp_path.iterdir())


def test_pictures_are_kept_up_to_the_first_that_is_missing(tmp_path: Path) -> None:
    pattern = tmp_path / "%d.png"
    for number in (0, 1, 2, 4):
        name_of(pattern, number).touch()
    assert KeptPictures(pattern, 9).count == 3
    assert KeptPictures(pattern, 2).count == 2


@pytest.mark.slow
def test_a_killed_film_and_pictures_that_are_missing_become_what_they_would_have_been(
    tiny_model: Path, tmp_path: Path
) -> None:
    song, mapping = tmp_path / "song.wav", tmp_path / "patch.toml"
    write_wav(song, clicks(CLICKS_S, 10.0))
    mapping.write_text(PATCH)
    show = change(Show(), "model", path=str(tiny_model))
    show = change(show, "mapping", path=str(mapping))
    show = change(show, "presets", path=str(tmp_path / "presets"))
    show = change(show, "frame", fps=float(FPS), width_px=64, height_px=64)

    def asked(output: Path, show: Show = show, **more: Any) -> Rendering:
        return Rendering(song=str(song), output=output, show=show, live_like=True, **more)

    def rendered(*args: Any, **more: Any) -> Rendered:
        return render(asked(*args, **more), io.StringIO())

    whole, path = tmp_path / "whole.mp4", tmp_path / "film.mp4"
    rendered(whole)
    flags = ["--model", str(tiny_model), "--mapping", str(mapping), "--fps", str(FPS), "--size", "64x64", "--live-like"]
    command = [sys.executable, "-m", "avserver", "render", str(song), "-o", str(path), *flags]
    process = subprocess.Popen(command, cwd=tmp_path)
    end_s = time.monotonic() + 150
    while not path.exists() or path.stat().st_size < whole.stat().st_size // 2:
        assert time.monotonic() < end_s
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()
    left = len(decoded(path))
    assert 2 <= left < 250
    with pytest.raises(ConfigError, match="exists and is not complete; --resume goes on with it, --force writes over"):
        rendered(path)
    with pytest.raises(ConfigError, match="was begun with another settings; --force begins it anew"):
        rendered(path, change(show, "frame", fps=24.0), resume=True)
    assert len(decoded(path)) == left
    done = rendered(path, resume=True)
    assert (done.frames, done.complete) == (250, True)
    assert decoded(path) == decoded(whole)
    assert np.array_equal(read_back(path).samples, read_back(whole).samples)

    pattern = tmp_path / "frames-%04d.png"
    rendered(pattern)
    pictures = [name_of(pattern, number).read_bytes() for number in range(250)]
    with pytest.raises(ConfigError, match=r"frames-0000\.png exists; --force writes over it and all others"):
        rendered(pattern)
    # As if it had been stopped, with several written at a time.
    asked(pattern, force=True).note.write()
    for number in (110, *range(113, 250)):
        name_of(pattern, number).unlink()
    kept_ns = name_of(pattern, 109).stat().st_mtime_ns
    rendered(pattern, resume=True)
    assert pictures == [name_of(pattern, number).read_bytes() for number in range(250)]
    assert name_of(pattern, 109).stat().st_mtime_ns == kept_ns
    assert {file.suffix for file in tmp_path.iterdir()} == {".wav", ".toml", ".mp4", ".png"}
