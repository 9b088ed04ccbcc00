"""Actions that wait for the beat or the bar."""

import pytest

from avserver.control.events import Event
from avserver.control.moment import Moment
from avserver.control.quantiser import BAR, BEAT, OFF, Quantiser

KNOBS = {"/quantise/preset": BAR, "/quantise/segment": BEAT, "/quantise/reseed": BAR}


def event(address: str, *arguments: object) -> Event:
    return Event(address, arguments, "test", lambda *_: None)


def at(beats: float, bpm: float = 120.0) -> Moment:
    return Moment(0.0, 0.0, bpm, beats, 4)


def addresses(events: list[Event]) -> list[str]:
    return [held.address for held in events]


def test_each_group_waits_for_what_its_knob_says():
    quantiser = Quantiser()
    quantiser.due([], at(0.5), KNOBS)
    arrived = [event("/preset/recall", "dawn"), event("/noise/speed", 2), event("/segment/next")]
    assert addresses(quantiser.due(arrived, at(0.6), KNOBS)) == ["/noise/speed"]
    assert quantiser.pending == ["/preset/recall", "/segment/next"]
    assert quantiser.due([], at(0.9), KNOBS) == []
    assert addresses(quantiser.due([], at(1.1), KNOBS)) == ["/segment/next"]
    assert quantiser.due([], at(3.99), KNOBS) == []
    assert addresses(quantiser.due([], at(4.0), KNOBS)) == ["/preset/recall"]
    assert quantiser.pending == []


def test_what_comes_in_the_frame_of_the_beat_is_in_time():
    quantiser = Quantiser()
    quantiser.due([], at(3.9), KNOBS)
    assert addresses(quantiser.due([event("/preset/next")], at(4.02), KNOBS)) == ["/preset/next"]


def test_a_later_action_takes_the_place_of_the_one_before():
    quantiser = Quantiser()
    events = [
        event("/segment/select", 3),
        event("/segment/next"),
        event("/preset/recall", 1),
        event("/preset/recall", 2),
    ]
    quantiser.due(events, at(0.1), KNOBS)
    assert quantiser.pending == ["/segment/next", "/preset/recall"]
    assert quantiser.due([], at(4.0), KNOBS)[-1].arguments == (2,)


def test_each_choir_waits_for_itself_until_all_are_reseeded():
    quantiser = Quantiser()
    quantiser.due([event("/choir/bass/reseed"), event("/choir/drums/reseed")], at(0.1), KNOBS)
    assert quantiser.pending == ["/choir/bass/reseed", "/choir/drums/reseed"]
    quantiser.due([event("/reseed/all")], at(0.2), KNOBS)
    assert quantiser.pending == ["/reseed/all"]


def test_questions_and_buttons_let_go_do_not_wait():
    quantiser = Quantiser()
    events = [
        event("/segment/next", 1),
        event("/segment/next", 0),
        event("/segment/select"),
        event("/segment/select", "?"),
    ]
    assert quantiser.due(events, at(0.1), KNOBS) == events[1:]
    assert quantiser.pending == ["/segment/next"]


def test_a_panic_drops_what_waits():
    quantiser = Quantiser()
    assert addresses(quantiser.due([event("/segment/next"), event("/panic")], at(0.1), KNOBS)) == ["/panic"]
    assert quantiser.pending == []


@pytest.mark.parametrize(
    ("moment", "knobs"),
    [(at(0.3, bpm=0.0), KNOBS), (at(0.3), dict.fromkeys(KNOBS, OFF))],
    ids=["no tempo", "off"],
)
def test_nothing_waits_without_a_tempo_or_when_it_is_off(moment: Moment, knobs: dict[str, int]):
    quantiser = Quantiser()
    quantiser.due([event("/segment/next")], at(0.2), KNOBS)
    events = [event("/preset/next"), event("/noise/speed", 1.0), event("/preset/next")]
    assert addresses(quantiser.due(events, moment, knobs)) == ["/segment/next", *addresses(events)]
