"""Learning a knob: what was it that moved, and how it comes into the mapping file."""

import json
import threading
from pathlib import Path

import pytest
from controller import Controller, until

from avserver.cli import main
from avserver.control.mapping import load_patch
from avserver.control.midi.connection import Connection
from avserver.control.midi.controls import Control
from avserver.control.midi.learn import Lesson, append, lasting_name, learn
from avserver.control.midi.monitor import monitor
from avserver.control.midi.recognise import Found, recognise
from avserver.errors import MappingError, MidiError, ParamError

NANO, OTHER = Connection("nano", 0), Connection("other", 1)
SWEEP = range(10, 90, 7)

MOVED = {
    "a fader": ([f"B0 07 {v:02X}" for v in SWEEP], Found(NANO, Control("cc", 1, 7))),
    "a button that sends control changes": (["B0 29 7F", "B0 29 00"], Found(NANO, Control("cc", 1, 41), button=True)),
    "a fader of fourteen bits": (
        [m for v in SWEEP for m in (f"B1 02 {v:02X}", f"B1 22 {v:02X}")], Found(NANO, Control("cc14", 2, 2))
    ),
    "two knobs that could be one": (
        ["B1 22 05", *(f"B1 02 {v:02X}" for v in SWEEP)], Found(NANO, Control("cc", 2, 2))
    ),
    "a non-registered parameter": (
        [m for v in SWEEP for m in ("B0 63 02", "B0 62 2C", f"B0 06 {v:02X}")], Found(NANO, Control("nrpn", 1, 300))
    ),
    "a key, pressed hard": (
        ["90 24 60", "D0 10", "D0 20", "80 24 00"], Found(NANO, Control("note", 1, 36), button=True)
    ),
    "a motor fader that is touched": (
        ["90 68 7F", *(f"E0 00 {v:02X}" for v in SWEEP), "90 68 00"], Found(NANO, Control("bend", 1))
    ),
    "a program with its bank": (["B0 00 01", "B0 20 02", "C0 05"], Found(NANO, Control("program", 1))),
    "an encoder, signed": (["B0 07 01"] * 5 + ["B0 07 41"] * 5, Found(NANO, Control("cc", 1, 7), "signed")),
    "an encoder, signed the other way": (
        ["B0 07 41"] * 5 + ["B0 07 01"] * 5, Found(NANO, Control("cc", 1, 7), "signed2")
    ),
    "an encoder with an offset": (["B0 07 41"] * 5 + ["B0 07 3F"] * 5, Found(NANO, Control("cc", 1, 7), "offset")),
    "an encoder in two's complement": (["B0 07 01"] * 5 + ["B0 07 7E"] * 5, Found(NANO, Control("cc", 1, 7), "twos")),
    "a fader at its low end": ([f"B0 07 {v:02X}" for v in (1, 2, 3, 4, 5, 4, 3)], Found(NANO, Control("cc", 1, 7))),
    "nothing": (["80", "F0 F7"], None),
}  # fmt: skip


@pytest.mark.parametrize(("sent", "found"), MOVED.values(), ids=MOVED.keys())
def test_what_moved_is_recognised(sent: list[str], found: Found | None) -> None:
    received = [(NANO, bytes.fromhex(message), 0.0) for message in sent]
    assert recognise([*received[:1], (OTHER, b"\x90\x01\x01", 0.0), *received[1:]]) == found


@pytest.mark.parametrize(
    ("port", "lasting"),
    [
        ("nanoKONTROL2:nanoKONTROL2 MIDI 1 20:0", "nanoKONTROL2:nanoKONTROL2 MIDI 1"),
        ("controller:nano 2", "controller:nano 2"),
        ("20:0", "20:0"),
    ],
)
def test_a_port_is_called_what_it_will_be_called_tomorrow(port: str, lasting: str) -> None:
    assert lasting_name(port) == lasting


def test_a_table_is_added_and_all_else_stays(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text("# mine\n[[bend]] # my bend\nname='z'\nlayer='b8'\ntransform='zoom'", encoding="utf-8")
    path.chmod(0o640)
    before = path.read_text(encoding="utf-8")
    append(path, '[[midi]]\nport = "a"\ncontrol = "cc 1 7"\nto = "/bend/z/amount"\n')
    assert path.read_text(encoding="utf-8").startswith(before + "\n\n[[midi]]\n")
    assert path.stat().st_mode & 0o777 == 0o640
    assert load_patch(path).midi[0].target == "/bend/z/amount"
    whole = path.read_bytes()
    with pytest.raises(MappingError, match="line 15: there is no parameter"):
        append(path, '[[midi]]\nport = "a"\ncontrol = "cc 1 7"\nto = "/bend/y/amount"\n')
    assert path.read_bytes() == whole
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.toml"]


def moved_meanwhile(controller: Controller, stop: threading.Event) -> threading.Thread:
    def move() -> None:
        value = 0
        while not stop.wait(0.01):
            value = (value + 3) % 128
            controller.send("control_change", channel=0, control=16, value=value)

    thread = threading.Thread(target=move)
    thread.start()
    return thread


def test_a_knob_is_learned(jack_midi, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("avserver.control.midi.learn._ENOUGH_S", 0.3)
    path = tmp_path / "x.toml"
    path.write_text("# mine\n", encoding="utf-8")
    controller, stop = Controller("nano"), threading.Event()
    answers, said = iter(["/noise/strenght", "/noise/strength"]), []
    thread = moved_meanwhile(controller, stop)
    try:
        table = learn(Lesson(path, backend="jack", patience_s=20), lambda _: next(answers), said.append)
    finally:
        stop.set()
        thread.join()
        controller.unplug()
    assert table == '[[midi]]\nport = "controller:nano out"\ncontrol = "cc 1 16"\nto = "/noise/strength"\n'
    assert path.read_text(encoding="utf-8") == f"# mine\n\n{table}"
    assert said[0] == "there is no parameter '/noise/strenght'; did you mean '/noise/strength'?"
    assert "cc 1 16 of controller:nano out" in said


def test_what_comes_in_is_shown(jack_midi) -> None:
    controller, stop, said = Controller("nano"), threading.Event(), []
    thread = moved_meanwhile(controller, stop)
    try:
        until(lambda: monitor(said.append, backend="jack", duration_s=1.0) or len(said) > 3)
    finally:
        stop.set()
        thread.join()
        controller.unplug()
    assert "midi in:  controller:nano out" in said
    assert any(line.startswith("controller:nano out: cc 1 16 = ") for line in said)


def test_nobody_moves_anything(jack_midi) -> None:
    with pytest.raises(MidiError, match="no controller moved"):
        learn(Lesson(to="/noise/strength", backend="jack", patience_s=0.1), str, str)


def test_an_unknown_parameter_is_refused_before_anybody_moves_anything() -> None:
    with pytest.raises(ParamError, match="did you mean '/noise/strength'"):
        learn(Lesson(to="/noise/strenght"), str, str)


def test_the_command_line_tells_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["midi", "learn", "--to", "/noise/strenght"]) == 2
    assert "did you mean '/noise/strength'?" in capsys.readouterr().err
    assert main(["devices", "--json"]) == 0
    assert {"midi_inputs", "midi_outputs", "midi_problem"} <= set(json.loads(capsys.readouterr().out))
