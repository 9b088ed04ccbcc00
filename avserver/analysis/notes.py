"""Notes: when a pitch begins and ends, made of what is told of it hop by hop."""

import math

from avserver.signals import NoteEvent

# A pitch is a note once it has stood for START_S; a note is over once its pitch has been away for GAP_S.
START_S, GAP_S = 0.03, 0.05
# Shortest note that is told (s): a 32nd at 150 bpm.
SHORTEST_S = 0.05
# A note keeps its name while the pitch is nearer than this (semitones): vibrato is no trill.
REACH = 0.7
# The same note struck again is another, if at least this long after (s) and by an onset at least this strong. Whether
# it is the same shows once the pitch had this long to change (s).
STRUCK_AGAIN_S, STRUCK, DECIDED_S = 0.1, 0.3, 0.08


class Notes:
    """Follows one pitch, and tells when each of its notes begins and ends. Every beginning has an end, in this order.

    Args:
        stem: whose notes they are.
        delay_s: how old a pitch is when it is told (s).
    """

    def __init__(self, stem: str, delay_s: float = 0.0) -> None:
        self._stem, self._delay_s = stem, delay_s
        self.reset()

    def __call__(self, now_s: float, hz: float, loudness: float, struck: float = 0.0) -> list[NoteEvent]:
        """Take what is heard at this hop, return what began or ended.

        Args:
            now_s: show time at the end of the hop (s).
            hz: the pitch; 0 for none.
            loudness: how strong a note that begins now would be, in [0, 1].
            struck: strength of an onset that was told at this hop, 0 for none.
        """
        t_s = max(0.0, now_s - self._delay_s)
        if struck >= STRUCK:
            self._struck_s, self._strength = now_s, struck
        midi = 69 + 12 * math.log2(hz / 440) if hz > 0 else None
        told: list[NoteEvent] = []
        if self._midi is not None:
            told += self._go_on(t_s, midi)
        return told + self._look_out(t_s, midi, loudness)

    def reset(self) -> None:
        """Forget the note that sounds and the one that was about to."""
        self._midi: int | None = None
        self._on_s = 0.0
        self._heard_s = 0.0
        self._off_s = 0.0
        self._coming: int | None = None
        self._since_s = 0.0
        self._struck_s = math.inf
        self._strength = 0.0

    def _go_on(self, t_s: float, midi: float | None) -> list[NoteEvent]:
        """Follow the note that sounds, and end it when it is gone or struck again."""
        assert self._midi is not None
        if midi is None or abs(midi - self._midi) >= REACH:
            return [self._end(self._heard_s)] if t_s - self._heard_s >= GAP_S else []
        self._heard_s = t_s
        if t_s - self._struck_s < DECIDED_S:
            return []
        sounding, struck_s = self._midi, self._struck_s
        self._struck_s = math.inf
        if struck_s - self._on_s < STRUCK_AGAIN_S:
            return []
        return [self._end(struck_s), self._begin(sounding, struck_s)]

    def _look_out(self, t_s: float, midi: float | None, loudness: float) -> list[NoteEvent]:
        """Wait until another pitch has stood for long enough, and begin its note, ending the one before."""
        if midi is None or (self._midi is not None and abs(midi - self._midi) < REACH):
            self._coming = None
            return []
        if self._coming is None or abs(midi - self._coming) >= REACH:
            self._coming, self._since_s = round(midi), t_s
            if math.isinf(self._struck_s):
                self._strength = loudness
        self._strength = max(self._strength, loudness)
        if t_s - self._since_s < START_S:
            return []
        ended = [] if self._midi is None else [self._end(self._since_s)]
        begun = self._begin(self._coming, max(self._since_s, self._off_s))
        self._coming, self._struck_s = None, math.inf
        return [*ended, begun]

    def _begin(self, midi: int, t_s: float) -> NoteEvent:
        self._midi, self._on_s, self._heard_s = midi, t_s, t_s
        return NoteEvent(t_s, self._stem, midi, True, self._strength)

    def _end(self, t_s: float) -> NoteEvent:
        assert self._midi is not None
        midi, self._midi = self._midi, None
        self._off_s = max(t_s, self._on_s + SHORTEST_S)
        return NoteEvent(self._off_s, self._stem, midi, False, 0.0)
