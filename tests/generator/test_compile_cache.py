"""Compiled code that is kept: found again, mended when it is broken, and never in the way."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from avserver.generator import compile_cache

DRAW = """
import sys, logging
logging.basicConfig()
from avserver.generator.renderer import Renderer
renderer = Renderer(sys.argv[1])
renderer.warm_up()
"""


def draw(model: Path, cache: Path) -> str:
    """Draw in a process of its own; return what it said on stderr."""
    environment = {name: value for name, value in os.environ.items() if name != "TF_XLA_FLAGS"}
    done = subprocess.run(
        [sys.executable, "-c", DRAW, str(model)],
        env={**environment, compile_cache.VARIABLE: str(cache)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stderr


def test_what_was_compiled_is_kept_and_mended(tiny_model: Path, tmp_path: Path) -> None:
    draw(tiny_model, tmp_path)
    kept = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    assert len(kept) > 3
    written_ns = [path.stat().st_mtime_ns for path in kept]
    assert "broken" not in draw(tiny_model, tmp_path)
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == kept, "nothing is compiled again"
    assert [path.stat().st_mtime_ns for path in kept] == written_ns
    for path in kept:
        path.write_bytes(path.read_bytes()[:1000])
    assert "is broken; compiling anew" in draw(tiny_model, tmp_path)
    assert "broken" not in draw(tiny_model, tmp_path)


def test_the_folder_is_the_users_unless_another_is_named(tmp_path: Path) -> None:
    named = compile_cache.folder({compile_cache.VARIABLE: str(tmp_path)})
    assert named is not None
    assert named.parent == tmp_path
    at_home = compile_cache.folder({"XDG_CACHE_HOME": str(tmp_path)})
    assert at_home is not None
    assert at_home.parent == tmp_path / "avserver" / "compiled"
    assert compile_cache.folder({compile_cache.VARIABLE: ""}) is None


def test_the_oldest_go_when_it_is_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compile_cache, "MOST_BYTES", 250)
    for number in range(4):
        path = tmp_path / f"{number}"
        path.write_bytes(bytes(100))
        os.utime(path, (number, number))
    assert compile_cache.prepare(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2", "3"]


def test_a_folder_that_cannot_be_made_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert not compile_cache.prepare(tmp_path / "file" / "folder")
