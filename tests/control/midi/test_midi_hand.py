"""Knobs at work on a real desk: from bytes to values, and back to lights."""

import pytest
from bench import Bench
from hypothesis import given
from hypothesis import strategies as st

from avserver.control.midi.connection import INBOX_LENGTH
from avserver.errors import MappingError


def table(control: str, to: str, *more: str, port: str = "nano") -> str:
    return "\n".join(["[[midi]]", f'port = "{port}"', f'control = "{control}"', f'to = "{to}"', *more, ""])


JUMP = 'takeover = "jump"'


def test_every_step_of_a_sweep_is_seen_or_coalesced_and_the_last_is_right() -> None:
    bench = Bench(table("cc 1 7", "/noise/strength", JUMP))
    seen = []
    for value in range(128):
        bench.play(f"B0 07 {value:02X}")
        seen.append(bench["/noise/strength"])
    assert seen == pytest.approx([2 * value / 127 for value in range(128)])
    bench.play(*(f"B0 07 {value:02X}" for value in range(100, -1, -1)))
    assert bench["/noise/strength"] == 0.0
    assert bench.hand.status() == {"midi_ports": "nano", "midi_received": 229, "midi_coalesced": 100, "midi_dropped": 0}


@given(st.lists(st.integers(0, 127), min_size=1, max_size=20), st.lists(st.booleans(), min_size=20, max_size=20))
def test_however_a_sweep_falls_into_frames_its_end_is_right(values: list[int], ends: list[bool]) -> None:
    bench = Bench(table("cc 1 7", "/noise/strength", JUMP) + table("cc 1 8", "/noise/speed", JUMP))
    frame: list[str] = []
    for value, end in zip(values, ends, strict=False):
        frame += [f"B0 07 {value:02X}", f"B0 08 {127 - value:02X}"]
        if end:
            bench.play(*frame)
            frame = []
    bench.play(*frame)
    assert bench["/noise/strength"] == pytest.approx(2 * values[-1] / 127)
    assert bench["/noise/speed"] == pytest.approx(8 * (127 - values[-1]) / 127)


def test_more_than_there_is_room_for_is_counted_and_the_last_is_right() -> None:
    bench = Bench(table("cc 1 7", "/noise/strength", JUMP))
    bench.play(*[b"\xb0\x07\x01"] * INBOX_LENGTH, "B0 07 7F")
    assert bench["/noise/strength"] == 2.0
    assert bench.hand.status()["midi_dropped"] == 1


def test_range_and_curve() -> None:
    knob = Bench(table("cc 1 7", "/noise/speed", JUMP, "range = [4, 2]", 'curve = "exp"')).patch.midi[0]
    assert [knob.scaled(position) for position in (0.0, 1.0)] == [4.0, 2.0]
    assert knob.scaled(0.5) == pytest.approx(4 - 2 * 0.1502, abs=1e-3)
    for curve in ("linear", "exp", "log"):
        knob = Bench(table("cc 1 7", "/noise/speed", f'curve = "{curve}"')).patch.midi[0]
        assert [knob.position(knob.scaled(share / 10)) for share in range(11)] == pytest.approx(
            [share / 10 for share in range(11)]
        )
        assert [knob.position(value) for value in (-1e9, 1e9)] == [0.0, 1.0]


def test_a_fader_picks_up_even_when_it_is_fast_and_loses_what_others_turn() -> None:
    bench = Bench(table("cc 1 7", "/output/opacity", "range = [0, 1]"))
    bench.turn("/output/opacity", 0.5)
    bench.play("B0 07 10")
    assert bench["/output/opacity"] == 0.5
    bench.play("B0 07 7F")  # from 16 to 127 at once: past it
    assert bench["/output/opacity"] == 1.0
    bench.play("B0 07 40")
    assert bench["/output/opacity"] == pytest.approx(64 / 127)
    bench.turn("/output/opacity", 0.1)
    bench.play("B0 07 41")
    assert bench["/output/opacity"] == 0.1
    bench.play("B0 07 00", "B0 07 05")  # past it within one frame
    assert bench["/output/opacity"] == pytest.approx(5 / 127)


def test_a_knob_that_stays_in_an_edited_file_keeps_what_it_picked_up() -> None:
    knob = table("cc 1 7", "/output/opacity")
    bench = Bench(knob)
    bench.play("B0 07 7F", "B0 07 40")
    bench.take(knob + table("cc 1 8", "/noise/speed", port="APC"))
    assert bench.plugs.wanted == {"nano", "APC"}
    bench.play("B0 07 30")
    assert bench["/output/opacity"] == pytest.approx(48 / 127)
    bench.take(knob.replace("opacity", "freeze"))
    bench.play("B0 07 7F", "B0 08 7F")
    assert bench["/output/freeze"] is True
    assert bench["/noise/speed"] == 1.0


