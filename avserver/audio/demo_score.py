"""The score of the demo track, and the truth that follows from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import accumulate

STEPS = 16  # a bar of four beats, in sixteenths
PLUCK_STEPS = 4  # how long a pluck sounds

# Pitches are MIDI note numbers. A minor: i - VI - III - VII.
Chord = tuple[int, int, int]
_AM, _F, _C, _G = (57, 60, 64), (53, 57, 60), (55, 60, 64), (55, 59, 62)
_ROOTS = {_AM: 33, _F: 29, _C: 36, _G: 31}

DRUMS = ("kick", "snare", "hat", "open_hat", "crash")
STEM_OF = dict.fromkeys(DRUMS, "drums") | {"bass": "bass", "pluck": "melody", "pad": "melody"}


@dataclass(frozen=True, slots=True)
class Section:
    """Some bars at one tempo.

    Attributes:
        bpm: quarter notes a minute.
        bars: how many.
        loudness: of everything, in [0, 1].
        brightness: of the plucks, at the first and at the last bar, in [0, 1].
        chords: one a bar, repeated.
        parts: per instrument, one pattern of 16 steps a bar, repeated when they run out. A digit is a
            hit: for drums, bass and pad its loudness in ninths, for the pluck a step of the chord's arpeggio.
    """

    bpm: float
    bars: int
    loudness: float
    brightness: tuple[float, float]
    chords: tuple[Chord, ...]
    parts: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Note:
    """One note: when, on what, which pitch (None for drums), how loud and how bright (both in [0, 1])."""

    t_s: float
    instrument: str
    length_s: float
    velocity: float
    pitch: int | None = None
    brightness: float = 0.5


@dataclass(frozen=True, slots=True)
class Truth:
    """What a listener should find in the track.

    Attributes:
        duration_s: length of the track (s).
        onsets_s: per instrument and per stem, when its notes begin (s), sorted, without doubles.
        tempi: (t_s, bpm) of each segment.
        beats_s: every quarter note (s).
    """

    duration_s: float
    onsets_s: dict[str, tuple[float, ...]] = field(default_factory=dict)
    tempi: tuple[tuple[float, float], ...] = ()
    beats_s: tuple[float, ...] = ()


_REST = "................"
_FOUR = "9...9...9...9..."
_BACKBEAT = "....8.......8..."
_CRASH = "8..............."
_PAD = ("7...............",)

SCORE = (
    # A pad, a slow arpeggio, then hats: little to see yet.
    Section(
        100, 4, loudness=0.4, brightness=(0.1, 0.3), chords=(_AM, _F, _C, _G),
        parts={
            "pad": _PAD,
            "pluck": ("0...2...1...3...", "0..2..1.3...2.1."),
            "hat": (_REST, _REST, "....3.......3...", "..3...3...3...4."),
        },
    ),
    # The kick comes in; the snare rolls into the drop.
    Section(
        100, 4, loudness=0.7, brightness=(0.3, 0.9), chords=(_AM, _F, _C, _G),
        parts={
            "pad": _PAD,
            "pluck": ("0.2.1.3.0.2.1.3.",),
            "kick": (_FOUR, _FOUR, _FOUR, "9...9...9......."),
            "hat": ("..6...6...6...7.",),
            "bass": ("7.......7.......", "7.......7.......", "7...7...7...7...", _REST),
            "snare": (_REST, _REST, "............4...", "3...4...5.5.6789"),
        },
    ),
    # The drop.
    Section(
        128, 8, loudness=1.0, brightness=(0.9, 0.7), chords=(_AM, _F, _C, _G),
        parts={
            "pad": _PAD,
            "pluck": ("0..2..4.3..2..1.", "0..2..4.5..4..3."),
            "kick": (*[_FOUR] * 7, "9...9...9..9..9."),
            "snare": (_BACKBEAT,),
            "hat": ("5.3.5.3.5.3.5.3.",),
            "open_hat": ("..7...7...7...7.",),
            "crash": (_CRASH, _REST, _REST, _REST),
            "bass": ("..8...8...8..87.", "..8...8...8.8.7."),
        },
    ),
    # Breath: the drums leave, the chords stay.
    Section(
        128, 2, loudness=0.6, brightness=(0.4, 0.9), chords=(_AM, _F),
        parts={
            "pad": _PAD,
            "pluck": ("0...2...4...3...", "0.2.4.5.4.2.1.2."),
            "snare": (_REST, "........3.4.5678"),
        },
    ),
    # And back.
    Section(
        128, 2, loudness=1.0, brightness=(0.9, 0.9), chords=(_C, _G),
        parts={
            "pad": _PAD,
            "pluck": ("0..2..4.5..4..3.",),
            "kick": (_FOUR, "9...9...9......."),
            "snare": (_BACKBEAT, "....8...6.6.8.8."),
            "hat": ("5.3.5.3.5.3.5.3.",),
            "open_hat": ("..7...7...7...7.", _REST),
            "crash": (_CRASH, _REST),
            "bass": ("..8...8...8..87.", "..8...8...8....."),
        },
    ),
    # Slow and heavy, and out.
    Section(
        90, 6, loudness=0.8, brightness=(0.7, 0.2), chords=(_AM, _F, _C, _G, _F, _AM),
        parts={
            "pad": _PAD,
            "pluck": ("0.....2...4.....", "3.....2...1.....") * 2 + ("0.......2.......", "0..............."),
            "kick": ("9.....5...8.....", "9.....5...8..5..") * 2 + ("9.....5...8.....", "9..............."),
            "snare": (*[_BACKBEAT] * 5, _REST),
            "hat": (*["4.6.4.6.4.6.4.6."] * 4, "4...4...4...4...", _REST),
            "crash": (_CRASH, *[_REST] * 5),
            "bass": (*["8.....6...7..6.."] * 5, "8..............."),
        },
    ),
)  # fmt: skip

_starts = list(accumulate((s.bars * 4 * 60 / s.bpm for s in SCORE), initial=0.0))
DURATION_S = _starts[-1]


def notes() -> list[Note]:
    """Return every note of the score, by time."""
    found = []
    for section, start_s in zip(SCORE, _starts, strict=False):
        step_s = 60 / section.bpm / 4
        for instrument, patterns in section.parts.items():
            for bar in range(section.bars):
                for step, hit in enumerate(patterns[bar % len(patterns)]):
                    if hit != ".":
                        t_s = start_s + (bar * STEPS + step) * step_s
                        found += _play(section, instrument, bar, int(hit), t_s, step_s)
    return sorted(found, key=lambda note: (note.t_s, note.instrument, note.pitch or 0))


def _play(section: Section, instrument: str, bar: int, digit: int, t_s: float, step_s: float) -> list[Note]:
    """Return what one digit of a pattern stands for: one note, or a chord of the pad."""
    chord = section.chords[bar % len(section.chords)]
    velocity = section.loudness * digit / 9
    if instrument == "bass":
        return [Note(t_s, instrument, 1.6 * step_s, velocity, _ROOTS[chord])]
    if instrument == "pad":
        return [Note(t_s, instrument, STEPS * step_s, velocity, pitch) for pitch in chord]
    if instrument == "pluck":
        octave, tone = divmod(digit, len(chord))
        dark, bright = section.brightness
        brightness = dark + (bright - dark) * bar / max(1, section.bars - 1)
        return [
            Note(
                t_s,
                instrument,
                PLUCK_STEPS * step_s,
                0.8 * section.loudness,
                chord[tone] + 12 + 12 * octave,
                brightness,
            )
        ]
    return [Note(t_s, instrument, step_s, velocity)]


def truth() -> Truth:
    """Return what is in the track, from the score alone."""
    onsets: dict[str, set[float]] = {}
    for note in notes():
        for name in (note.instrument, STEM_OF[note.instrument], "mix"):
            onsets.setdefault(name, set()).add(round(note.t_s, 6))
    tempi: list[tuple[float, float]] = []
    beats = []
    for section, start_s in zip(SCORE, _starts, strict=False):
        if not tempi or tempi[-1][1] != section.bpm:
            tempi.append((start_s, section.bpm))
        beats += [start_s + beat * 60 / section.bpm for beat in range(section.bars * 4)]
    onsets_s = {name: tuple(sorted(times)) for name, times in onsets.items()}
    return Truth(DURATION_S, onsets_s, tuple(tempi), tuple(beats))
