"""Seed lists, by themselves and in a mapping file."""

from pathlib import Path

import pytest

from avserver.control.mapping import load_patch
from avserver.errors import ConfigError, MappingError
from avserver.seed_list import read_seeds, write_seeds

CHOIR = '[[choir]]\nname = "c"\nfollows = "segment"\nseeds = "night.toml"\n'


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "night.toml"
    write_seeds(path, (3, 17, 2**32 - 1))
    assert path.read_text() == "seeds = [3, 17, 4294967295]\n"
    assert read_seeds(path) == (3, 17, 2**32 - 1)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("seeds = [1, -2]", "seeds are whole numbers from 0 to 4294967295, got -2"),
        ("seeds = []", "holds one line, 'seeds = "),
        ("seeds = 3", "holds one line, 'seeds = "),
        ("sheets = [1]", "holds one line, 'seeds = "),
        ("seeds = [1]\nname = 'x'", "holds one line, 'seeds = "),
        ("seeds = [1,", "is not TOML: "),
    ],
)
def test_what_is_no_list_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match="^.*" + sentence.replace("[", r"\[")):
        read_seeds(path)


def test_a_choir_may_name_a_list_that_lies_beside_its_mapping_file(tmp_path: Path) -> None:
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(CHOIR)
    write_seeds(tmp_path / "night.toml", (5, 6))
    patch = load_patch(mapping)
    assert patch.choirs[0].seeds == (5, 6)
    assert patch.param_table()["/choir/c/seed/2"].default == 6


def test_a_list_that_is_missing_is_named_with_the_line(tmp_path: Path) -> None:
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(CHOIR)
    with pytest.raises(
        MappingError, match=r"mapping.toml, line 4: the seed list '.*night.toml' cannot be read: No such"
    ):
        load_patch(mapping)