def test_whole_numbers_and_choices_by_position() -> None:
    bench = Bench(table("cc 1 7", "/latent/truncation_cutoff", JUMP) + table("cc 1 8", "/output/freeze"))
    for value, cutoff in ((0, 0), (64, 16), (127, 32)):
        bench.play(f"B0 07 {value:02X}")
        assert bench["/latent/truncation_cutoff"] == cutoff
    for value, frozen in ((127, True), (64, True), (63, False)):
        bench.play(f"B0 08 {value:02X}")
        assert bench["/output/freeze"] is frozen


def test_a_whole_number_is_picked_up_where_it_is_meant() -> None:
    bench = Bench(table("cc 1 7", "/segment/select", "range = [0, 4]"))
    bench.turn("/segment/select", 2)
    bench.play("B0 07 38")  # 56: 1.76, which means 2
    bench.play("B0 07 7F")
    assert bench["/segment/select"] == 4


def test_an_encoder_turns_from_where_the_parameter_stands() -> None:
    bench = Bench(table("cc 1 7", "/output/opacity", 'encoder = "twos"', "step = 0.1", "acceleration = 1"))
    bench.play("B0 07 7F")
    bench.turn("/output/opacity", 0.5)
    bench.play("B0 07 01", "B0 07 01")
    assert bench["/output/opacity"] == pytest.approx(0.7)
    bench.play(*["B0 07 7E"] * 4)
    assert bench["/output/opacity"] == 0.0
    bench = Bench(table("cc 1 7", "/segment/select", 'encoder = "offset"', "step = 0.004", "acceleration = 1"))
    bench.play("B0 07 41")  # half a number: kept
    assert bench["/segment/select"] == 1
    bench.play("B0 07 41")
    assert bench["/segment/select"] == 1
    bench.play("B0 07 41")
    assert bench["/segment/select"] == 2


def test_data_increments_are_detents() -> None:
    bench = Bench(table("nrpn 1 300", "/noise/speed", "acceleration = 1", "step = 0.125", JUMP))
    bench.play("B0 63 02", "B0 62 2C", "B0 60 00", "B0 60 00", "B0 61 00")
    assert bench["/noise/speed"] == pytest.approx(2.0)
    bench.play("B0 06 7F", "B0 26 7F")
    assert bench["/noise/speed"] == 8.0


def test_keys() -> None:
    on, off = "90 24 40", "80 24 00"
    bench = Bench(table("note 1 36", "/noise/grain_fine", "range = [0.25, 1]", "velocity = true"))
    bench.play(on)
    assert bench["/noise/grain_fine"] == pytest.approx(0.25 + 0.75 * 64 / 127)
    bench.play(off)
    assert bench["/noise/grain_fine"] == 0.25
    bench = Bench(table("note 1 36", "/output/freeze", 'mode = "toggle"'))
    stood = []
    for message in (on, off, on, off):
        bench.play(message)
        stood.append(bench["/output/freeze"])
    assert stood == [True, True, False, False]
    bench.play(on, off, on, off, on, off)
    assert bench["/output/freeze"] is True
    bench = Bench("".join(table(f"note 1 {36 + n}", "/segment/select", f"value = {n}") for n in range(4)))
    bench.play("90 26 7F", "80 26 00")
    assert bench["/segment/select"] == 2
    bench = Bench(table("note 1 36", "/segment/next") + table("note 1 37", "/preset/recall", 'value = "Finale"'))
    bench.play(on, off, on, "90 25 01", "90 25 00")
    assert (bench.fired, bench.commands) == (["/segment/next"], [("Finale",)])
    assert bench.desk.failures == 0


def test_a_button_that_sends_control_changes_fires_once_a_press() -> None:
    bench = Bench(table("cc 1 41", "/panic"))
    for value in ("3F", "40", "7F", "00", "7F"):
        bench.play(f"B0 29 {value}")
    assert bench.fired == ["/panic", "/panic"]


def test_programs_choose_by_their_number() -> None:
    bench = Bench(table("program 1", "/segment/select") + table("program 2", "/preset/recall"))
    bench.play("C0 07", "C1 09")
    assert (bench["/segment/select"], bench.commands) == (7, [(9,)])


