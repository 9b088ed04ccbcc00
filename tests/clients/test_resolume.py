"""Resolume's messages as its manual has them, over UDP, and what it is sent."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pythonosc.osc_message_builder import build_msg
from stepped_show import Listener, SteppedShow

from avserver.bundled import mapping_path
from avserver.server_process import ServerProcess


def message(address: str, *arguments: float | int | str) -> bytes:
    return build_msg(address, list(arguments)).dgram


@pytest.fixture
def resolume() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.close()


@pytest.fixture
def mapping(resolume: Listener, tmp_path: Path) -> Path:
    """The file, for a Resolume that listens elsewhere than on 7000."""
    path = tmp_path / "resolume.toml"
    text = mapping_path("resolume").read_text(encoding="utf-8")
    assert text.count("osc 127.0.0.1:7000 ") == 4
    path.write_text(text.replace(":7000 ", f":{resolume.port} "), encoding="utf-8")
    return path


@pytest.fixture
def show(mapping: Path) -> Iterator[SteppedShow]:
    with SteppedShow(mapping_path("default"), mapping) as show:
        yield show


@pytest.mark.parametrize(
    ("address", "number", "target", "value"),
    [
        ("/composition/dashboard/link1", 0.5, "/latent/truncation_psi", 0.6),
        ("/composition/dashboard/link2", 1.0, "/noise/strength", 2.0),
        ("/composition/dashboard/link3", 0.5, "/noise/speed", 8 * 0.15022),
        ("/composition/dashboard/link4", 1.0, "/feedback/amount", 0.98),
        ("/composition/dashboard/link5", 0.25, "/grade/saturation", 0.5),
        ("/composition/dashboard/link6", 0.75, "/grade/hue", 90.0),
        ("/composition/dashboard/link7", 0.0, "/direction/1/amount", -3.0),
        ("/composition/dashboard/link8", 1.0, "/direction/2/amount", 3.0),
        ("/composition/layers/2/video/opacity", 1.0, "/grade/contrast", 1.4),
    ],
)
def test_what_resolume_turns(show, address, number, target, value):
    assert show.after(message(address, number))[target] == pytest.approx(value, abs=1e-4)


@pytest.mark.parametrize(("column", "fired"), [(1, "/segment/previous"), (2, "/segment/next"), (3, "/reseed/all")])
def test_a_column_fires_once(show, column, fired):
    assert show.after(message(f"/composition/columns/{column}/connect", 1)).fired == {fired}
    assert show.after(message(f"/composition/columns/{column}/connect", 0)).fired == set()


def test_what_resolume_is_told(show, resolume):
    show.after(message("/avserver/input/rms_db", "mix", -6.0))
    resting = dict(resolume.heard())
    assert resting["/composition/layers/1/video/opacity"] == (pytest.approx(0.4),)
    assert resting["/composition/layers/1/dashboard/link2"] == (0.0,)
    assert resting["/composition/layers/1/dashboard/link1"] == (pytest.approx(1.0, abs=0.2),)
    show.after(message("/avserver/input/onset", "drums", "low", 1.0), message("/avserver/input/onset", "drums", "mid"))
    heard = resolume.heard()
    assert max(value for address, (value,) in heard if address.endswith("opacity")) == pytest.approx(1.0, abs=0.01)
    assert [value for address, value in heard if address == "/composition/columns/4/connect"] == [(1,)]


def test_a_server_that_plays_sends_and_an_edit_is_heard_at_once(tiny_model, tmp_path, resolume):
    mapping = tmp_path / "mine.toml"
    send = f'[[send]]\nfrom = "free.saw"\nto = "osc 127.0.0.1:{resolume.port} /first"\n'
    mapping.write_text(send, encoding="utf-8")
    arguments = ["--model", str(tiny_model), "--size", "64", "--mapping", str(mapping)]
    with ServerProcess(arguments, log=tmp_path / "log") as server:
        server.wait_for_osc()
        assert _soon(resolume, "/first")
        mapping.write_text(send.replace("/first", "/second"), encoding="utf-8")
        assert _soon(resolume, "/second")
        status = server.osc.status()
        assert status is not None
        assert (int(str(status["sends"])) > 2, status["sends_failed"]) == (True, 0)


def _soon(listener: Listener, address: str) -> bool:
    end_s = time.monotonic() + 30
    while time.monotonic() < end_s:
        if address in dict(listener.heard()):
            return True
    return False
