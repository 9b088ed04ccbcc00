from pathlib import Path

import pytest

from avserver.config import Show, change
from avserver.offline.facts import facts


@pytest.fixture
def show(tmp_path: Path) -> Show:
    for name in ("song.wav", "model.safetensors", "mapping.toml", "look.cube"):
        (tmp_path / name).write_text(name)
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets" / "calm.toml").write_text("calm")
    show = change(Show(), "model", path=str(tmp_path / "model.safetensors"))
    show = change(show, "mapping", path=str(tmp_path / "mapping.toml"))
    return change(show, "presets", path=str(tmp_path / "presets"), start="calm")


def others(show: Show, tmp_path: Path, before: dict[str, str], asked: object = 1) -> list[str]:
    after = facts(str(tmp_path / "song.wav"), show, asked)
    assert after.keys() == before.keys()
    return [name for name, value in after.items() if before[name] != value]


@pytest.mark.parametrize(
    ("file", "what"),
    [
        ("song.wav", "song"),
        ("model.safetensors", "model"),
        ("mapping.toml", "mapping"),
        ("presets/calm.toml", "preset"),
    ],
)
def test_it_is_what_is_in_files_that_counts(show: Show, tmp_path: Path, file: str, what: str) -> None:
    before = facts(str(tmp_path / "song.wav"), show, 1)
    (tmp_path / file).write_text("another")
    assert others(show, tmp_path, before) == [what]


def test_files_may_move_and_settings_may_not(show: Show, tmp_path: Path) -> None:
    before = facts(str(tmp_path / "song.wav"), show, 1)
    (tmp_path / "model.safetensors").rename(tmp_path / "moved.safetensors")
    moved = change(show, "model", path=str(tmp_path / "moved.safetensors"), threads=2)
    moved = change(moved, "recording", path="another.mp4")
    assert others(moved, tmp_path, before) == []
    assert others(moved, tmp_path, before, asked=2) == ["settings"]
    for section, values in (
        ("frame", {"fps": 24.0}),
        ("recording", {"quality": 30}),
        ("presets", {"start": "1"}),
        ("audio", {"start_s": 1.0}),
        ("model", {"wide": "tile"}),
    ):
        assert others(change(moved, section, **values), tmp_path, before) == ["settings"]
    looks = change(moved, "grade", luts=(str(tmp_path / "look.cube"),))
    assert others(looks, tmp_path, before) == ["set of look-up tables"]