def test_controls_tell_where_they_stand_whether_they_turn_anything_or_not() -> None:
    bench = Bench(table("cc 1 7", "/noise/speed"))
    bench.play("B3 0A 7F", "E0 00 40")
    assert bench.told["midi cc 4 10"] == 1.0
    assert bench.told["midi bend 1"] == 0.5


def test_only_the_controller_that_is_named_is_listened_to() -> None:
    bench = Bench(table("cc 1 7", "/noise/speed", JUMP, port="KONTROL"), "APC", "nanoKontrol2 A", "nanoKontrol2 B")
    bench.play("B0 07 00", port=0)
    bench.play("B0 07 00", port=2)
    assert bench["/noise/speed"] == 1.0
    bench.play("B0 07 00", port=1)
    assert bench["/noise/speed"] == 0.0


def test_a_star_is_every_controller_but_alsas_loop() -> None:
    bench = Bench(table("cc 1 7", "/noise/speed", JUMP, port="*"), "Midi Through:Midi Through Port-0 14:0", "a", "b")
    for port, speed in ((0, 1.0), (1, 8.0)):
        bench.play("B0 07 7F", port=port)
        assert bench["/noise/speed"] == speed
    bench.play("B0 07 00", port=2)
    assert bench["/noise/speed"] == 0.0


def test_lights_follow_others_but_not_the_fader_itself() -> None:
    bench = Bench(
        table("cc 1 7", "/output/opacity")
        + table("cc14 1 2", "/noise/speed", "range = [0, 8]")
        + table("note 2 36", "/output/freeze", 'mode = "toggle"', "on = 21", "off = 1")
        + table("note 2 37", "/output/blackout", "feedback = false")
        + table("bend 3", "/grade/saturation", "range = [0, 2]")
    )
    bench.turn("/output/opacity", 0.0)
    bench.turn("/noise/speed", 8.0)
    bench.turn("/output/freeze", 1)
    bench.turn("/output/blackout", 1)
    bench.turn("/grade/saturation", 0.0)
    bench.frame()
    shown = ["b0 07 00", "b0 02 7f", "b0 22 7f", "91 24 15", "e2 00 00"]
    assert [message.hex(" ") for message in bench.plugs.sent] == shown
    assert bench.rest() == []
    bench.play("B0 07 00", "B0 07 20")
    assert bench.rest() == []
    bench.play("91 24 40", "81 24 00")
    assert [message.hex(" ") for message in bench.rest()] == ["91 24 01"]


def test_a_motor_fader_is_left_alone_until_the_hand_has_gone() -> None:
    bench = Bench(table("bend 1", "/output/opacity"))
    for _ in range(10):
        bench.play("E0 00 20")
        bench.turn("/output/opacity", 1.0)
    assert bench.plugs.sent == []
    assert bench.rest() == [b"\xe0\x7f\x7f"]


def test_at_most_one_message_a_frame() -> None:
    bench = Bench(table("cc 1 7", "/output/opacity"))
    for value in range(100):
        bench.turn("/output/opacity", value / 100)
    assert len(bench.plugs.sent) <= 100


def test_of_two_knobs_on_one_control_the_first_is_shown() -> None:
    bench = Bench(table("cc 1 7", "/output/opacity") + table("cc 1 7", "/noise/speed"))
    bench.turn("/noise/speed", 0.0)
    assert bench.rest() == []


def test_all_is_shown_when_a_controller_comes_back() -> None:
    bench = Bench(table("cc 1 7", "/output/opacity") + table("note 1 36", "/output/freeze"))
    connection = bench.plugs.connections[0]
    bench.plugs.connections = ()
    bench.turn("/output/freeze", True)
    assert bench.rest() == []
    bench.plugs.connections = (type(connection)("nano again", 7),)
    assert [message.hex(" ") for message in bench.rest()] == ["b0 07 7f", "90 24 7f"]


def test_a_fader_that_was_moved_while_unplugged_is_picked_up_afresh() -> None:
    bench = Bench(table("cc 1 7", "/output/opacity"))
    bench.play("B0 07 7F", "B0 07 20")
    bench.turn("/output/opacity", 0.5)
    connection = bench.plugs.connections[0]
    bench.plugs.connections = (type(connection)(connection.name, 7),)
    bench.frame()
    bench.play("B0 07 70")
    assert bench["/output/opacity"] == 0.5


