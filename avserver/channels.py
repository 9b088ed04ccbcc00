"""Channels: which features of a layer a bend acts on, as a person writes it.

all                   every one
0-31                  these, counted from 0, the last one included; also `5`, and several: `0-31, 40`
random 0.25 seed 7    a quarter of them, drawn by this seed
cluster 2 of 5        the second largest of five groups of features that look alike
"""

import functools
import re
from dataclasses import dataclass

from avserver.errors import ModelError

ALL = "all"
FORMS = "'all', '0-31', 'random 0.25 seed 7' or 'cluster 2 of 5'"

_RANGE = re.compile(r"(\d{1,4})(?:\s*-\s*(\d{1,4}))?")
_RANDOM = re.compile(r"random\s+(\d*\.?\d+)\s+seed\s+(\d{1,9})")
_CLUSTER = re.compile(r"cluster\s+(\d{1,4})\s+of\s+(\d{1,4})")


@dataclass(frozen=True, slots=True)
class Ranges:
    """Features `first <= i <= last` of each pair; none means all."""

    pairs: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Random:
    """A share of the features, in (0, 1], drawn by a seed."""

    share: float
    seed: int


@dataclass(frozen=True, slots=True)
class Cluster:
    """The group `number` (from 1, the largest) of `count` groups of similar features."""

    number: int
    count: int


@functools.cache
def parse_channels(text: str) -> Ranges | Random | Cluster:
    """Read which channels are meant. Raises ModelError for what says nothing."""
    words = text.strip()
    if words == ALL:
        return Ranges()
    if (random := _RANDOM.fullmatch(words)) and 0.0 < float(random[1]) <= 1.0:
        return Random(float(random[1]), int(random[2]))
    if (cluster := _CLUSTER.fullmatch(words)) and 1 <= int(cluster[1]) <= int(cluster[2]):
        return Cluster(int(cluster[1]), int(cluster[2]))
    found = [_RANGE.fullmatch(part.strip()) for part in words.split(",")]
    pairs = tuple((int(part[1]), int(part[2] or part[1])) for part in found if part)
    if len(pairs) == len(found) and all(first <= last for first, last in pairs):
        return Ranges(pairs)
    raise ModelError(f"channels takes {FORMS}, got {text!r}")
