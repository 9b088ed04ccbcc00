"""Address patterns of OSC 1.0: one message that means several addresses.

| in a pattern | stands for |
|---|---|
| `?` | any one character |
| `*` | any characters, also none |
| `[a-z]` `[!a]` | one character of these, or none of these |
| `{foo,bar}` | one of these words |

None of them reaches across a `/`.

A pattern comes from anybody, and must not be able to cost more than a glance. A regular expression with several `*`
may try every way to share out the text among them. So each `*` here takes as little as lets what follows it match, and
never gives that up (an atomic group): if any way fits, this one does, as long as what stands between two `*` has one
length. Braces, which have several, are written out beforehand.
"""

import itertools
import re
from collections.abc import Iterable, Iterator

from avserver.errors import ParamError

# The longest address has some fifty characters.
_LONGEST = 256
# Braces that are written out multiply.
_MOST_WORDINGS = 64
_SPECIAL = re.compile(r"[?*\[{]")
_PIECE = re.compile(r"(?P<star>\*+)|(?P<any>\?)|\[(?P<set>!?[^\]]+)\]|\{(?P<words>[^}]*)\}|(?P<plain>[^?*\[{\]}]+)")
_STAR = None


def is_pattern(address: str) -> bool:
    """Tell whether an address means others."""
    return _SPECIAL.search(address) is not None


def matching(pattern: str, addresses: Iterable[str]) -> tuple[str, ...]:
    """Return those that a pattern means, in their order.

    Raises ParamError for a pattern that is none, or that is longer or more branched than anyone would write.
    """
    if len(pattern) > _LONGEST:
        raise ParamError(f"an address pattern has at most {_LONGEST} characters, got {len(pattern)}")
    wordings = itertools.islice(itertools.product(*_pieces(pattern)), _MOST_WORDINGS + 1)
    expressions = [_expression(wording) for wording in wordings]
    if len(expressions) > _MOST_WORDINGS:
        raise ParamError(f"the braces of {pattern!r} mean more than {_MOST_WORDINGS} wordings")
    means = re.compile("|".join(expressions)).fullmatch
    return tuple(address for address in addresses if means(address))


def _pieces(pattern: str) -> Iterator[list[str | None]]:
    """Yield the pieces of a pattern, each as the expressions that it may be; a `*` is None."""
    at = 0
    while at < len(pattern):
        piece = _PIECE.match(pattern, at)
        if piece is None:
            raise ParamError(f"{pattern[at:]!r} in an address pattern is not closed, not opened or empty")
        at = piece.end()
        match piece.lastgroup:
            case "star":
                yield [_STAR]
            case "any":
                yield ["[^/]"]
            case "set":
                yield [_set(piece["set"])]
            case "words":
                yield [re.escape(word) for word in piece["words"].split(",")]
            case _:
                yield [re.escape(piece["plain"])]


def _set(inside: str) -> str:
    """Return a `[...]` as an expression: a `!` at the beginning negates, a `-` between two characters is a range."""
    negated = inside.startswith("!") and len(inside) > 1
    rest = inside[negated:]
    parts = []
    for low, high in _ranges(rest):
        if low > high:
            raise ParamError(f"a range in an address pattern goes upwards, got {low}-{high}")
        parts.append(f"{re.escape(low)}-{re.escape(high)}")
    return f"(?!/)[{'^' if negated else ''}{''.join(parts)}]"


def _ranges(inside: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(inside):
        wide = inside[at + 1 : at + 2] == "-" and at + 2 < len(inside)
        yield inside[at], inside[at + 2 if wide else at]
        at += 3 if wide else 1


def _expression(wording: Iterable[str | None]) -> str:
    """Return a pattern without braces as a regular expression."""
    runs = [""]  # what stands between two stars
    for piece in wording:
        if piece is _STAR:
            runs.append("")
        else:
            runs[-1] += piece or ""
    first, *others = runs
    if not others:
        return first
    *middle, last = others
    return first + "".join(f"(?>[^/]*?{run})" for run in middle if run) + f"[^/]*{last}"
