"""Edits of real files while they are watched."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from avserver.control.mapping import load_patch
from avserver.control.mapping_watch import MappingWatch
from avserver.control.patch import Patch

CHOIR = '[[choir]]\nname = "c"\nfollows = "segment"\nseeds = "seeds.toml"\n'
BEND = '[[bend]]\nname = "z"\nlayer = "b8"\ntransform = "zoom"\n'


class Editor:
    """Writes files; every file is younger than the one before."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._now_ns = 10**18

    def write(self, name: str, text: str) -> None:
        # As many editors do: a new file in the place of the old one.
        new = self.folder / "new~"
        new.write_text(text)
        self._now_ns += 10**9
        os.utime(new, ns=(self._now_ns, self._now_ns))
        new.replace(self.folder / name)


@pytest.fixture
def editor(tmp_path: Path) -> Editor:
    editor = Editor(tmp_path)
    editor.write("seeds.toml", "seeds = [1, 2]")
    editor.write("me.npz", "a picture")
    editor.write("a.toml", CHOIR)
    editor.write("b.toml", BEND)
    return editor


@pytest.fixture
def complaints() -> list[str]:
    return []


@pytest.fixture
def watch(editor: Editor, complaints: list[str]) -> MappingWatch:
    paths = [editor.folder / "a.toml", editor.folder / "b.toml"]
    return MappingWatch(paths, load_patch(*paths), ["default"], complaints.append)


@pytest.fixture
def poll(watch: MappingWatch) -> Callable[[], Patch | None]:
    """Return a function that looks once and returns the patch, if there is another."""
    now_s = iter(range(1000))

    def look() -> Patch | None:
        found = watch.poll(next(now_s))
        if found is None:
            return None
        patch, table = found
        assert list(table) == list(patch.param_table())
        return patch

    return look


def test_every_file_is_watched(editor, poll, complaints):
    assert poll() is None
    editor.write("b.toml", BEND + 'edges = "wrap"\n')
    assert poll().bends[0].edges == "wrap"
    editor.write("seeds.toml", "seeds = [3]")
    assert poll().choirs[0].seeds == (3,)
    assert poll() is None
    assert complaints == []


def test_another_edition_of_a_picture_is_another_patch(editor, poll):
    editor.write("a.toml", CHOIR.replace('"seeds.toml"', '["me.npz"]'))
    first = poll()
    editor.write("me.npz", "another")
    second = poll()
    assert first.pictures == second.pictures == (editor.folder / "me.npz",)
    assert first != second
    # What is no longer named is no longer looked at.
    editor.write("seeds.toml", "seeds = [3]")
    assert poll() is None


def test_a_bad_edit_is_refused_once_and_mended_in_whichever_file(editor, poll, complaints):
    editor.write("seeds.toml", "seeds = [-1]")
    assert poll() is None
    assert poll() is None
    assert len(complaints) == 1
    assert "a.toml, line 4: seeds are whole numbers" in complaints.pop()
    editor.write("a.toml", CHOIR.replace("seeds.toml", "more.toml"))
    assert poll() is None
    assert "more.toml' cannot be read" in complaints.pop()
    editor.write("more.toml", "seeds = [5]")
    assert poll().choirs[0].seeds == (5,)
    assert complaints == []


def test_a_file_that_is_away_for_a_moment_is_waited_for(editor, poll, complaints):
    (editor.folder / "b.toml").rename(editor.folder / "away")
    assert poll() is None
    editor.write("b.toml", "")
    assert poll().bends == ()
    assert complaints == []


def test_the_status_tells_the_files_and_what_is_wrong_until_it_is_mended(editor, watch, poll):
    files = f"{editor.folder / 'a.toml'}, {editor.folder / 'b.toml'}"
    assert watch.status() == {"mapping.files": files, "mapping.error": "", "mapping.reads": 0}
    editor.write("b.toml", BEND + 'edgse = "wrap"\n')
    poll()
    assert "b.toml, line 5: " in watch.status()["mapping.error"]
    assert "did you mean 'edges'" in watch.status()["mapping.error"]
    editor.write("b.toml", BEND)
    poll()
    assert watch.status() == {"mapping.files": files, "mapping.error": "", "mapping.reads": 1}


def test_files_that_are_the_same_are_read_again_when_that_is_asked_for(editor, watch, poll, complaints):
    watch.reload()
    assert poll() is not None
    assert poll() is None
    (editor.folder / "b.toml").unlink()
    watch.reload()
    assert poll() is None
    assert "b.toml' cannot be read" in complaints.pop()
    assert poll() is None
    assert complaints == []
