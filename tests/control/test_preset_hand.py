"""Presets at the desk: recalled, morphed, touched, saved; with real files and the librarian's real thread."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avserver.control.desk import Desk
from avserver.control.events import Event
from avserver.control.fixed_params import FIXED
from avserver.control.librarian import Librarian
from avserver.control.moment import Moment
from avserver.control.morph import Morph, is_angle
from avserver.control.osc_packet import encode
from avserver.control.params import ParamTable, Value
from avserver.control.patch_params import choir_params
from avserver.control.preset_folder import PresetFolder
from avserver.control.preset_hand import PresetHand

TABLE = ParamTable([*FIXED, *choir_params("melody", seeds=(1, 2), layers=(0.0, 0.5), glide_s=1.0)])
FPS = 10


class Show:
    """A desk and a preset hand, frame by frame; a client who keeps what it is told."""

    def __init__(self, folder: Path, start: str = "") -> None:
        self.librarian = Librarian(PresetFolder(folder))
        self.hand = PresetHand(self.librarian, start)
        self.desk = Desk(TABLE, dict, self.hand.commands(), self.hand.on_fire())
        self.tick = -1
        self.heard: list[tuple[object, ...]] = []

    def frame(self, *said: tuple[object, ...]) -> None:
        """Play a frame at which these messages arrive."""
        self.tick += 1
        events = self.hand.events(Moment(self.tick / FPS, 0.0), self.desk.values)
        for address, *arguments in said:
            events.append(Event(str(address), tuple(arguments), "client", lambda *words: self.heard.append(words)))
        self.desk.apply(events)

    def frames(self, count: int) -> None:
        for _ in range(count):
            self.frame()

    def told(self, address: str) -> tuple[object, ...]:
        """Play until the client has been told something at this address, and return it."""
        end_s = time.monotonic() + 5.0
        while not any(words[0] == f"/avserver{address}" for words in self.heard):
            assert time.monotonic() < end_s, f"nothing at {address}: {self.heard}"
            time.sleep(0.01)
            self.frame()
        words = next(words for words in self.heard if words[0] == f"/avserver{address}")
        self.heard.remove(words)
        return words[1:]

    def __getitem__(self, address: str) -> Value:
        return self.desk.values[address]


def write(folder: Path, name: str, text: str) -> None:
    head, _, values = text.rpartition("|")
    (folder / f"{name}.toml").write_text(f"{head}\n[values]\n{values}\n")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "wild", 'number = 1 | "/noise/speed" = 5.0\n"/segment/auto" = false\n"/choir/melody/seed/1" = 77')
    write(tmp_path, "calm", 'number = 0 | "/noise/speed" = 0.0')
    write(tmp_path, "grey", 'morph_s = 1 | "/grade/saturation" = 0.0')
    return tmp_path


@pytest.fixture
def show(folder: Path) -> Iterator[Show]:
    show = Show(folder)
    with show.librarian:
        show.frame()
        yield show


def test_a_cut_is_there_within_the_frame_at_which_it_is_executed(show: Show):
    show.frame(("/noise/strength", 0.7), ("/preset/recall", "wild"))
    assert (show["/noise/speed"], show["/segment/auto"], show["/choir/melody/seed/1"]) == (5.0, False, 77)
    assert show["/noise/strength"] == 0.7, "what the preset does not hold stays as it was"
    assert show.desk.take_glides() == {"/noise/speed": 0.0, "/segment/auto": 0.0, "/choir/melody/seed/1": 0.0}
    assert show.hand.playing == "wild"


def test_by_number_and_in_order(show: Show):
    show.frame(("/preset/recall", 0.0))
    assert show.hand.playing == "calm"
    order = []
    for address in ["/preset/next"] * 3 + ["/preset/previous"]:
        show.frame((address,))
        order.append(show.hand.playing)
    assert order == ["wild", "grey", "calm", "grey"]


def test_a_morph_arrives_exactly_and_switches_at_its_share(show: Show):
    show.frame(("/preset/switch_at", 0.75), ("/preset/recall", "wild", 1.0))
    assert show["/noise/speed"] == 1.0
    assert show["/choir/melody/seed/1"] == 77, "a seed is turned at once: the choir has what the morph takes"
    assert show.desk.take_glides() == {"/choir/melody/seed/1": 1.0}
    speeds, autos = [], []
    for _ in range(12):
        show.frame()
        speeds.append(show["/noise/speed"])
        autos.append(show["/segment/auto"])
    assert speeds == sorted(speeds)
    assert speeds[4] == pytest.approx(3.0)
    assert speeds[9:] == [5.0] * 3
    assert autos == [True] * 7 + [False] * 5


def test_the_time_is_the_messages_or_the_presets_or_the_knobs(show: Show):
    def took(*said: tuple[object, ...]) -> int:
        show.frame(("/panic",))
        show.frame(*said)
        frames = 0
        while show["/grade/saturation"] != 0.0:
            show.frame()
            frames += 1
        return frames

    assert took(("/preset/morph_s", 3.0), ("/preset/recall", "grey", 0.5)) == 5
    assert took(("/preset/recall", "grey")) == 10
    show.frame(("/preset/recall", "wild"))
    show.frames(29)
    assert 1.0 < show["/noise/speed"] < 5.0
    show.frame()
    assert show["/noise/speed"] == 5.0


def test_a_knob_that_is_touched_leaves_the_morph(show: Show):
    show.frame(("/preset/recall", "wild", 1.0))
    show.frames(3)
    show.frame(("/noise/speed", 0.25), ("/segment/auto", 0))
    show.frame(("/segment/auto", 1))
    show.frames(10)
    assert show["/noise/speed"] == 0.25
    assert show["/segment/auto"] is True


def test_another_recall_starts_from_where_things_are(show: Show):
    show.frame(("/preset/recall", "wild", 1.0))
    show.frames(5)
    show.frame(("/preset/recall", "grey", 0.5))  # of other knobs: both go on
    before = show["/noise/speed"]
    assert 3.0 < before < 5.0
    show.frame(("/preset/recall", "calm", 1.0))
    here = show["/noise/speed"]
    assert here > before
    show.frame()
    assert 0.9 * here < show["/noise/speed"] < here
    show.frames(9)
    assert show["/noise/speed"] == 0.0
    assert show["/grade/saturation"] == 0.0


def test_a_panic_ends_a_morph_and_a_recall_after_it_in_the_same_frame_does_not_end(show: Show):
    show.frame(("/preset/recall", "wild", 1.0))
    show.frames(2)
    show.frame(("/panic",))
    show.frames(12)
    assert dict(show.desk.values) == TABLE.defaults()
    assert show.hand.playing == ""
    show.frame(("/panic",), ("/preset/recall", "wild", 1.0))
    show.frames(10)
    assert show["/noise/speed"] == 5.0


def test_what_is_saved_is_what_stood_at_that_message(show: Show, folder: Path):
    show.frame(("/noise/speed", 2.5), ("/preset/save", "mine"), ("/noise/speed", 6.0))
    assert show.told("/preset/saved") == ("mine",)
    show.frame(("/preset/recall", "mine"))
    assert show["/noise/speed"] == 2.5
    show.frame(("/preset/save", "part", "/avserver/noise", "/grade/hue"))
    show.told("/preset/saved")
    assert (folder / "part.toml").read_text().count("=") == 6
    show.frame(("/preset/list",))
    assert show.told("/preset/list.reply") == ("calm", "wild", "grey", "mine", "part")
    show.frame(("/preset/delete", "mine"))
    assert show.told("/preset/deleted") == ("mine",)
    assert not (folder / "mine.toml").exists()
    show.frame(("/preset/delete", "mime"))
    assert "there is no preset 'mime'" in str(show.told("/fail"))


def test_a_file_that_was_put_there_just_now_is_recalled_as_soon_as_it_is_read(show: Show, folder: Path):
    write(folder, "new", '| "/noise/speed" = 3.0')
    show.frame(("/preset/recall", "new"), ("/sync", 1))
    show.told("/synced")
    end_s = time.monotonic() + 5
    while show["/noise/speed"] != 3.0:
        assert time.monotonic() < end_s
        time.sleep(0.01)
        show.frame()
    assert show.heard == []


def test_an_edit_is_found_without_being_asked_for(show: Show, folder: Path):
    write(folder, "calm", '| "/noise/speed" = 0.125')
    end_s = time.monotonic() + 5
    while show["/noise/speed"] != 0.125:
        assert time.monotonic() < end_s
        time.sleep(0.05)
        show.frame(("/preset/recall", "calm"))


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (("/preset/recall", "clam"), "did you mean 'calm'"),
        (("/preset/recall", 9), "no preset has the number 9; there are 0, 1"),
        (("/preset/recall", float("nan")), "there is no preset nan"),
        (("/preset/recall",), "takes a name or a number, and how long from 0 to 600 s"),
        (("/preset/recall", "calm", -1), "takes a name or a number"),
        (("/preset/recall", "calm", "slowly"), "takes a name or a number"),
        (("/preset/save",), "takes a name"),
        (("/preset/save", "../calm"), "a preset's name has"),
        (("/preset/save", "x", "/nois"), "did you mean"),
        (("/preset/delete", 3.5, 1), "takes a name"),
    ],
)
def test_what_cannot_be_done_is_said(show: Show, said: tuple[object, ...], reason: str):
    show.frame(said)
    address, why = show.told("/fail")
    assert address == f"/avserver{said[0]}"
    assert reason in str(why)
    assert dict(show.desk.values) == TABLE.defaults()


def test_what_there_is_no_knob_for_is_named_and_the_rest_recalled(show: Show, folder: Path):
    write(folder, "old", '| "/noise/sped" = 2.0\n"/noise/strength" = 0.125')
    show.frame(("/preset/recall", "old"))
    assert "did you mean '/noise/speed'?" in str(show.told("/fail"))
    assert show["/noise/strength"] == 0.125


def test_many_saves_at_once_are_refused_and_do_not_hold_up_the_frame(show: Show):
    show.frame(*[("/preset/save", f"p{number}") for number in range(200)])
    assert "too many at once" in str(show.told("/fail"))


def test_a_lock_lets_a_morph_arrive_and_no_other_begin(show: Show):
    show.frame(("/preset/recall", "wild", 1.0))
    show.frame(("/lock", 1))
    show.frame(("/preset/recall", "calm"), ("/preset/next",), ("/preset/save", "x"))
    assert [words[2] for words in show.heard] == ["the show is locked"] * 3
    show.frames(10)
    assert show["/noise/speed"] == 5.0
    show.frame(("/preset/list",))
    assert len(show.told("/preset/list.reply")) == 3


def test_a_show_may_start_with_a_preset(folder: Path):
    show = Show(folder, start="wild")
    show.frame()
    assert show["/noise/speed"] == 5.0


ARGUMENTS = st.lists(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.just(10**4000),
        st.floats(),
        st.text(max_size=50),
        st.binary(max_size=5),
        st.lists(st.integers(), max_size=2),
        st.sampled_from(["calm", "/noise", "/avserver/noise/speed", "3", "\ud800"]),
    ),
    max_size=4,
)


@given(st.lists(st.tuples(st.sampled_from(["recall", "save", "delete", "list", "next"]), ARGUMENTS), max_size=8))
def test_nothing_that_is_said_to_it_stops_the_show(tmp_path_factory: pytest.TempPathFactory, said: list) -> None:
    show = Show(tmp_path_factory.getbasetemp() / "nothing")  # whose librarian never comes to work
    show.frame(*((f"/preset/{name}", *arguments) for name, arguments in said))
    for words in show.heard:
        encode(*words)  # type: ignore[arg-type]


# ---- morphs alone ----

FLOATS = [param for param in TABLE.values() if param.kind == "float"]
ANGLES = [param for param in FLOATS if is_angle(param)]


def path_of(param, start: float, target: float, shares: list[float]) -> list[float]:
    morph = Morph(
        {param.address: start}, {param.address: target}, {param.address: param}, begun_s=3.0, morph_s=2.0, switch_at=0.5
    )
    values: dict[str, Value] = {param.address: start}
    path = []
    for share in shares:
        values |= morph.at(3.0 + 2.0 * share, values)
        path.append(float(values[param.address]))
    return path


@given(st.data(), st.lists(st.floats(0.0, 1.0), max_size=10))
def test_a_morph_stays_between_its_ends_and_ends_exactly(data: st.DataObject, shares: list[float]):
    param = data.draw(st.sampled_from([param for param in FLOATS if param not in ANGLES]))
    start, target = (data.draw(st.floats(param.minimum, param.maximum)) for _ in range(2))
    path = [start, *path_of(param, start, target, [0.0, *sorted(shares), 1.0])]
    assert path[1] == start
    assert path[-1] == target
    assert path == sorted(path, reverse=target < start)


@given(st.data(), st.lists(st.floats(0.0, 1.0), max_size=10))
def test_an_angle_goes_the_shorter_way_and_ends_exactly(data: st.DataObject, shares: list[float]):
    param = data.draw(st.sampled_from(ANGLES))
    start, target = (data.draw(st.floats(param.minimum, param.maximum)) for _ in range(2))
    path = path_of(param, start, target, [*sorted(shares), 1.0])
    assert path[-1] == target
    for angle in path:
        assert param.minimum <= angle <= param.maximum
        assert away(angle, start) <= away(start, target) + 1e-6
        assert away(angle, target) <= away(start, target) + 1e-6


def away(one: float, other: float) -> float:
    """Return how far two angles are apart, at most 180 degrees."""
    return abs((one - other + 180) % 360 - 180)


def test_hue_crosses_the_ends_of_its_range():
    param = TABLE["/grade/hue"]
    assert path_of(param, 170.0, -170.0, [0.25, 0.5, 0.75, 1.0]) == pytest.approx([173.1, -180, -173.1, -170], abs=0.1)