def test_what_cannot_be_done_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(table("program 1", "/preset/save"))
    for _ in range(3):
        bench.play("C0 01")
    (record,) = caplog.records
    assert record.message.startswith("a MIDI controller: /avserver/preset/save, there is no parameter '/preset/save'")


@given(st.lists(st.binary(min_size=1, max_size=4), max_size=30))
def test_no_bytes_stop_the_hand(sent: list[bytes]) -> None:
    kinds = [("cc 1 1", "/noise/speed"), ("cc14 1 1", "/noise/strength"), ("note 1 1", "/output/freeze"),
             ("program 1", "/segment/select"), ("bend 1", "/grade/hue"), ("pressure 1", "/mix/amount"),
             ("poly 1 1", "/panic"), ("nrpn 1 1", "/mix/first")]  # fmt: skip
    bench = Bench("".join(table(control, to) for control, to in kinds))
    bench.play(*sent)
    bench.play(
        *(bytes([0x80 + message[0] % 128 // 16 * 16, *(byte % 128 for byte in message[1:])]) for message in sent)
    )
    assert bench.desk.failures == 0


WRONG = {
    "an encoder of another kind": (["cc 1 7", "/noise/speed", 'encoder = "two"'], "encoder does not know 'two'; did"),
    "an encoder that is a key": (["note 1 7", "/noise/speed", 'encoder = "twos"'], "line 5: an encoder is a cc, got"),
    "a step without an encoder": (["cc 1 7", "/noise/speed", "step = 0.1"], "step is for an encoder, and there is no"),
    "an unknown takeover": (["cc 1 7", "/noise/speed", 'takeover = "pick"'], "did you mean 'pickup'?"),
    "a key that picks up": (["note 1 7", "/noise/speed", 'takeover = "pickup"'], "for a control that stands somewhere"),
    "a trigger that is held": (["note 1 7", "/panic", 'mode = "toggle"'], "its mode is trigger, not 'toggle'"),
    "a range of a trigger": (["note 1 7", "/panic", "range = [0, 1]"], "/panic has no value, and so no range"),
    "a value that fires": (["note 1 7", "/noise/speed", 'mode = "trigger"'], "mode trigger is for what fires"),
    "a radio without a value": (["note 1 7", "/noise/speed", 'mode = "radio"'], "mode radio needs a value to set"),
    "a toggle with a value": (["note 1 7", "/noise/speed", 'mode = "toggle"', "value = 1"], "value is for mode radio"),
    "a value of the wrong kind": (["note 1 7", "/noise/speed", 'value = "much"'], "line 5: /noise/speed takes a"),
    "a value that is a list": (["note 1 7", "/noise/speed", "value = [1]"], "value takes a number, a name, true or"),
    "a value for a trigger": (["note 1 7", "/panic", "value = 1"], "/panic is a trigger and takes no value"),
    "a command without a name": (["note 1 7", "/preset/recall"], "line 1: /preset/recall needs a value, the name of a"),
    "velocity of a toggle": (["note 1 7", "/noise/speed", 'mode = "toggle"', "velocity = true"], "for mode momentary"),
    "a program for a switch": (["program 1", "/output/freeze"], "a program sets a whole number or one of /preset/rec"),
    "a light too bright": (["note 1 7", "/noise/speed", "on = 128"], "on takes a number from 0 to 127, got 128"),
    "half a light": (["note 1 7", "/noise/speed", "on = 1.5"], "on takes a whole number from 0 to 127, got 1.5"),
    "feedback as a number": (["note 1 7", "/noise/speed", "feedback = 1"], "feedback takes true or false, got 1"),
    "a range of nothing": (["cc 1 7", "/noise/speed", "range = [1, 1]"], "range takes two different numbers"),
    "an unknown key": (["cc 1 7", "/noise/speed", "curv = 1"], "[[midi]] has no key 'curv'; did you mean 'curve'?"),
    "a command that is none": (["note 1 7", "/preset/recal"], "there is no parameter '/preset/recal'"),
}  # fmt: skip


@pytest.mark.parametrize(("lines", "reason"), WRONG.values(), ids=WRONG.keys())
def test_what_cannot_be_played_is_refused(lines: list[str], reason: str) -> None:
    with pytest.raises(MappingError) as error:
        Bench(table(*lines))
    assert str(error.value).startswith("x.toml, line ")
    assert reason in str(error.value)


def test_a_port_without_a_name_is_refused() -> None:
    with pytest.raises(MappingError, match="port takes a part of a MIDI port's name"):
        Bench(table("cc 1 7", "/noise/speed", port=""))
