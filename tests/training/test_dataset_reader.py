"""Datasets as a trainer reads them, from real shards, whole and damaged."""

import json
from pathlib import Path

import numpy as np
import pytest

from avserver.errors import ConfigError
from avserver.training.dataset import Dataset
from avserver.training.painted import Painting, paint_dataset
from avserver.training.shards import Encoded, encode, read_shard, shard_path, write_shard


def stored(folder: Path, *shards: int, size_px: int = 32, seed: int = 1) -> list[np.ndarray]:
    """Write a dataset of noise with so many pictures in its shards; return the pictures."""
    rng = np.random.default_rng(seed)
    pictures = [rng.integers(0, 5, (size_px, size_px, 3), np.uint8) * np.uint8(63) for _ in range(sum(shards))]
    folder.mkdir(exist_ok=True)
    (folder / "dataset.json").write_text(json.dumps({"size_px": size_px}))
    first = 0
    for shard, count in enumerate(shards):
        samples = [Encoded(number, encode(pictures[number]), {}) for number in range(first, first + count)]
        write_shard(shard_path(folder, shard), samples)
        first += count
    return pictures


def damage(path: Path, at: int, content: bytes) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[:at] + content + whole[at + len(content) :])


def test_the_pictures_are_those_that_were_painted(tmp_path: Path) -> None:
    paint_dataset(
        tmp_path / "d", Painting(3, seed=7, size_px=16, families=("folds",)), workers=1, say=lambda done: None
    )
    dataset = Dataset(tmp_path / "d")
    painted = [sample.pixels for sample in read_shard(shard_path(tmp_path / "d", 0))]
    assert (dataset.count, dataset.size_px, dataset.skipped) == (3, 16, ())
    assert np.array_equal(dataset.pictures(np.array([2, 0, 2])), [painted[2], painted[0], painted[2]])
    assert dataset.pictures([]).shape == (0, 16, 16, 3)


@pytest.mark.parametrize("keep_bytes", [0, 3 * 32 * 32 * 2, 1 << 20])
def test_what_is_kept_in_memory_changes_no_picture(tmp_path: Path, keep_bytes: int) -> None:
    pictures = stored(tmp_path, 3, 2)
    dataset = Dataset(tmp_path, keep_bytes=keep_bytes)
    order = [4, 0, 1, 2, 3, 3, 0, 4]
    for _ in range(2):
        assert np.array_equal(dataset.pictures(order), [pictures[number] for number in order])


def test_a_smaller_size_is_the_average_of_the_area(tmp_path: Path) -> None:
    pictures = stored(tmp_path, 2)
    small = Dataset(tmp_path, 8)
    means = np.reshape(pictures, (2, 8, 4, 8, 4, 3)).mean((2, 4))
    assert np.abs(small.pictures([0, 1]) - means).max() <= 1  # rounded once a direction
    assert small.fingerprint == Dataset(tmp_path).fingerprint
    stored(tmp_path / "odd", 1, size_px=20)
    assert Dataset(tmp_path / "odd").pictures([0]).shape == (1, 16, 16, 3)


@pytest.mark.parametrize(("size_px", "says"), [(4, "from 8 px on, got 4"), (24, "got 24"), (64, "32 px, got 64")])
def test_sizes_that_cannot_be_had_are_refused(tmp_path: Path, size_px: int, says: str) -> None:
    stored(tmp_path, 1)
    with pytest.raises(ConfigError, match=says):
        Dataset(tmp_path, size_px)


def test_numbers_that_are_none_are_refused(tmp_path: Path) -> None:
    stored(tmp_path, 2)
    for wrong in (-1, 2):
        with pytest.raises(IndexError, match=f"0 to 1, got {wrong}"):
            Dataset(tmp_path).pictures([wrong])


def test_other_pictures_have_another_fingerprint(tmp_path: Path) -> None:
    stored(tmp_path / "a", 3, 2)
    stored(tmp_path / "b", 3, 2)
    a = Dataset(tmp_path / "a").fingerprint
    assert Dataset(tmp_path / "b").fingerprint == a
    shard_path(tmp_path / "b", 1).unlink()
    assert Dataset(tmp_path / "b").fingerprint != a
    stored(tmp_path / "b", 3, 2, seed=2)
    assert Dataset(tmp_path / "b").fingerprint != a


def test_broken_shards_are_named_and_skipped(tmp_path: Path) -> None:
    pictures = stored(tmp_path, 2, 2, 2, 2)
    shard_path(tmp_path, 0).write_bytes(b"not a tar at all")
    cut = shard_path(tmp_path, 1)
    cut.write_bytes(cut.read_bytes()[:1200])  # within the first picture
    second = shard_path(tmp_path, 2).read_bytes().index(b"00000005.png")
    damage(shard_path(tmp_path, 2), second, b"\xff" * 100)  # a header in the middle
    dataset = Dataset(tmp_path)
    assert np.array_equal(dataset.pictures(range(dataset.count)), [pictures[4], *pictures[6:]])
    names = [line.split(":")[0] for line in dataset.skipped]
    assert names == ["shard-00000.tar", "shard-00001.tar/00000002.png", "shard-00001.tar", "shard-00002.tar"]


def test_broken_pictures_are_named_and_the_next_stands_in(tmp_path: Path) -> None:
    pictures = stored(tmp_path, 4)
    content = shard_path(tmp_path, 0).read_bytes()
    at = content.rindex(b"IEND") - 21
    damage(shard_path(tmp_path, 0), at, bytes([content[at] ^ 1]))  # in the last pixels: only checksums show it
    odd = Encoded(4, encode(np.zeros((16, 16, 3), np.uint8)), {})
    write_shard(shard_path(tmp_path, 1), [odd])
    dataset = Dataset(tmp_path)
    assert dataset.skipped == ("shard-00001.tar/00000004.png: has 16 x 16 px, the dataset 32 x 32",)
    assert dataset.count == 4
    assert np.array_equal(dataset.pictures([3, 2, 3]), [pictures[0], pictures[2], pictures[0]])
    assert [line.split(":")[0] for line in dataset.skipped[1:]] == ["shard-00000.tar/00000003.png"]


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"is not a dataset, dataset.json: No such file"):
        Dataset(tmp_path)
    stored(tmp_path, 1)
    shard_path(tmp_path, 0).write_bytes(b"no tar")
    with pytest.raises(ConfigError, match=r"no picture that can be read: shard-00000.tar"):
        Dataset(tmp_path)
    (tmp_path / "dataset.json").write_text("{}")
    with pytest.raises(ConfigError, match="does not say size_px"):
        Dataset(tmp_path)
