"""Datasets of paintings in real files."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from avserver.errors import ConfigError
from avserver.training.painted import Painting, fineness, paint_dataset
from avserver.training.painting.painter import paint
from avserver.training.shards import Encoded, encode, read_shard, shard_path, write_shard

QUICK = ("folds", "contours", "figures")


def made(folder: Path, painting: Painting) -> list[int]:
    said: list[int] = []
    paint_dataset(folder, painting, workers=1, say=said.append)
    return said


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_dataset_is_the_same_twice_and_goes_on_where_it_was_broken_off(tmp_path: Path) -> None:
    painting = Painting(140, seed=5, size_px=16, families=QUICK)
    assert made(tmp_path / "a", painting)[-1] == 140
    whole = bytes_of(tmp_path / "a")
    assert sorted(whole) == ["dataset.json", "shard-00000.tar", "shard-00001.tar"]
    shard_path(tmp_path / "a", 1).unlink()
    (tmp_path / "a" / "shard-00001.unfinished").write_bytes(b"half")
    assert made(tmp_path / "a", painting) == [128, 140]
    assert bytes_of(tmp_path / "a") == whole


def test_the_pictures_are_those_of_the_seeds(tmp_path: Path) -> None:
    made(tmp_path / "a", Painting(3, seed=7, size_px=16, families=QUICK))
    samples = list(read_shard(shard_path(tmp_path / "a", 0)))
    assert [sample.facts["seed"] for sample in samples] == [7, 8, 9]
    for sample in samples:
        family = str(sample.facts["family"])
        assert family in QUICK
        assert np.array_equal(sample.pixels, paint(int(str(sample.facts["seed"])), 16, family))


def test_fine_patterns_are_painted_anew_if_they_are_not_wanted(tmp_path: Path) -> None:
    coarse, fine = (Painting(12, size_px=64, families=("folds", "contours"), finest=finest) for finest in (0.2, 1.0))
    made(tmp_path / "coarse", coarse)
    made(tmp_path / "fine", fine)
    kept, all_of_them = (
        {sample.number: sample for sample in read_shard(shard_path(tmp_path / name, 0))} for name in ("coarse", "fine")
    )
    assert max(fineness(sample.pixels) for sample in kept.values()) <= 0.2
    too_fine = [number for number, sample in all_of_them.items() if fineness(sample.pixels) > 0.2]
    assert 0 < len(too_fine) < 12
    for number, sample in all_of_them.items():
        assert (kept[number].facts == sample.facts) == (number not in too_fine)


def test_fineness_is_the_share_of_what_is_small() -> None:
    across = np.linspace(0, 1, 64, endpoint=False)
    wave = np.broadcast_to(np.sin(2 * np.pi * 2 * across)[:, None, None], (64, 64, 3))
    chequers = np.broadcast_to(((np.arange(64)[:, None] + np.arange(64)) % 2 * 2.0 - 1)[:, :, None], (64, 64, 3))
    assert fineness((128 + 50 * wave).astype(np.uint8)) < 0.05
    assert fineness((128 + 50 * chequers).astype(np.uint8)) > 0.95
    # The wave's variance is half its square, the chequers' is theirs.
    assert fineness((128 + 40 * wave + 40 * chequers).astype(np.uint8)) == pytest.approx(2 / 3, abs=0.05)
    assert fineness(np.full((64, 64, 3), 7, np.uint8)) == 1


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    made(tmp_path / "a", Painting(1, size_px=16, families=QUICK))
    with pytest.raises(ConfigError, match="holds another dataset"):
        made(tmp_path / "a", Painting(2, size_px=16, families=QUICK))
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "holiday.jpg").touch()
    with pytest.raises(ConfigError, match="is not a dataset"):
        made(tmp_path / "b", Painting(1, size_px=16))


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"count": 0}, "1 to 10000000 pictures, got 0"),
        ({"size_px": 8}, "16 to 2048 px wide, got 8"),
        ({"seed": -1}, "0 or more, got -1"),
        ({"families": ("inc",)}, "did you mean 'ink'"),
    ],
)
def test_what_cannot_be_painted_is_refused(wrong: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        Painting(**{"count": 1, **wrong})


def test_a_shard_appears_when_it_is_whole(tmp_path: Path) -> None:
    def broken() -> object:
        yield Encoded(0, encode(np.zeros((16, 16, 3), np.uint8)), {})
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        write_shard(tmp_path / "shard.tar", broken())
    assert not (tmp_path / "shard.tar").exists()
    (tmp_path / "shard.tar").write_bytes(b"not a tar")
    with pytest.raises(ConfigError, match="not a shard"):
        list(read_shard(tmp_path / "shard.tar"))


def test_the_command_paints(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "avserver",
        "dataset",
        "paint",
        str(tmp_path / "d"),
        "--count",
        "2",
        "--size",
        "16",
    ]
    done = subprocess.run([*command, "--workers", "2"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("2 paintings of 16 px in ")
    assert len(list(read_shard(shard_path(tmp_path / "d", 0)))) == 2
    done = subprocess.run([*command, "--workers", "0"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "avserver: --workers is a number from 1 to 1024, got 0\n")
