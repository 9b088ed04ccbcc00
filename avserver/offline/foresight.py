"""Foresight: ears that know what comes, because the song is a file."""

import bisect
import dataclasses
import math
from collections import deque
from collections.abc import Sequence
from typing import TypeVar

from avserver.analysis.knobs import Knobs
from avserver.engine import Ears
from avserver.listen.recording import CHROMA_AGO_S
from avserver.offline.tempo_segment import Segment
from avserver.signals import LEAD_S, Ahead, NoteEvent, Onset, Signals

# Every onset is told at most so long after its time (s): a window, a look back and what the stems take; seen are 0.1.
LATEST_S = 0.2

Event = TypeVar("Event", Onset, NoteEvent)


class Foresight:
    """Has others listen ahead, and tells what they heard when it is there.

    Live, whatever begins is known a little later than it was. Here every onset and note arrives in the first frame at
    or after its time, the chroma is that of its frame, segments are those found in the whole song, and `Signals.ahead`
    says what comes in the next LEAD_S. Levels, pitch and beat are as they are heard live.

    Args:
        ears: who listens. Its knobs are those of the present frame, which it hears ahead of.
        fps: frames a second: `until` is called for each frame, in order, from 0 s on.
        segments: of the song, the first at 0 s.
    """

    def __init__(self, ears: Ears, fps: float, segments: Sequence[Segment]) -> None:
        self._ears = ears
        self._fps = fps
        self._segments = segments
        self._later = max(1, round(CHROMA_AGO_S * fps))  # frames
        self._frames = max(self._later, math.ceil((LEAD_S + LATEST_S) * fps))
        self._heard: deque[Signals] = deque()  # from the present frame on
        self._next = 0
        self._onsets: list[Onset] = []
        self._notes: list[NoteEvent] = []

    def until(self, t_s: float, delay_s: float = 0.0) -> Signals:
        """Return what is heard at `t_s` (show time, s), with a delay (s), and what is known to come."""
        while self._next <= round(t_s * self._fps) + self._frames:
            heard = self._ears.until(self._next / self._fps, delay_s)
            self._next += 1
            self._heard.append(heard)
            self._onsets += heard.onsets
            self._notes += heard.notes
        now, later = self._heard.popleft(), self._heard[self._later - 1]
        onsets, self._onsets = _parted(self._onsets, t_s)
        notes, self._notes = _parted(self._notes, t_s)
        present, coming = self._segment(t_s - delay_s), self._segment(t_s + LEAD_S - delay_s)
        return dataclasses.replace(
            now,
            onsets=tuple(onsets),
            notes=tuple(notes),
            chroma=later.chroma,
            chroma_sync=later.chroma_sync,
            segment=present.index,
            segment_confidence=present.confidence,
            segment_s=present.start_s + delay_s,
            ahead=Ahead(
                tuple(onset for onset in self._onsets if onset.t_s <= t_s + LEAD_S),
                coming.index,
                coming.start_s + delay_s,
            ),
        )

    def turn(self, knobs: Knobs) -> None:
        """Have what follows heard as the knobs say."""
        self._ears.turn(knobs)

    def _segment(self, t_s: float) -> Segment:
        return self._segments[max(0, bisect.bisect_right(self._segments, t_s, key=lambda found: found.start_s) - 1)]


def _parted(events: Sequence[Event], t_s: float) -> tuple[list[Event], list[Event]]:
    """Return what is there at `t_s` (s) and what comes later, both oldest first."""
    ordered = sorted(events, key=lambda event: event.t_s)
    count = bisect.bisect_right(ordered, t_s, key=lambda event: event.t_s)
    return ordered[:count], ordered[count:]
