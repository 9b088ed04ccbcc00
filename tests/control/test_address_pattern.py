"""Address patterns, against a matcher that tries everything."""

import time
from functools import cache

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from avserver.control.address_pattern import is_pattern, matching
from avserver.errors import ParamError


@pytest.mark.parametrize(
    ("pattern", "matched"),
    [
        ("/noise/strength", ["/noise/strength"]),
        ("/noise/*", ["/noise/speed", "/noise/strength"]),
        ("/*/speed", ["/bend/speed", "/noise/speed"]),
        ("/*", ["/panic"]),
        ("/*/*", ["/bend/speed", "/noise/speed", "/noise/strength"]),
        ("/noise/s?eed", ["/noise/speed"]),
        ("/noise/sp?ed?", []),
        ("/noise?speed", []),
        ("/noise[!a]speed", []),
        ("/noise[.-0]speed", []),
        ("/{noise,bend}/speed", ["/bend/speed", "/noise/speed"]),
        ("/{noise,bend/x}/s*{ed,}", ["/noise/speed", "/noise/strength"]),
        ("/[m-o]oise/s[pt]*", ["/noise/speed", "/noise/strength"]),
        ("/choir/melody/seed/[!2-9]", ["/choir/melody/seed/1", "/choir/melody/seed/-"]),
        ("/choir/melody/seed/[-0]", ["/choir/melody/seed/-"]),
        ("/panic.", []),
    ],
)
def test_what_a_pattern_means(pattern: str, matched: list[str]) -> None:
    addresses = [
        "/bend/speed", "/noise/speed", "/noise/strength", "/panic", "/choir/melody/seed/1", "/choir/melody/seed/2",
        "/choir/melody/seed/-",
    ]  # fmt: skip
    assert list(matching(pattern, addresses)) == matched
    assert is_pattern(pattern) == (pattern not in ("/noise/strength", "/panic."))


@pytest.mark.parametrize("pattern", ["/[", "/[]", "/a]", "/{a", "/a}", "/[z-a]", "/" + "x" * 300, "/" + "{a,b}" * 7])
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(ParamError):
        matching(pattern, ["/a"])


def test_a_hostile_pattern_costs_no_more_than_another() -> None:
    victim = "/" + "a" * 200
    start_s = time.monotonic()
    for hostile in ("/" + "*a" * 120 + "b", "/" + "*" * 250 + "b", "/" + "*?" * 120 + "b", "/" + "*{a,aa}" * 6 + "b"):
        assert matching(hostile, [victim] * 20) == ()
    assert time.monotonic() - start_s < 60  # a matcher that tries every way would not be back for ages


# ---- a slow reference: every way to share out the text ----

PIECES = ["a", "b", "/", "?", "*", "**", "[ab]", "[!a]", "[a-b]", "[!-b]", "{a,bb}", "{,ab,b}", "{b/a,a}"]


@cache
def reaches(pieces: tuple[str, ...], text: str) -> bool:
    if not pieces:
        return not text
    piece, *rest = pieces
    left = tuple(rest)
    if piece.startswith("*"):
        return reaches(left, text) or (text[:1] not in ("", "/") and reaches(pieces, text[1:]))
    if piece.startswith("{"):
        words = piece[1:-1].split(",")
        return any(text.startswith(word) and reaches(left, text[len(word) :]) for word in words)
    one = {"?": "ab-", "[ab]": "ab", "[!a]": "b-", "[a-b]": "ab", "[!-b]": "a"}.get(piece, piece)
    return text[:1] != "" and text[0] in one and reaches(left, text[1:])


@given(st.lists(st.sampled_from(PIECES), max_size=7).map(tuple), st.lists(st.text("ab/-", max_size=8), max_size=8))
def test_it_agrees_with_the_reference(pieces: tuple[str, ...], texts: list[str]) -> None:
    assume(sum(piece.startswith("{") for piece in pieces) <= 3)  # more are refused
    assert matching("".join(pieces), texts) == tuple(text for text in texts if reaches(pieces, text))
