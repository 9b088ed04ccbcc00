"""The command line as a user meets it: real processes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from avserver.config import built_in_show, load_show, to_toml


def avserver(*arguments: str, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "avserver", *arguments], capture_output=True, text=True, timeout=timeout_s, check=False
    )


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from avserver.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'zmq', 'av', 'aubio', 'keras', 'tensorflow', 'starlette', 'asyncio'} & set(sys.modules)\n"
        "sys.exit(repr(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for command in ("serve", "render", "params", "seeds", "project", "doctor", "watch", "bench"):
        assert command in done.stdout


def test_serve_does_not_import_a_framework() -> None:
    code = "import sys, avserver.server; sys.exit(bool({'keras', 'tensorflow', 'torch', 'jax'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_print_config_prints_the_whole_effective_show(tmp_path: Path) -> None:
    done = avserver("serve", "--print-config", "--fps", "24", "--size", "320x180", "--no-preview")
    assert done.returncode == 0, done.stderr
    path = tmp_path / "show.toml"
    path.write_text(done.stdout)
    show = load_show(path)
    assert (show.frame.fps, show.frame.size, show.preview.enabled) == (24.0, (320, 180), False)
    assert show.audio == built_in_show().audio


def test_flags_lie_on_top_of_the_show_file(tmp_path: Path) -> None:
    path = tmp_path / "show.toml"
    path.write_text("[frame]\nfps = 50\n[osc]\nport = 7001\n")
    done = avserver("serve", str(path), "--print-config", "--osc-port", "7002", "--preview-host", "0.0.0.0")
    assert "fps = 50.0" in done.stdout
    assert 'host = "0.0.0.0"\nport = 8080\ntoken = ""' in done.stdout
    assert "port = 7002" in done.stdout


def test_devices_says_what_there_is_to_listen_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "none-of-this-name")
    done = avserver("devices")
    assert (done.returncode, done.stderr) == (0, "")
    assert "no JACK server is running" in done.stdout
    plain = json.loads(avserver("devices", "--json").stdout)
    assert plain["jack_ports"] == []
    assert (plain["inputs"] == []) == ("there is no sound to be had on this machine" in done.stdout)


def test_params_lists_the_table() -> None:
    done = avserver("params")
    assert done.returncode == 0, done.stderr
    assert "/avserver/latent/truncation_psi" in done.stdout
    table = json.loads(avserver("params", "--json").stdout)
    assert {"address", "kind", "default", "minimum", "maximum", "unit", "description"} <= set(table[0])
    assert len(table) == len(done.stdout.splitlines())
    page = avserver("params", "--markdown", "--mapping", "default", "touchosc").stdout
    assert page.count("\n| `/") == len(table)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--audio", "nope.ogg"], "nope.ogg"),
        (["--model", "nope.safetensors"], "no model file at nope.safetensors"),
        (["--mapping", "nope.toml"], "nope.toml"),
        (
            ["--also", "touchosc", "--also", "nope"],
            "no mapping called 'nope' comes with avserver (a file would be './nope'); ",
        ),
        (["nope.toml"], "cannot read the show file nope.toml"),
        (["--fps", "0"], "frame.fps is a number from 1 to 240, got 0.0"),
        (["--zeromq", "tcp://*:5555"], "insecure"),
        (["--audio", "device:nope"], "there is no input 'nope'"),
        (["--audio", "jack"], "no JACK server is running"),
        (["--audio", "rtp://0.0.0.0:5004"], "insecure = true in [audio]"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_two(
    arguments: list[str], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "none-of-this-name")
    done = avserver("serve", *arguments, "--duration", "0.1", "--osc-port", "0", "--no-oscquery", "--no-preview")
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("avserver: ")
    assert sentence in done.stderr


def test_a_size_that_is_none_is_refused() -> None:
    done = avserver("serve", "--size", "big")
    assert done.returncode == 2
    assert "a size is WIDTHxHEIGHT in px, e.g. 512x288, got 'big'" in done.stderr


def test_the_printed_built_in_show_has_every_section() -> None:
    text = to_toml(built_in_show())
    for section in ("frame", "audio", "model", "mapping", "osc", "oscquery", "zeromq", "preview"):
        assert f"[{section}]" in text


def test_presets_are_listed(tmp_path: Path) -> None:
    show, folder = tmp_path / "show.toml", tmp_path / "presets"
    show.write_text("")
    assert avserver("presets", str(show)).stdout == f"there are no presets in {folder}\n"
    folder.mkdir()
    (folder / "calm.toml").write_text('number = 3\n[values]\n"/noise/speed" = 0.5\n')
    (folder / "bad.toml").write_text("[values\n")
    done = avserver("presets", str(show))
    assert done.stdout.split() == ["3", "calm", "1", "values"]
    assert "bad.toml is not valid TOML" in done.stderr
    (plain,) = json.loads(avserver("presets", str(show), "--json").stdout)
    assert (plain["name"], plain["number"], plain["values"]) == ("calm", 3, {"/noise/speed": 0.5})
