"""Decoding: what bytes mean. Messages are made by mido where it knows them, so that two have read the specification."""

import itertools

import mido
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avserver.control.midi.controls import SPECS, TOP_14, Control, Move, parse_control
from avserver.control.midi.decoder import Decoder
from avserver.control.midi.feedback import messages
from avserver.errors import ParamError

CHANNELS = st.integers(1, 16)
SEVEN = st.integers(0, 127)
FOURTEEN = st.integers(0, TOP_14)


def decoded(*sent: bytes) -> list[Move]:
    decoder = Decoder()
    return [move for message in sent for move in decoder.feed(message, 0.0)]


def of(kind: str, moves: list[Move]) -> list[tuple[str, int]]:
    return [(str(move.control), move.value) for move in moves if move.control.kind == kind]


def changes(channel: int, *pairs: tuple[int, int]) -> list[bytes]:
    return [bytes((0xB0 | channel - 1, controller, value)) for controller, value in pairs]


@given(st.lists(st.binary(max_size=5) | st.lists(st.integers(0xB0, 0xBF) | SEVEN, max_size=4).map(bytes)))
def test_no_bytes_raise_and_every_move_is_a_control_that_there_is(sent: list[bytes]) -> None:
    for move in decoded(*sent):
        assert parse_control(str(move.control)) == move.control
        assert 0 <= move.value <= move.control.spec.top
        assert 0.0 <= move.position <= 1.0


@given(CHANNELS, SEVEN, SEVEN)
def test_messages_of_one_piece(channel: int, number: int, value: int) -> None:
    def said(kind: str, **values: int) -> bytes:
        return bytes(mido.Message(kind, channel=channel - 1, **values).bytes())

    assert of("cc", decoded(said("control_change", control=number, value=value))) == [(f"cc {channel} {number}", value)]
    assert of("note", decoded(said("note_on", note=number, velocity=value))) == [(f"note {channel} {number}", value)]
    assert of("note", decoded(said("note_off", note=number, velocity=value))) == [(f"note {channel} {number}", 0)]
    assert of("poly", decoded(said("polytouch", note=number, value=value))) == [(f"poly {channel} {number}", value)]
    assert of("pressure", decoded(said("aftertouch", value=value))) == [(f"pressure {channel}", value)]
    assert of("program", decoded(said("program_change", program=value))) == [(f"program {channel}", value)]


@given(CHANNELS, st.integers(-8192, 8191))
def test_bend_rests_in_the_middle(channel: int, pitch: int) -> None:
    (move,) = decoded(bytes(mido.Message("pitchwheel", channel=channel - 1, pitch=pitch).bytes()))
    assert (str(move.control), move.value) == (f"bend {channel}", pitch + 8192)
    assert (move.position > 0.5, move.position < 0.5) == (pitch > 0, pitch < 0)
    assert move.control.value(move.position) == move.value


@given(CHANNELS, st.integers(0, 31), st.lists(FOURTEEN, min_size=1, max_size=5), st.booleans())
def test_fourteen_bits_are_right_whichever_half_comes_first(
    channel: int, number: int, values: list[int], fine_first: bool
) -> None:
    decoder = Decoder()
    for value in values:
        halves = changes(channel, (number, value >> 7), (number + 32, value & 127))
        moves = [move for half in (reversed(halves) if fine_first else halves) for move in decoder.feed(half, 0.0)]
        assert of("cc14", moves)[-1] == (f"cc14 {channel} {number}", value)


def test_a_control_without_a_fine_half_still_reaches_both_ends() -> None:
    assert [value for _, value in of("cc14", decoded(*changes(1, (7, 0), (7, 127))))] == [0, TOP_14]
    assert of("cc14", decoded(*changes(1, (39, 5)))) == []  # a fine half alone tells nothing


@given(CHANNELS, st.integers(0, TOP_14 - 1), FOURTEEN)
def test_a_non_registered_parameter(channel: int, number: int, value: int) -> None:
    sent = changes(channel, (99, number >> 7), (98, number & 127), (6, value >> 7), (38, value & 127))
    assert of("nrpn", decoded(*sent))[-1] == (f"nrpn {channel} {number}", value)


