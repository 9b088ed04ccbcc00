"""Frames over NDI, to NDI's own receiver on this machine."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import psutil
import pytest

from avserver.config import load_show
from avserver.errors import AvserverError, ConfigError
from avserver.frame import Frame
from avserver.outputs.catalogue import Stage, make_output
from avserver.outputs.ndi import NdiOutput, as_fraction
from avserver.outputs.ndi_receiver import NdiReceiver, Picture
from avserver.outputs.output import OutputState
from avserver.outputs.settings import NdiSettings
from tests.conftest import missing

try:
    import NDIlib
except ImportError:
    NDIlib = None

RED, GREEN, BLUE, GREY = (200, 40, 30), (30, 180, 60), (40, 60, 180), (128, 128, 128)


# NDI compresses. BT.601 for BT.709 would be off by 12 and more.
TOLERANCE = 9


@pytest.fixture(autouse=True)
def _ndi(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """NDI, and a folder for the empty file that it leaves for every name there ever was."""
    if NDIlib is None:
        missing("ndi-python is not installed")
    monkeypatch.setenv("TMPDIR", str(tmp_path_factory.getbasetemp()))


def quarters(width_px: int = 64, height_px: int = 48) -> npt.NDArray[np.uint8]:
    """Red and green above blue and grey."""
    pixels = np.empty((height_px, width_px, 3), np.uint8)
    up, left = height_px // 2, width_px // 2
    pixels[:up, :left], pixels[:up, left:], pixels[up:, :left], pixels[up:, left:] = RED, GREEN, BLUE, GREY
    return pixels


def ndi(source: str, *, show_fps: float = 30.0, **settings: object) -> NdiOutput:
    """An output whose name no other test run on this machine has."""
    made = NdiSettings(source=f"{source} {os.getpid()}", **settings)  # type: ignore[arg-type]
    output = make_output(made, "ndi", Stage(show_fps, 64, 48))
    assert isinstance(output, NdiOutput)
    return output


def send_until(
    output: NdiOutput, pixels: npt.NDArray[np.uint8], done: Callable[[], bool], timeout_s: float = 5.0
) -> bool:
    """Send the picture at 50 frames a second until something has happened; tell whether it did."""
    deadline_s = time.monotonic() + timeout_s
    for index in range(100_000):
        output.send(Frame(pixels=pixels, index=index, t_s=index / 50))
        if done():
            return True
        if time.monotonic() > deadline_s:
            break
        time.sleep(0.02)
    return False


def received(output: NdiOutput, pixels: npt.NDArray[np.uint8], **receiver: object) -> Picture:
    with NdiReceiver(output.source, **receiver) as receiving:  # type: ignore[arg-type]
        got: list[Picture | None] = []
        assert send_until(output, pixels, lambda: bool(got.append(receiving.receive(0.02)) or got[-1]))
        assert got[-1] is not None
        return got[-1]


def colours(picture: npt.NDArray[np.uint8]) -> list[tuple[int, ...]]:
    """The middles of the four quarters, row by row."""
    height, width, _ = picture.shape
    return [tuple(picture[y, x].tolist()) for y in (height // 4, 3 * height // 4) for x in (width // 4, 3 * width // 4)]


def test_a_picture_arrives_as_it_was() -> None:
    """Upright, in its colours, by its name and rate."""
    with ndi("Bühne (links)", show_fps=29.97) as output:
        assert output.where.endswith(f" (Bühne (links) {os.getpid()}) (NDI)")
        assert received(output, quarters()).order == "UYVY"
        picture = received(output, quarters(), rgb=True)
    assert picture.pixels.shape == (48, 64, 4)
    assert picture.rate == Fraction(30000, 1001)
    np.testing.assert_allclose([rgb[:3] for rgb in colours(picture.pixels)], [RED, GREEN, BLUE, GREY], atol=TOLERANCE)
    assert output.status()["failed"] == 0


def test_with_alpha_it_is_bgra() -> None:
    with ndi("alpha", alpha=True, fps=25.0) as output:
        picture = received(output, quarters())
    assert picture.order == "BGRA"
    assert picture.rate == 25
    wanted = [(*reversed(rgb), 255) for rgb in (RED, GREEN, BLUE, GREY)]
    np.testing.assert_allclose(colours(picture.pixels), wanted, atol=TOLERANCE)


@pytest.mark.parametrize("alpha", [False, True])
def test_odd_sizes_are_made_even_and_sizes_may_change(alpha: bool) -> None:
    with ndi("odd", alpha=alpha) as output, NdiReceiver(output.source) as receiver:
        for sent, wanted in (((63, 31), (64, 32)), ((128, 72), (128, 72))):
            assert send_until(output, quarters(*sent), lambda size=wanted: size_of(receiver.receive(0.02)) == size)  # type: ignore[misc]


def size_of(picture: Picture | None) -> tuple[int, int] | None:
    return picture and (picture.pixels.shape[1], picture.pixels.shape[0])


def test_it_has_a_size_of_its_own() -> None:
    with ndi("sized", width_px=32, height_px=24, fit="fill") as output:
        assert received(output, quarters()).pixels.shape == (24, 32, 2)


def test_it_tells_who_looks() -> None:
    with ndi("tally") as output:
        assert (output.status()["connections"], output.status()["tally"]) == (0, "")
        with NdiReceiver(output.source) as first, NdiReceiver(output.source):
            assert send_until(output, quarters(), lambda: output.status()["connections"] == 2)
            first.set_tally(program=True, preview=True)
            assert send_until(output, quarters(), lambda: output.status()["tally"] == "program preview")
            first.set_tally(program=False, preview=True)
            assert send_until(output, quarters(), lambda: output.status()["tally"] == "preview")
        assert send_until(output, quarters(), lambda: output.status()["connections"] == 0)
        assert output.status()["tally"] == ""


def test_only_its_groups_find_it() -> None:
    with ndi("grouped", groups="stage,foyer") as output:
        assert received(output, quarters(), groups="foyer").pixels.shape == (48, 64, 2)
        with pytest.raises(AvserverError, match="no NDI source"):
            NdiReceiver(output.source, groups="kitchen", patience_s=1.0)


def test_a_receiver_that_is_killed_costs_nothing_and_may_come_back(tmp_path: Path) -> None:
    code = (
        "import sys; from avserver.outputs.ndi_receiver import NdiReceiver\n"
        "with NdiReceiver(sys.argv[1]) as receiver:\n"
        "    while picture := receiver.receive(10.0): print(picture.pixels.shape, flush=True)"
    )
    with ndi("killed") as output:
        for turn in range(2):
            log = tmp_path / f"{turn}.txt"
            with log.open("w") as out:
                child = subprocess.Popen([sys.executable, "-c", code, output.source], stdout=out)
            try:
                assert send_until(output, quarters(), lambda log=log: log.stat().st_size > 0, 20.0)  # type: ignore[misc]
            finally:
                child.kill()
                child.wait()
            assert log.read_text().startswith("(48, 64, 2)\n")
            assert send_until(output, quarters(), lambda: output.status()["connections"] == 0, 10.0)
        assert (output.status()["failed"], output.status()["state"]) == (0, "playing")


def threads_of_this_process() -> int:
    return psutil.Process().num_threads()


def test_several_sources_at_once_and_none_is_left() -> None:
    threads = threads_of_this_process()
    with ndi("one") as one, ndi("two", alpha=True) as two:
        assert received(two, quarters()).order == "BGRA"
        assert received(one, quarters()).order == "UYVY"
        gone = one.source
    with pytest.raises(AvserverError, match="no NDI source"):
        NdiReceiver(gone, patience_s=0.5)
    assert threads_of_this_process() <= threads


def test_a_name_that_is_taken_is_waited_for() -> None:
    with ndi("twice") as first:
        second = ndi("twice")
        with second:
            assert second.state is OutputState.FAILING
            assert "is there another of that name" in second.error
            first.close()
            assert send_until(second, quarters(), lambda: second.state is OutputState.PLAYING)
            assert received(second, quarters()).pixels.shape == (48, 64, 2)


def test_a_name_is_free_again_after_a_crash() -> None:
    code = (
        "import sys; from avserver.outputs.catalogue import Stage, make_output\n"
        "from avserver.outputs.settings import NdiSettings\n"
        "with make_output(NdiSettings(source=sys.argv[1]), 'ndi', Stage(30, 64, 48)) as output:\n"
        "    print(output.state, flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, f"crash {os.getpid()}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"playing\n"
        with ndi("crash") as output:
            assert output.state is OutputState.FAILING
        child.kill()
    with ndi("crash") as output:
        assert output.state is OutputState.PLAYING


def test_a_discovery_server_is_told_and_no_file_is_left(tmp_path: Path) -> None:
    """NDI reads its configuration once in a process, so that this is another."""
    code = (
        "import sys, time; from avserver.outputs.catalogue import Stage, make_output\n"
        "from avserver.outputs.settings import NdiSettings\n"
        "with make_output(NdiSettings(source='told', discovery=sys.argv[1]), 'ndi', Stage(30, 64, 48)):\n"
        "    print(flush=True); sys.stdin.read()"
    )
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        address = f"127.0.0.1:{server.getsockname()[1]}"
        command = [sys.executable, "-c", code, address]
        environment = {**os.environ, "TMPDIR": str(tmp_path)}
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"\n"
            assert [path for path in tmp_path.iterdir() if not path.name.startswith("NTK_")] == []
            server.accept()[0].close()
            child.communicate(timeout=10)
        assert child.returncode == 0


def test_a_configuration_of_the_users_own_is_read(tmp_path: Path) -> None:
    """A folder without one is refused. In another process, see above."""
    (tmp_path / "ndi-config.v1.json").write_text('{"ndi": {"machinename": "rack7"}}')
    code = (
        "import sys; from avserver.errors import ConfigError\n"
        "from avserver.outputs.catalogue import Stage, make_output\n"
        "from avserver.outputs.settings import NdiSettings\n"
        "for folder in sys.argv[1:]:\n"
        "    try:\n"
        "        with make_output(NdiSettings(config_dir=folder), 'ndi', Stage(30, 64, 48)) as output:\n"
        "            print(output.where)\n"
        "    except ConfigError as err: print(err)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "none"), str(tmp_path)]
    refused, taken = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout.splitlines()
    assert refused.startswith("config_dir of an NDI output is a folder with ndi-config.v1.json in it, got ")
    assert taken == "RACK7 (avserver) (NDI)"


def test_a_show_file_names_it(tmp_path: Path) -> None:
    path = tmp_path / "show.toml"
    path.write_text('[[output]]\nkind = "ndi"\nsource = "left"\ngroups = "stage"\nalpha = true\nfps = 25\n')
    name, settings = load_show(path).outputs[-1]
    assert name == "ndi"
    assert settings == NdiSettings(source="left", groups="stage", alpha=True, fps=25.0)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"source": ""}, "source of an NDI output is 1 to 150 letters on one line, got ''"),
        ({"source": "a\nb"}, "on one line"),
        ({"discovery": "10.0.0.1", "config_dir": "/etc/ndi"}, "discovery or config_dir, not both"),
    ],
)
def test_settings_that_cannot_be_are_told(wrong: dict[str, str], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        NdiSettings(**wrong)  # type: ignore[arg-type]


def test_one_process_has_one_configuration() -> None:
    with ndi("configured"), pytest.raises(ConfigError, match="all NDI outputs of a show have the same discovery"):
        ndi("otherwise", discovery="10.0.0.1").open()


def test_without_its_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "NDIlib", None)
    output = NdiOutput(NdiSettings(), "ndi", 30.0)
    with pytest.raises(ConfigError, match=r"pip install avserver\[ndi\]"):
        output.open()


@pytest.mark.parametrize(
    ("fps", "fraction"),
    [
        (30.0, Fraction(30)),
        (29.97, Fraction(30000, 1001)),
        (30000 / 1001, Fraction(30000, 1001)),
        (23.976, Fraction(24000, 1001)),
        (59.94, Fraction(60000, 1001)),
        (24.0, Fraction(24)),
        (12.5, Fraction(25, 2)),
        (1.0, Fraction(1)),
    ],
)
def test_rates_are_those_of_video(fps: float, fraction: Fraction) -> None:
    assert as_fraction(fps) == fraction
