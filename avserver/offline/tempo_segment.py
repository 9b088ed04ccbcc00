"""Segment: a part of a song that has one tempo. Plain data, for those who find them and those who are told."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

# How long one lasts at least (s); chosen on the same songs as the figures of `offline.segments`.
SHORTEST_S = 3.0


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a song that has one tempo.

    Attributes:
        start_s: where it begins (s).
        bpm: quarter notes a minute in [80, 160): twice and half of it are not told apart; 0 where there is no beat.
        confidence: in [0, 1], how alike all of it is in tempo.
        index: number of the segment, from 0; with `recurring` the same for all that have one tempo.
    """

    start_s: float
    bpm: float
    confidence: float
    index: int


# What a song has in which no tempo changes, or that is too short for it.
WHOLE = Segment(0.0, 0.0, 0.0, 0)


def since(segments: Sequence[Segment], start_s: float) -> list[Segment]:
    """Return the segments of a song that is played from `start_s` (s) on: the first one begins at 0 s then."""
    ended = sum(segment.start_s <= start_s for segment in segments) - 1
    return [
        dataclasses.replace(segment, start_s=max(0.0, segment.start_s - start_s))
        for segment in segments[max(0, ended) :]
    ]
