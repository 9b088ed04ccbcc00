"""The desk, without a network: events in, answers and values out."""

import math
from dataclasses import replace

import pytest

from avserver.control.desk import MAX_EXPLAINED, Command, Desk
from avserver.control.events import SHOW, Event
from avserver.control.fixed_params import FIXED
from avserver.control.param_makers import choice_param
from avserver.control.params import Kind, ParamTable
from avserver.control.patch_params import choir_params
from avserver.control.pattern_book import MAX_EXPANDED, MAX_NEW_PATTERNS
from avserver.control.subscribers import MAX_SUBSCRIBERS
from avserver.errors import AudioError

TABLE = ParamTable([*FIXED, *choir_params("melody", seeds=(1, 2), layers=(0.0, 0.5), glide_s=1.0)])


class Client:
    """Someone with a name, who keeps what they are told."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.heard: list[tuple[object, ...]] = []

    def says(self, address: str, *arguments: object) -> Event:
        return Event(address, arguments, self.name, lambda *words: self.heard.append(words))


@pytest.fixture
def desk() -> Desk:
    return Desk(TABLE, lambda: {"fps": 30.0, "worker": "playing"})


@pytest.fixture
def ann() -> Client:
    return Client("ann")


@pytest.fixture
def bob() -> Client:
    return Client("bob")


def test_every_parameter_can_be_asked_and_turned(desk: Desk, ann: Client) -> None:
    for address, param in TABLE.items():
        if param.kind is Kind.TRIGGER:
            assert desk.apply([ann.says(address)]) == {address}
            assert desk.apply([ann.says(address, 1.0)]) == {address}
            assert desk.apply([ann.says(address, 0)]) == frozenset()  # the button is let go
            continue
        desk.apply([ann.says(address)])
        assert ann.heard.pop() == (f"/avserver{address}", param.default)
        desk.apply([ann.says(address, 0.0)])
        assert desk.values[address] == param.coerce(0.0)
        desk.apply([ann.says(address, param.maximum), ann.says(address)])
        assert ann.heard.pop() == (f"/avserver{address}", param.coerce(param.maximum))
        desk.apply([ann.says("/lock", 0)])  # it would keep us from all others
    assert ann.heard == []
    assert desk.failures == 0


def test_what_comes_from_outside_is_not_for_the_desk(desk: Desk, ann: Client) -> None:
    for address in ("/status", "/composition/x", "/noise/speed"):
        assert desk.apply([replace(ann.says(address, 1.0), outside=True)]) == frozenset()
        reason = "addresses here begin with /avserver/, and no mapping listens to this one"
        assert ann.heard.pop() == ("/avserver/fail", address, reason)
    assert desk.values == TABLE.defaults()


def test_a_command_is_given_what_came_and_may_refuse_it(ann: Client) -> None:
    def refuse(arguments: tuple[object, ...]) -> None:
        raise AudioError("only songs can be sought")

    taken: list[tuple[object, ...]] = []
    desk = Desk(TABLE, dict, {"/input/beat": Command(taken.append, "", ""), "/audio/seek": Command(refuse, "f", "")})
    desk.apply([ann.says("/input/beat", 1.0, "x"), ann.says("/audio/seek", 3.0)])
    assert taken == [(1.0, "x")]
    assert ann.heard == [("/avserver/fail", "/avserver/audio/seek", "only songs can be sought")]
    assert desk.failures == 1


def test_values_are_a_snapshot(desk: Desk, ann: Client) -> None:
    before = desk.values
    desk.apply([ann.says("/noise/strength", 2)])
    assert before["/noise/strength"] == 0.5
    assert desk.values["/noise/strength"] == 2.0
    with pytest.raises(TypeError):
        desk.values["/noise/strength"] = 1.0  # type: ignore[index]


@pytest.mark.parametrize(
    ("address", "arguments", "reason"),
    [
        ("/noise/strenght", (1.0,), "did you mean '/noise/strength'?"),
        ("/noise/strength", ("loud",), "takes a number from 0 to 2, got 'loud'"),
        ("/noise/strength", (math.nan,), "got nan"),
        ("/noise/strength", (None,), "got None"),
        ("/noise/strength", (b"\0\1",), "got b'"),
        ("/noise/strength", (1.0, 2.0), "takes one value"),
        ("/noise/strength", tuple(range(10_000)), "got 10000 arguments"),
        ("/noise/strength", ("x" * 60_000,), "takes a number"),
        ("/panic", ("now",), "takes 0 or 1"),
        ("/notify", (), "port), got nothing"),
        ("/notify", (2,), "takes 0 or 1"),
        ("/notify", ("yes",), "takes 0 or 1"),
        ("/sync", (), "takes one id"),
        ("/" + "x" * 60_000, (), "there is no parameter"),
        ("", (), "there is no parameter"),
    ],
)
def test_what_cannot_be_done_is_answered(
    desk: Desk, ann: Client, address: str, arguments: tuple[object, ...], reason: str
) -> None:
    before = desk.values
    assert desk.apply([ann.says(address, *arguments)]) == frozenset()
    assert desk.values == before
    assert desk.failures == 1
    [(fail, where, why)] = ann.heard
    assert fail == "/avserver/fail"
    assert str(where) == f"/avserver{address}"[:300]
    assert reason in str(why) or len(address) > 300
    assert len(str(why)) <= 300


def test_numbers_beyond_every_range_are_clamped(desk: Desk, ann: Client) -> None:
    desk.apply([ann.says("/noise/strength", 10**400), ann.says("/choir/melody/seed/1", -(10**400))])
    assert desk.values["/noise/strength"] == 2.0
    assert desk.values["/choir/melody/seed/1"] == 0
    assert desk.failures == 0


def test_status_and_sync(desk: Desk, ann: Client) -> None:
    desk.apply([ann.says("/status"), ann.says("/sync", 7)])
    assert ann.heard == [
        ("/avserver/status.reply", "fps", 30.0, "worker", "playing"),
        ("/avserver/synced", 7),
    ]


def test_what_servers_say_is_not_answered(desk: Desk, ann: Client) -> None:
    desk.apply([ann.says("/fail", "/x", "no"), ann.says("/synced", 1), ann.says("/status.reply", "fps", 1.0)])
    assert ann.heard == []


def test_changes_are_told_to_the_others_once_a_frame(desk: Desk, ann: Client, bob: Client) -> None:
    desk.apply([ann.says("/notify", 1), bob.says("/notify", 1.0)])
    desk.apply([ann.says("/noise/speed", value / 100) for value in range(1, 100)])
    assert ann.heard == []
    assert bob.heard == [("/avserver/noise/speed", 0.99)]

    desk.apply([ann.says("/noise/speed", 0.99)])  # no change
    assert len(bob.heard) == 1

    desk.apply([ann.says("/noise/speed", 3.0), bob.says("/noise/speed", 4.0)])
    assert ann.heard == [("/avserver/noise/speed", 4.0)]
    assert len(bob.heard) == 1

    desk.apply([bob.says("/notify", 0)])
    desk.apply([ann.says("/noise/speed", 5.0)])
    assert len(bob.heard) == 1


def test_panic_resets_everything_and_tells_everyone(desk: Desk, ann: Client, bob: Client) -> None:
    desk.apply([bob.says("/notify", 1), ann.says("/notify", 1)])
    desk.apply(
        [ann.says("/noise/speed", 5), ann.says("/output/freeze", True), ann.says("/latent/truncation_cutoff", 3)]
    )
    ann.heard.clear()
    bob.heard.clear()
    assert desk.apply([ann.says("/panic")]) == {"/panic"}
    assert dict(desk.values) == TABLE.defaults()
    for client in (ann, bob):
        assert sorted(map(str, client.heard)) == sorted(
            map(
                str,
                [
                    ("/avserver/noise/speed", 1.0),
                    ("/avserver/output/freeze", False),
                    ("/avserver/latent/truncation_cutoff", 32),
                ],
            )
        )


def test_the_client_unheard_for_longest_makes_room(desk: Desk) -> None:
    clients = [Client(str(number)) for number in range(MAX_SUBSCRIBERS)]
    desk.apply([client.says("/notify", 1) for client in clients])
    desk.apply([clients[0].says("/noise/speed")])  # heard again, so the second is the one unheard for longest
    newcomer = Client("newcomer")
    desk.apply([newcomer.says("/notify", 1)])
    assert clients[1].heard[-1][:2] == ("/avserver/fail", "/avserver/notify")
    desk.apply([Client("other").says("/noise/speed", 2.0)])
    told = ("/avserver/noise/speed", 2.0)
    assert told not in clients[1].heard
    assert told in clients[0].heard
    assert told in newcomer.heard


def test_a_flood_of_mistakes_is_counted_but_explained_only_in_part(desk: Desk, ann: Client) -> None:
    desk.apply([ann.says(f"/nothing/{number}", 1.0) for number in range(1000)])
    assert desk.failures == 1000
    assert len(ann.heard) == MAX_EXPLAINED
    desk.apply([ann.says("/noise/strenght", 1.0)])
    assert "did you mean '/noise/strength'?" in str(ann.heard[-1])


def test_another_table_keeps_what_was_turned_and_tells_what_is_new(desk: Desk, ann: Client, bob: Client) -> None:
    desk.apply([ann.says("/notify", 1), bob.says("/noise/strength", 1.5), bob.says("/choir/melody/seed/1", 77)])
    ann.heard.clear()
    desk.take(ParamTable([*FIXED, *choir_params("bass", seeds=(3,), layers=(0.0, 1.0), glide_s=2.0)]))
    assert desk.values["/noise/strength"] == 1.5
    assert desk.values["/choir/bass/seed/1"] == 3
    assert "/choir/melody/seed/1" not in desk.values
    assert {words[0] for words in ann.heard} == {
        f"/avserver/choir/bass/{name}" for name in ("glide_s", "first", "stop", "seed/1")
    }
    desk.apply([bob.says("/choir/melody/seed/1", 5)])
    assert bob.heard[-1][0] == "/avserver/fail"
    desk.apply([ann.says("/panic")])
    assert desk.values["/noise/strength"] == 0.5


def test_a_default_that_was_not_touched_follows_the_new_table(desk: Desk) -> None:
    desk.take(ParamTable([*FIXED, *choir_params("melody", seeds=(8, 9), layers=(0.0, 0.5), glide_s=1.0)]))
    assert desk.values["/choir/melody/seed/1"] == 8


def test_a_lock_refuses_what_turns_and_lets_through_what_asks_and_what_ends_the_show(desk: Desk, ann: Client) -> None:
    desk.apply([ann.says("/noise/speed", 3.0), ann.says("/lock", 1), ann.says("/noise/speed", 4.0)])
    assert desk.values["/noise/speed"] == 3.0, "from that message on, in the same frame"
    assert ann.heard == [("/avserver/fail", "/avserver/noise/speed", "the show is locked")]
    for address in ("/segment/next", "/model/fade_s", "/no/such/thing", "/choir/melody/seed/1"):
        desk.apply([ann.says(address, 1)])
        assert ann.heard.pop() == ("/avserver/fail", f"/avserver{address}", "the show is locked")
    assert desk.apply([ann.says("/choir/melody/next")]) == frozenset(), "a trigger is no question"
    ann.heard.clear()

    allowed = [ann.says("/output/blackout", 1), ann.says("/output/freeze", 1), ann.says("/output/opacity", 0.5)]
    desk.apply([*allowed, ann.says("/noise/speed"), ann.says("/sync", 1), ann.says("/status"), ann.says("/notify", 0)])
    assert (desk.values["/output/blackout"], desk.values["/output/opacity"]) == (True, 0.5)
    assert [words[0] for words in ann.heard] == [
        "/avserver/noise/speed", "/avserver/synced", "/avserver/status.reply",
    ]  # fmt: skip

    assert desk.apply([ann.says("/panic")]) == {"/panic"}
    assert dict(desk.values) == TABLE.defaults() | {"/lock": True}
    desk.apply([ann.says("/lock", 0), ann.says("/noise/speed", 4.0)])
    assert desk.values["/noise/speed"] == 4.0


def test_commands_are_locked_but_not_what_is_heard(ann: Client) -> None:
    taken: list[tuple[object, ...]] = []
    command = Command(taken.append, "", "")
    desk = Desk(TABLE, dict, {"/input/beat": command, "/audio/seek": command})
    desk.apply([ann.says("/lock", 1), ann.says("/input/beat", 1.0), ann.says("/audio/seek", 2.0)])
    assert taken == [(1.0,)]


def test_what_the_show_itself_turns_is_not_locked(desk: Desk, ann: Client) -> None:
    desk.apply([ann.says("/lock", 1)])
    desk.apply([Event("/noise/speed", (4.0,), SHOW, lambda *_: None, glide_s=0.0)])
    assert desk.values["/noise/speed"] == 4.0
    assert desk.take_glides() == {"/noise/speed": 0.0}
    desk.apply([Event("/noise/speed", (4.0,), SHOW, lambda *_: None, glide_s=0.0)])
    assert desk.take_glides() == {}, "nothing was turned"


def test_a_command_at_the_desk_may_answer_and_have_more_done_in_the_same_frame(ann: Client) -> None:
    def double(event: Event, desk: Desk) -> list[Event]:
        event.reply("/doubled", desk.value("/noise/speed"))
        return [ann.says("/noise/speed", 2 * float(desk.value("/noise/speed"))), ann.says("/segment/next")]

    on_fire = {"/choir/melody/next": lambda event, desk: [ann.says("/noise/strength", 0.0)]}
    desk = Desk(TABLE, dict, {"/double": Command(double, "", "", at_desk=True)}, on_fire)
    fired = desk.apply([ann.says("/noise/speed", 3.0), ann.says("/double"), ann.says("/choir/melody/next")])
    assert ann.heard == [("/doubled", 3.0)]
    assert fired == {"/segment/next", "/choir/melody/next"}
    assert (desk.values["/noise/speed"], desk.values["/noise/strength"]) == (6.0, 0.0)


# ---- patterns ----


def does(desk: Desk, *events: Event) -> frozenset[str]:
    return desk.apply(desk.expand(events))


def test_a_pattern_turns_all_that_it_means(desk: Desk, ann: Client) -> None:
    assert does(desk, ann.says("/choir/*/seed/[12]", 7), ann.says("/noise/{speed,strength}", "+", 0.25)) == frozenset()
    assert [desk.values[f"/choir/melody/seed/{number}"] for number in (1, 2)] == [7, 7]
    assert (desk.values["/noise/speed"], desk.values["/noise/strength"]) == (1.25, 0.75)
    assert does(desk, ann.says("/segment/{next,previous}", 1)) == {"/segment/next", "/segment/previous"}
    assert ann.heard == []


def test_a_question_by_pattern_is_answered_once_an_address_and_fires_nothing(desk: Desk, ann: Client) -> None:
    assert does(desk, ann.says("/segment/*"), ann.says("/segment/*", "?")) == frozenset()
    in_order = [("auto", True), ("select", 0), ("hold", False)]
    assert ann.heard == [(f"/avserver/segment/{name}", value) for name, value in in_order] * 2
    ann.heard.clear()
    assert does(desk, ann.says("/*")) == frozenset()  # /lock and /panic
    assert ann.heard == [("/avserver/lock", False)]
    ann.heard.clear()
    assert does(desk, ann.says("/pan*")) == frozenset()
    assert "none of these has a value" in str(ann.heard)


def test_a_pattern_reaches_commands(ann: Client) -> None:
    taken: list[tuple[object, ...]] = []
    desk = Desk(TABLE, dict, {"/audio/seek": Command(taken.append, "f", "")})
    does(desk, ann.says("/audio/s*", 3.0))
    assert taken == [(3.0,)]


def test_a_pattern_that_means_nothing_fails_and_another_table_is_looked_at_again(desk: Desk, ann: Client) -> None:
    does(desk, ann.says("/choir/b*/seed/1", 5), ann.says("/[", 1))
    assert [words[:2] for words in ann.heard] == [
        ("/avserver/fail", "/avserver/choir/b*/seed/1"),
        ("/avserver/fail", "/avserver/["),
    ]
    desk.take(ParamTable([*FIXED, *choir_params("bass", seeds=(3,), layers=(0.0, 1.0), glide_s=2.0)]))
    does(desk, ann.says("/choir/b*/seed/1", 5))
    assert desk.values["/choir/bass/seed/1"] == 5
    assert desk.failures == 2


def test_a_flood_of_patterns_is_bounded(desk: Desk, ann: Client) -> None:
    events = [ann.says("/*/*", 0.5) for _ in range(1000)] + [ann.says(f"/*/{number}*", 1) for number in range(100)]
    assert len(desk.expand(events)) <= MAX_EXPANDED
    assert len(ann.heard) == MAX_EXPLAINED
    desk.apply([])
    known = desk.expand([ann.says("/*/*", 0.5)])
    unknown = [ann.says(f"/noise/*{'?' * number}") for number in range(MAX_NEW_PATTERNS + 1)]
    assert len(desk.expand(unknown)) > 0
    assert 20 < len(known) < MAX_EXPANDED
    assert "a frame are looked up" in str(ann.heard[-1])


# ---- relative arguments ----


@pytest.mark.parametrize(
    ("address", "start", "arguments", "end"),
    [
        ("/noise/speed", 2.0, ("+", 0.5), 2.5),
        ("/noise/speed", 2.0, ("-", 0.5), 1.5),
        ("/noise/speed", 2.0, ("*", 2), 4.0),
        ("/noise/speed", 2.0, ("+", 1e300), 8.0),
        ("/noise/speed", 2.0, ("-", 10**400), 0.0),
        ("/noise/speed", 2.0, ("a", 3.0), 3.0),
        ("/grade/hue", -90.0, ("*", -1), 90.0),
        ("/segment/select", 5, ("+", 1), 6),
        ("/segment/select", 5, ("-", 1.0), 4),
        ("/segment/select", 5, ("*", 1.5), 8),
        ("/segment/select", 127, ("+", 1), 127),
        ("/output/freeze", False, ("a", 1), True),
        ("/kind", 1, ("+", 1), 2),
        ("/kind", 2, ("+", 1), 2),
        ("/kind", 2, ("a", "one"), 0),
    ],
)
def test_a_relative_argument_steps(
    ann: Client, address: str, start: float, arguments: tuple[object, ...], end: float
) -> None:
    desk = Desk(ParamTable([*FIXED, choice_param("/kind", "one", ("one", "two", "three"), "")]), dict)
    desk.apply([ann.says(address, start), ann.says(address, *arguments), ann.says(address, "?")])
    assert ann.heard == [(f"/avserver{address}", end)]
    assert isinstance(desk.values[address], type(end))


def test_steps_within_a_frame_add_up(desk: Desk, ann: Client) -> None:
    desk.apply([ann.says("/noise/speed", "+", 0.25)] * 4)
    assert desk.values["/noise/speed"] == 2.0


@pytest.mark.parametrize(
    ("address", "arguments", "reason"),
    [
        ("/noise/speed", ("+",), "takes a number from 0 to 8"),
        ("/noise/speed", ("+", "much"), "takes '+' with a finite number, got 'much'"),
        ("/noise/speed", ("*", math.nan), "takes '*' with a finite number, got nan"),
        ("/noise/speed", ("/", 2.0), "takes one value, or '+', '-' or '*' and a number"),
        ("/noise/speed", ("+", 1.0, 2.0), "takes one value, or '+', '-' or '*' and a number"),
        ("/output/freeze", ("+", 1), "is on or off: it takes 0 or 1"),
        ("/panic", ("-", 1), "is on or off"),
        ("/panic", ("?",), "has no value to ask for"),
    ],
)
def test_a_bad_relative_argument_is_answered(
    desk: Desk, ann: Client, address: str, arguments: tuple[object, ...], reason: str
) -> None:
    assert desk.apply([ann.says(address, *arguments)]) == frozenset()
    [(fail, where, why)] = ann.heard
    assert (fail, where) == ("/avserver/fail", f"/avserver{address}")
    assert reason in str(why)
    assert dict(desk.values) == TABLE.defaults()


# ---- feedback ----


def test_who_turned_a_knob_is_told_only_where_it_stands_elsewhere(desk: Desk, ann: Client, bob: Client) -> None:
    desk.apply([ann.says("/notify", 1), bob.says("/notify", 1)])
    desk.apply([ann.says("/noise/speed", 9.0), ann.says("/segment/select", 2.75), ann.says("/grade/hue", 5.0)])
    assert sorted(ann.heard) == [("/avserver/noise/speed", 8.0), ("/avserver/segment/select", 3)]
    assert len(bob.heard) == 3
    ann.heard.clear()
    desk.apply([ann.says("/noise/speed", 9.5)])  # it stands at the end already, and ann's fader does not
    assert ann.heard == [("/avserver/noise/speed", 8.0)]
    assert len(bob.heard) == 3
    desk.apply([ann.says("/noise/speed", 9.5), ann.says("/noise/speed", 7.0)])  # in the end it is as ann sent it
    desk.apply([ann.says("/output/freeze", 1.0)])
    assert len(ann.heard) == 1
    desk.apply([ann.says("/noise/speed", "-", 1.0)])
    assert ann.heard[1:] == [("/avserver/noise/speed", 6.0)]


def test_somebody_of_the_house_subscribes_and_leaves(desk: Desk, ann: Client) -> None:
    told: list[tuple[object, ...]] = []
    desk.subscribe("midi", lambda *words: told.append(words))
    desk.apply([ann.says("/noise/speed", 3.0)])
    desk.apply([Event("/noise/speed", (4.0,), "midi", print)])
    assert told == [("/avserver/noise/speed", 3.0)]
    desk.unsubscribe("midi")
    desk.unsubscribe("midi")
    desk.apply([ann.says("/noise/speed", 5.0)])
    assert len(told) == 1


def test_everybody_is_told_of_what_is_no_knob(desk: Desk, ann: Client, bob: Client) -> None:
    desk.apply([ann.says("/notify", 1)])
    desk.announce("/output/ndi/state", "failing", "x" * 10_000)
    desk.complain("no")
    [told, failed] = ann.heard
    assert told == ("/avserver/output/ndi/state", "failing", "x" * 300)
    assert failed == ("/avserver/fail", "", "no")
    assert bob.heard == []


def test_whoever_is_told_at_the_same_place_takes_over(desk: Desk, ann: Client) -> None:
    told: list[tuple[object, ...]] = []

    def screen(*words: object) -> None:
        told.append(words)

    desk.subscribe("first start", screen)
    desk.subscribe("second start", screen)
    desk.apply([ann.says("/noise/speed", 3.0)])
    assert told == [("/avserver/noise/speed", 3.0)]
