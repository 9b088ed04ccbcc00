"""The doctor, on the machine that runs the tests."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from avserver.config import Show
from avserver.doctor.finding import Check, Finding, State, examine
from avserver.doctor.surroundings import surroundings_checks
from avserver.server_process import free_port

# Refused at once, where a framework takes seconds to import.
NO_FRAMEWORK = {"KERAS_BACKEND": "nope"}


def doctor(*arguments: str, **environment: str) -> tuple[int, dict[str, Any]]:
    """The exit code, and the rows by their names."""
    done = subprocess.run(
        [sys.executable, "-m", "avserver", "doctor", "--json", *arguments],
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
        env={**os.environ, **environment},
    )
    assert done.stderr == ""
    plain = json.loads(done.stdout)
    assert plain["plays"] is (done.returncode == 0)
    return done.returncode, {row["check"]: row for row in plain["checks"]}


def show_file(folder: Path, model: Path, more: str = "", **ports: int) -> Path:
    path = folder / "show.toml"
    path.write_text(
        f'[model]\npath = "{model}"\n[audio]\nsource = "none"\n[midi]\nenabled = false\n'
        f"[osc]\nport = {ports.get('osc') or free_port()}\n[oscquery]\nport = {free_port()}\n"
        f"[preview]\nport = {ports.get('preview') or free_port()}\n"
        f'[zeromq]\naddress = "ipc://{folder}/frames"\n{more}'
    )
    return path


def states(rows: Mapping[str, Any]) -> dict[str, str]:
    return {name: row["state"] for name, row in rows.items()}


@pytest.mark.slow
def test_a_show_that_can_play(tmp_path: Path, tiny_model: Path) -> None:
    camera = '[[output]]\nkind = "v4l2"\nname = "camera"\ndevice = "/dev/nowhere"\n'
    wall = '[[output]]\nkind = "shared_memory"\nname = "wall"\nmemory = "doctored"\nwidth_px = 4000\nheight_px = 1000\n'
    code, rows = doctor(str(show_file(tmp_path, tiny_model, camera + wall)))
    needed = {name: row["state"] for name, row in rows.items() if row["needed"]}
    assert needed.pop("output camera") == "wanting"
    assert needed.pop("speed") in ("ok", "wanting"), rows
    assert set(needed.values()) == {"ok"}, rows
    assert code == 0
    assert {"Python", "framework", "model", "port of OSC (UDP)", "output zeromq", "output wall"} <= set(needed)
    assert rows["shared memory"]["found"].endswith("the show needs 36")  # MB: three slots of 12
    assert "there is no /dev/nowhere; load the kernel module" in rows["output camera"]["found"]
    assert "frames a second at 16x16 px" in rows["speed"]["found"]
    assert {"GPU", "MIDI", "NDI", "Ableton Link", "encoder libx264"} <= set(rows)
    assert not (tmp_path / "frames").exists()


def test_what_prevents_a_show_is_told(tmp_path: Path) -> None:
    """A port that is taken, a model that is none, a framework that is not there."""
    model = tmp_path / "broken.safetensors"
    model.write_bytes(b"not a model")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        mjpeg = f'[[output]]\nkind = "mjpeg"\nport = {port}\n'
        code, rows = doctor("--quick", str(show_file(tmp_path, model, mjpeg, preview=port)), **NO_FRAMEWORK)
    assert code == 1
    assert states(rows).items() >= {"model": "broken", "port of preview (TCP)": "broken", "mapping": "ok"}.items()
    assert "broken.safetensors" in rows["model"]["found"]
    assert f"preview port {port} on 127.0.0.1 is in use" in rows["port of preview (TCP)"]["found"]
    assert rows["output mjpeg"]["state"] == "broken"
    assert f"MJPEG port {port} on 127.0.0.1 is in use" in rows["output mjpeg"]["found"]
    assert "--preview-port" in rows["port of preview (TCP)"]["advice"]
    assert "Unable to import backend : nope" in rows["framework"]["found"]
    assert "KERAS_BACKEND" in rows["framework"]["advice"]
    assert "speed" not in rows


def test_a_show_file_that_is_broken_hides_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "show.toml"
    path.write_text("[osc]\nprot = 9000\n")
    code, rows = doctor("--quick", str(path), **NO_FRAMEWORK)
    assert code == 1
    assert "did you mean 'port'?" in rows["show file"]["found"]
    assert rows["mapping"]["state"] == "ok"


def test_a_package_that_is_missing_is_told_with_what_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("NDIlib", "link"):
        monkeypatch.setitem(sys.modules, module, None)
    found = {check.name: check for check in surroundings_checks(Show())}
    for name, extra in (("NDI", "ndi"), ("Ableton Link", "link")):
        row = examine(found[name])
        assert row.finding.state is State.MISSING
        assert f"pip install avserver[{extra}]" in row.finding.advice
        assert not row.prevents


@pytest.mark.parametrize("package", ["numpy", "zmq", "av"])
def test_it_examines_even_where_packages_of_its_own_are_missing(package: str) -> None:
    code = (
        f"import sys; sys.modules[{package!r}] = None\n"
        "from avserver.cli import main; sys.exit(main(['doctor', '--quick', '--json']))"
    )
    environment = {**os.environ, **NO_FRAMEWORK}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 1, done.stderr
    rows = json.loads(done.stdout)["checks"]
    assert any(package in row["found"] and row["state"] == "missing" for row in rows)
    assert "port of OSC (UDP)" in {row["check"] for row in rows}


def test_a_check_that_fails_is_a_row() -> None:
    def crash() -> Finding:
        raise ZeroDivisionError("by zero")

    row = examine(Check("divider", crash, needed=True))
    assert row.finding.state is State.BROKEN
    assert row.prevents
    assert "ZeroDivisionError: by zero" in row.lines()[0]
