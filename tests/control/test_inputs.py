"""What comes from outside: kept if somebody listens, and a knob where a mapping says so."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avserver.control.events import Event
from avserver.control.inputs import Inputs, OscKnob, osc_source
from avserver.control.scale import Scale


@pytest.fixture
def inputs() -> Inputs:
    inputs = Inputs()
    inputs.take(
        ["osc /camera/xy 2", "midi cc 1 7"],
        [OscKnob("/camera/xy 1", "/noise/speed", Scale((0.0, 1.0), (0.0, 8.0)))],
    )
    return inputs


def says(address: str, *arguments: object) -> Event:
    return Event(address, arguments, "ann", print, due_unix_s=5.0, outside=True)


def turns(*knobs: tuple[str, object]) -> list[Event]:
    return [replace(says(address, value), outside=False) for address, value in knobs]


def test_only_what_is_listened_to_is_kept(inputs):
    assert inputs.hear([says("/camera/xy", 0.25, 7)]) == turns(("/noise/speed", 2.0))
    inputs.put("midi cc 1 7", 0.5)
    inputs.put("midi cc 1 8", 0.5)
    assert inputs.values == {"osc /camera/xy 2": 7.0, "midi cc 1 7": 0.5}
    inputs.take(["osc /camera/xy 1", "midi cc 1 7"], [])
    assert inputs.values == {"midi cc 1 7": 0.5}
    assert inputs.hear([says("/camera/xy", 0.25, 7)]) == []
    inputs.forget()
    assert inputs.values == {}


def test_what_it_turns_has_the_place_of_the_message_and_all_else_stays(inputs):
    others = [says("/camera", 0.5), replace(says("/camera/xy", 0.5), outside=False), says("/noise/speed", 1.0)]
    heard = inputs.hear([others[0], says("/camera/xy", 0.5), *others[1:]])
    assert heard == [others[0], *turns(("/noise/speed", 4.0)), *others[1:]]


def test_under_input_is_room_for_whoever_has_something_to_tell(inputs):
    def ours(address: str, *arguments: object) -> Event:
        return replace(says(address, *arguments), outside=False)

    inputs.take(
        ["osc /avserver/input/camera/motion 1"],
        [OscKnob("/avserver/input/camera/centre 2", "/noise/speed", Scale((0.0, 1.0), (0.0, 8.0)))],
    )
    told = [ours("/input/camera/motion", 0.5), ours("/input/camera/centre", 0.0, 0.5), ours("/input/camera/flow", 1.0)]
    heard = ours("/input/tempo", 120.0)
    assert inputs.hear([*told, heard]) == [*turns(("/noise/speed", 4.0)), heard]
    assert inputs.values == {"osc /avserver/input/camera/motion 1": 0.5}


@pytest.mark.parametrize("arguments", [(), (0.5,), ("left", "right"), (0.5, math.nan), (None, (0.5, 0.5))])
def test_what_is_no_number_is_passed_over(inputs, arguments):
    inputs.hear([says("/camera/xy", 0.0, 0.75)])
    assert inputs.hear([says("/camera/xy", *arguments)]) == turns(("/noise/speed", 4.0)) * (arguments[:1] == (0.5,))
    assert inputs.values == {"osc /camera/xy 2": 0.75}


def test_one_address_may_turn_several_parameters(inputs):
    knobs = [OscKnob("/f 1", to, Scale((0.0, 127.0), (0.0, 1.0))) for to in ("/a", "/b")]
    inputs.take([], knobs)
    assert inputs.hear([says("/f", True)]) == turns(("/a", 1 / 127), ("/b", 1 / 127))


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("/a", "/a 1"),
        ("/1/xy 2", "/1/xy 2"),
        ("/avserverx", "/avserverx 1"),
        ("/avserver", None),
        ("/avserver/noise/speed", None),
        ("/avserver/input/camera/motion 2", "/avserver/input/camera/motion 2"),
        ("/avserver/input/tempo", None),
        ("/avserver/input/camera/", None),
        ("/a 0", None),
        ("/a/", None),
        ("/a*", None),
        ("a", None),
        ("", None),
    ],
)
def test_addresses(text, source):
    assert osc_source(text) == source


@given(st.text(), st.text(max_size=3))
def test_whatever_is_asked_it_is_named_in_full_or_not_at_all(text, number):
    source = osc_source(f"{text} {number}".strip())
    assert source is None or osc_source(source) == source
