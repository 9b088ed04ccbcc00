"""Keys: what `avserver keys new` writes, and what is refused."""

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import zmq

from avserver.config import load_show
from avserver.errors import ConfigError
from avserver.outputs.keys import read_server_keys, write_new_keys


def keys_new(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "avserver", "keys", "new", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command_writes_files_for_this_user_only_and_says_where(tmp_path: Path) -> None:
    done = keys_new("wall", "--folder", str(tmp_path / "keys"))
    assert (done.returncode, done.stderr) == (0, "")
    server, client = tmp_path / "keys" / "wall.server.json", tmp_path / "keys" / "wall.client.json"
    for line, path in zip(done.stdout.splitlines(), (server, client), strict=True):
        assert line.startswith(f"{path} ")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(server.parent.stat().st_mode) == 0o700
    keys, own = read_server_keys(server), json.loads(client.read_text())
    assert own["server"].encode() == keys.public
    assert keys.clients == {own["public"].encode()} == {zmq.curve_public(own["secret"].encode())}
    assert keys.secret.decode() not in repr(keys)


def test_keys_that_exist_are_kept_unless_forced(tmp_path: Path) -> None:
    files = write_new_keys("wall", tmp_path)
    before = files.server.read_bytes()
    done = keys_new("wall", "--folder", str(tmp_path))
    assert done.returncode == 2
    assert "wall.server.json exists; --force makes new keys" in done.stderr
    assert files.server.read_bytes() == before
    files.server.chmod(0o644)
    write_new_keys("wall", tmp_path, force=True)
    assert files.server.read_bytes() != before
    assert stat.S_IMODE(files.server.stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["", "../wall", "a b", ".hidden", "-x"])
def test_names_that_are_no_words_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="keys are called by a word"):
        write_new_keys(name, tmp_path)


def test_a_folder_holds_the_keys_of_one_server(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"expected one \*\.server\.json in .*, found none"):
        read_server_keys(tmp_path)
    files = write_new_keys("wall", tmp_path)
    assert read_server_keys(tmp_path) == read_server_keys(files.server)
    write_new_keys("floor", tmp_path)
    with pytest.raises(ConfigError, match=r"found floor\.server\.json, wall\.server\.json; name the file"):
        read_server_keys(tmp_path)


def test_files_that_are_missing_open_or_something_else_are_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file or directory; avserver keys new makes some"):
        read_server_keys(tmp_path / "nope.server.json")
    files = write_new_keys("wall", tmp_path)
    with pytest.raises(ConfigError, match="expected public, secret and clients"):
        read_server_keys(files.client)
    files.server.chmod(0o640)
    with pytest.raises(ConfigError, match=r"can be read by others; close them with: chmod 600 .*wall\.server\.json"):
        read_server_keys(files.server)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"clients": []}, "one at least, got"),
        ({"clients": ["short"]}, "a key in .* is not one"),
        ({"secret": 3}, "a key in .* is not one"),
        ({"public": "0" * 40}, "does not belong to the secret one"),
        ({"secret": "~" * 40}, "a key in .* is not one"),
    ],
)
def test_wrong_keys_are_told_without_showing_them(tmp_path: Path, changes: dict[str, object], sentence: str) -> None:
    files = write_new_keys("wall", tmp_path)
    plain = json.loads(files.server.read_text())
    files.server.write_text(json.dumps(plain | changes))
    with pytest.raises(ConfigError, match=sentence) as caught:
        read_server_keys(files.server)
    assert plain["secret"] not in str(caught.value)


def test_keys_lie_beside_the_show_file(tmp_path: Path) -> None:
    path = tmp_path / "show.toml"
    path.write_text('[zeromq]\nkeys = "keys"\n[[output]]\nkind = "zeromq"\nname = "b"\nkeys = "/etc/b.server.json"\n')
    assert [settings.keys for _, settings in load_show(path).outputs] == [str(tmp_path / "keys"), "/etc/b.server.json"]  # type: ignore[attr-defined]