def test_data_belongs_to_what_was_selected_last() -> None:
    select = changes(3, (99, 2), (98, 44))
    assert of("nrpn", decoded(*changes(3, (6, 5), (38, 5), (96, 0)))) == []
    assert of("nrpn", decoded(*select, *changes(3, (101, 0), (100, 0), (6, 5)))) == []  # a registered one now
    assert of("nrpn", decoded(*select, *changes(3, (99, 127), (98, 127), (6, 5)))) == []
    assert of("nrpn", decoded(*select, *changes(4, (6, 5)))) == []  # another channel
    assert of("nrpn", decoded(*select, *changes(3, (6, 127)))) == [("nrpn 3 300", TOP_14)]
    steps = [move.steps for move in decoded(*select, *changes(3, (96, 0), (96, 0), (97, 0))) if move.steps]
    assert steps == [1, 1, -1]


def test_programs_count_on_from_bank_to_bank() -> None:
    program = bytes.fromhex("C1 03")
    assert of("program", decoded(*changes(2, (0, 1)), program)) == [("program 2", 131)]  # coarse half alone
    assert of("program", decoded(*changes(2, (0, 1), (32, 2)), program)) == [("program 2", 130 * 128 + 3)]
    assert of("program", decoded(*changes(1, (0, 1)), program)) == [("program 2", 3)]


def test_switches_are_on_from_the_upper_half_and_keys_from_any_velocity() -> None:
    control, key = Control("cc", 1, 1), Control("note", 1, 1)
    assert [Move(control, value, 0.0).pressed for value in (0, 63, 64, 127)] == [False, False, True, True]
    assert [Move(key, value, 0.0).pressed for value in (0, 1, 127)] == [False, True, True]
    assert [Move(Control("bend", 1), value, 0.0).pressed for value in (8191, 8192)] == [False, True]


@given(st.sampled_from(["cc", "cc14", "nrpn", "bend", "note"]), CHANNELS, st.data())
def test_what_is_sent_back_means_what_was_sent(kind: str, channel: int, data: st.DataObject) -> None:
    most = min(SPECS[kind].most, TOP_14 - 1)
    control = Control(kind, channel, data.draw(st.integers(0, most)))
    value = data.draw(st.integers(0, control.spec.top))
    assert of(kind, decoded(*messages(control, value)))[-1] == (str(control), value)
    assert control.value(control.position(value)) == value


def test_what_has_no_light_is_not_shown() -> None:
    assert [messages(Control(kind, 1), 0) for kind in ("pressure", "poly", "program")] == [(), (), ()]


@given(st.sampled_from(sorted(SPECS)), CHANNELS, st.data())
def test_names_are_read_back(kind: str, channel: int, data: st.DataObject) -> None:
    control = Control(kind, channel, data.draw(st.integers(0, SPECS[kind].most)))
    assert parse_control(str(control)) == control


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("knob 1 2", "there is no control 'knob 1 2'; allowed: bend, cc, cc14, note, nrpn, poly, pressure, program"),
        ("nprn 1 2", "there is no control 'nprn 1 2'; did you mean 'nrpn'?"),
        ("cc14 1 32", "'cc14 CHANNEL CONTROLLER' with a channel from 1 to 16 and a controller from 0 to 31"),
        ("bend 17", "control takes 'bend CHANNEL' with a channel from 1 to 16, got 'bend 17'"),
    ],
)
def test_what_is_no_control_is_told_what_is(name: str, reason: str) -> None:
    with pytest.raises(ParamError) as error:
        parse_control(name)
    assert reason in str(error.value)


@given(st.text(alphabet="cn ote14bedr-²٣", max_size=12))
def test_names_that_are_none_are_refused(name: str) -> None:
    with pytest.raises(ParamError):
        parse_control(name + "x")


def test_every_number_of_words_but_the_right_one_is_refused() -> None:
    for kind, count in itertools.product(SPECS, range(5)):
        name = " ".join([kind, *["1"] * count])
        if count == (2 if SPECS[kind].number else 1):
            parse_control(name)
        else:
            with pytest.raises(ParamError):
                parse_control(name)
