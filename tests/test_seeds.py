"""`avserver seeds` as a user meets it."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from avserver.errors import ConfigError
from avserver.seed_list import read_seeds
from avserver.seeds import Casting, chosen_seeds, random_seeds, seeds_from
from tests.test_cli import avserver


def test_a_sheet_of_the_most_different_and_their_list(tiny_model: Path, tmp_path: Path) -> None:
    ws, sheet, seeds = tmp_path / "mine.npz", tmp_path / "sheet.png", tmp_path / "seeds.toml"
    np.savez(ws, ws=np.zeros((1, 6, 16), "f"))
    arguments = ["seeds", "--model", str(tiny_model), "--random", "12", "--seed", "3", "--diverse", "4"]
    arguments += ["--ws", str(ws), "-o", str(sheet), "--list", str(seeds), "--columns", "5"]
    done = avserver(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    kept = read_seeds(seeds)
    assert len(set(kept)) == 4
    assert set(kept) <= set(random_seeds(12, 3))
    assert done.stdout == f"seeds = {list(kept)}\n"
    with Image.open(sheet) as picture:
        assert picture.size == (5 * (16 + 4) + 4, 16 + 18 + 4 + 4)
    again = avserver(*arguments)
    assert again.returncode == 2
    assert again.stderr == f"avserver: {sheet} exists; --force writes over it\n"


def test_seeds_are_named_one_by_one_or_by_a_list(tmp_path: Path) -> None:
    assert chosen_seeds("3,17, 42") == (3, 17, 42)
    assert chosen_seeds("7") == (7,)
    (tmp_path / "list.toml").write_text("seeds = [4, 5]")
    assert chosen_seeds(str(tmp_path / "list.toml")) == (4, 5)
    with pytest.raises(ConfigError, match="seeds are whole numbers from 0 to 4294967295, got 4294967296"):
        chosen_seeds("4294967296")


def test_seeds_are_drawn_the_same_again_and_none_twice() -> None:
    assert random_seeds(500, 1) == random_seeds(500, 1)
    assert random_seeds(500, 1) != random_seeds(500, 2)
    assert len(set(random_seeds(500, 1))) == 500


def test_a_list_alone_needs_no_model(tmp_path: Path) -> None:
    done = avserver("seeds", "--seeds", "3,17,42", "--list", str(tmp_path / "seeds.toml"), "--model", "none")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "seeds.toml").read_text() == "seeds = [3, 17, 42]\n"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"sheet": None}, "there is nothing to write"),
        ({"sheet": Path("sheet.tiff")}, "a picture's name ends in .jpg or .png, got 'sheet.tiff'"),
        ({"sheet": Path("nowhere/sheet.jpg")}, "there is no folder nowhere"),
        ({"seeds": ()}, "a sheet has 1 to 4096 pictures, got 0"),
        ({"diverse": 4}, "--diverse keeps 1 to 3 of the seeds, got 4"),
        ({"columns": 0}, "--columns is a number from 1 to 4096, got 0"),
        ({"side_px": 4}, "--side is a number from 8 to 2048, got 4"),
        ({"truncation_psi": float("nan")}, "--truncation-psi is a number from 0 to 10, got nan"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_drawn(changes, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        Casting(**({"seeds": (1, 2, 3), "sheet": Path("sheet.jpg")} | changes))


def test_counts_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ConfigError, match="--count is a number from 0 to 4096, got 5000"):
        seeds_from(0, 5000)
    with pytest.raises(ConfigError, match="got -1"):
        seeds_from(-1, 3)
    with pytest.raises(ConfigError, match="--random draws 1 to 4096 seeds, got 0"):
        random_seeds(0, 1)
