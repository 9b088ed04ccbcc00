"""A controller turns a knob of a real server."""

from pathlib import Path

import pytest
from controller import Controller, until

from avserver.server_process import ServerProcess

KNOB = '[[midi]]\nport = "nano"\ncontrol = "cc 1 7"\nto = "/noise/strength"\n'


def test_a_controller_turns_a_knob_of_a_server(jack_midi, tiny_model: Path, tmp_path: Path) -> None:
    tmp_path.joinpath("m.toml").write_text(KNOB, encoding="utf-8")
    show = tmp_path / "show.toml"
    show.write_text(
        '[audio]\nsource = "none"\n[mapping]\npath = "m.toml"\n[midi]\nbackend = "jack"\n', encoding="utf-8"
    )
    controller = Controller("nano")
    with ServerProcess([str(show), "--model", str(tiny_model)], log=tmp_path / "log") as server:
        server.wait_for_osc()

        def turned() -> bool:
            for value in (127, 0, 16):
                controller.send("control_change", channel=0, control=7, value=value)
            return server.osc.ask("/noise/strength", timeout_s=0.2) == pytest.approx([2 * 16 / 127])

        until(turned)
        status = server.osc.status(5.0)
    assert status is not None
    assert status["midi_ports"] == "controller:nano out"
    assert status["midi_received"] >= 3
    assert status["midi_dropped"] == 0
    controller.unplug()
