"""Sources of tempo: what they are called, and what one tells of a moment."""

from dataclasses import dataclass

AUDIO, LINK, MIDI, TAP, MANUAL = TEMPO_SOURCES = ("audio", "link", "midi", "tap", "manual")


@dataclass(frozen=True, slots=True)
class Reading:
    """The beat at a moment.

    Attributes:
        bpm: the tempo, above 0.
        beats: since the source's own beginning, with a fraction.
        playing: whether the source's transport plays.
        runs: whether the beat goes on; it stands while a sequencer is stopped.
        in_bars: whether the source knows of bars: its beat 0 begins one.
        jumps: how often it was sent elsewhere on purpose; who follows goes there at once, not by and by.
        confidence: in [0, 1], how sure it is.
    """

    bpm: float
    beats: float
    playing: bool = True
    runs: bool = True
    in_bars: bool = False
    jumps: int = 0
    confidence: float = 1.0
