"""The table of parameters: walked, and what its entries take."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avserver.control.fixed_params import FIXED
from avserver.control.param_makers import choice_param
from avserver.control.param_page import lines, markdown
from avserver.control.params import Kind, Param, ParamTable
from avserver.control.patch_params import bend_params, choir_params, direction_params
from avserver.errors import ParamError
from avserver.transforms import TRANSFORMS

ALL = [
    *FIXED,
    *choir_params("melody", seeds=(1, 2**32 - 1), layers=(0.0, 0.5), glide_s=1.0),
    *direction_params("pose", kind="ganspace", number=2, layers=(0.0, 0.5), amount=1.0),
    *(p for name in TRANSFORMS for p in bend_params(f"a_{name}", layer="b8", transform=name)),
]
BY_ADDRESS = {param.address: param for param in ALL}
every_param = pytest.mark.parametrize("param", ALL, ids=lambda p: p.address)
numbers = st.one_of(st.integers(), st.booleans(), st.floats(allow_nan=False, allow_infinity=False))


@every_param
def test_every_entry_is_whole(param: Param):
    assert re.fullmatch(r"(/[A-Za-z0-9_-]+)+", param.address)
    assert param.description
    assert param.minimum < param.maximum
    assert param.smoothing_s == 0.0 or (param.kind is Kind.FLOAT and param.smoothing_s > 0.0)
    assert param.coerce(param.default) == param.default
    assert type(param.coerce(param.default)) is type(param.default)


@given(param=st.sampled_from(ALL), value=numbers)
def test_every_number_is_taken_and_held_in_range(param: Param, value: float):
    held = param.coerce(value)
    assert type(held) is {Kind.FLOAT: float, Kind.INT: int}.get(param.kind, bool)
    assert param.minimum <= held <= param.maximum
    assert param.coerce(held) == held


@pytest.mark.parametrize(
    ("address", "got", "held"),
    [
        ("/noise/strength", 1, 1.0),
        ("/noise/strength", True, 1.0),
        ("/noise/strength", -3.5, 0.0),
        ("/noise/strength", 10**400, 2.0),
        ("/segment/select", 3.0, 3),
        ("/segment/select", 2.6, 3),
        ("/segment/select", 1e9, 127),
        ("/segment/auto", 0.0, False),
        ("/segment/auto", 0.5, True),
        ("/segment/next", 1.0, True),
        ("/choir/melody/seed/1", 4294967295.0, 2**32 - 1),
    ],
)
def test_numbers_are_taken_for_one_another(address, got, held):
    value = BY_ADDRESS[address].coerce(got)
    assert (value, type(value)) == (held, type(held))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "1", None, b"1", [1], 1j])
def test_what_is_not_a_number_is_refused(value):
    with pytest.raises(ParamError, match=r"^/noise/strength takes a number from 0 to 2, got "):
        BY_ADDRESS["/noise/strength"].coerce(value)


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("/segment/auto", "0 or 1"),
        ("/segment/select", "a whole number from 0 to 127"),
        ("/choir/melody/glide_s", "a number from 0 to 30 s"),
        ("/choir/melody/seed/1", "a whole number from 0 to 4294967295"),
    ],
)
def test_what_is_allowed_is_said_in_words(address, allowed):
    assert BY_ADDRESS[address].allowed() == allowed


def test_the_table_keeps_its_order_and_finds_the_nearest():
    table = ParamTable(ALL)
    assert list(table) == [param.address for param in ALL]
    assert table["/noise/speed"] is BY_ADDRESS["/noise/speed"]
    with pytest.raises(ParamError, match="there is no parameter '/noise/sped'; did you mean '/noise/speed'\\?"):
        table["/noise/sped"]


def test_two_of_the_same_address_are_refused():
    with pytest.raises(ParamError, match="two parameters are called /noise/speed"):
        ParamTable([BY_ADDRESS["/noise/speed"]] * 2)


def test_triggers_have_no_default():
    defaults = ParamTable(ALL).defaults()
    assert set(defaults) == {param.address for param in ALL if param.kind is not Kind.TRIGGER}
    assert all(defaults[address] == BY_ADDRESS[address].default for address in defaults)


def test_the_page_has_every_entry():
    table = ParamTable([*ALL, choice_param("/model/select", "b", ("a", "b"), "the model")])
    page, listed = markdown(table), lines(table)
    rows = [row for row in page.splitlines() if row.startswith("| `")]
    assert sorted(row.split("`")[1] for row in rows) == sorted(table)
    assert all(row.count("|") == 5 for row in rows)
    assert [line.split()[0] for line in listed] == [f"/avserver{address}" for address in table]
    assert "| `/model/select` | b | 0 a, 1 b | the model |" in rows
    assert "| `/reseed/all` |  | nothing, or 1 | other seeds for all choirs |" in rows
    assert "| `/segment/auto` | on | 0 or 1 | tempo changes in the music switch the segment |" in rows
    assert listed[-1].endswith("b  0 a, 1 b: the model")
    sections = [row.removeprefix("## ") for row in page.splitlines() if row.startswith("## ")]
    assert len(sections) == len(set(sections))
    assert {"output", "reseed", "choir/melody", "signal/drums", "bend/a_zoom", "direction/pose"} <= set(sections)


def test_a_bend_has_a_value_for_each_of_its_transform():
    addresses = [param.address for param in bend_params("shift", layer="b8", transform="translate")]
    assert addresses == ["/bend/shift/enable", "/bend/shift/x", "/bend/shift/y"]


def test_a_phase_may_move_by_itself():
    addresses = [param.address for param in bend_params("sea", layer="b8", transform="displace")]
    assert addresses == ["/bend/sea/enable", "/bend/sea/amount", "/bend/sea/phase", "/bend/sea/speed"]
