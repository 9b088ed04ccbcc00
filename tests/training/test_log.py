"""The log of a run: rows that survive a kill, and a run that goes on."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from avserver.errors import ConfigError
from avserver.training.log import Log, read_log


def test_rows_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    log = Log(path, ("loss", "swd_64"))
    log.add(100, {"loss": 0.1 + 0.2})
    log.add(200, {"swd_64": 12, "loss": float("nan")})
    assert path.read_text() == "pictures,loss,swd_64\n100,0.3,\n200,nan,12\n"
    assert list(read_log(path)) == ["pictures", "loss", "swd_64"]
    np.testing.assert_array_equal(read_log(path)["swd_64"], [np.nan, 12])
    with pytest.raises(ValueError, match=r"no columns \['los'\]; it has \['loss', 'swd_64'\]"):
        log.add(300, {"los": 1.0})


def test_a_run_that_goes_on_drops_what_it_comes_to_again(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    log = Log(path, ("loss",))
    for pictures in (100, 200, 300):
        log.add(pictures, {"loss": pictures / 100})
    with path.open("a") as file:
        file.write("400,4")  # without its end: broken off
    with pytest.raises(ConfigError, match="exists"):
        Log(path, ("loss",))
    log = Log(path, ("p", "loss"), resumed_at=200)
    log.add(250, {"p": 0.5})
    assert path.read_text() == "pictures,loss,p\n100,1,\n200,2,\n250,,0.5\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["log.csv"]


def test_a_kill_leaves_whole_rows(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    endless = (
        "import itertools, pathlib, sys\n"
        "from avserver.training.log import Log\n"
        "log = Log(pathlib.Path(sys.argv[1]), [f'c{i}' for i in range(200)])\n"
        "print('begun', flush=True)\n"
        "for n in itertools.count():\n"
        "    log.add(n, {f'c{i}': i / 7 for i in range(200)})\n"
    )
    with subprocess.Popen([sys.executable, "-c", endless, path], stdout=subprocess.PIPE) as run:
        assert run.stdout is not None
        run.stdout.readline()
        while path.stat().st_size < 50_000:
            assert run.poll() is None
        run.kill()
    written = path.read_text()
    assert written.endswith("\n")
    assert {line.count(",") for line in written.splitlines()} == {200}


@pytest.mark.parametrize("content", [b"", b"loss\n1\n", b"pictures,loss\nmany,1\n", b"pictures,loss\n1\n", b"\xff\xfe"])
def test_what_is_no_log_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"log\.csv"):
        Log(path, ("loss",), resumed_at=0)
    with pytest.raises(ConfigError, match=r"log\.csv"):
        read_log(path)
    assert path.read_bytes() == content
