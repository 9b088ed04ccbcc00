from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from avserver.errors import ConfigError
from avserver.outputs.video.picture_files import PictureFiles, files_of, is_pattern, name_of

RNG = np.random.default_rng(4)


def test_pictures_are_what_they_were_and_one_that_is_there_is_kept(tmp_path: Path) -> None:
    pattern = tmp_path / "frames-%03d.png"
    shown = RNG.integers(0, 256, (12, 9, 16, 3), np.uint8)
    files = PictureFiles(pattern, Fraction(25))
    files.keep()
    for pixels in shown:
        files.add_picture(pixels)
    files.finish()
    assert files.pictures == 13
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"frames-{number:03}.png" for number in range(1, 13)]
    for number, pixels in enumerate(shown, 1):
        with Image.open(name_of(pattern, number)) as picture:
            assert np.array_equal(np.asarray(picture), pixels)


def test_a_folder_that_goes_is_told_and_leaves_no_half_file(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    files = PictureFiles(folder / "%d.png", Fraction(25))
    with pytest.raises(FileNotFoundError):  # noqa: PT012  (which one raises depends on who is quick)
        for _ in range(20):
            files.add_picture(np.zeros((8, 8, 3), np.uint8))
        files.finish()
    files.abandon()


def test_names_of_many_files_have_a_number_in_them(tmp_path: Path) -> None:
    assert is_pattern(Path("a/frames-%05d.png"))
    assert is_pattern(Path("%d.PNG"))
    assert not is_pattern(Path("film.mp4"))
    for name in ("frames-%05d.jpg", "frames-%s.png", "%d-%d.png", "100%.png"):
        with pytest.raises(ConfigError, match=r"given as frames-%05d\.png, got"):
            is_pattern(Path(name))
    for name in ("f-00001.png", "f-7.png", "f-.png", "f-00002.png.part", "g-00001.png"):
        (tmp_path / name).touch()
    assert {path.name for path in files_of(tmp_path / "f-%05d.png")} == {"f-00001.png", "f-7.png"}
