"""Told: what is heard, told over OSC by whoever hears it (Ableton, another machine), instead of listening to sound.

| address (under /avserver)          | takes                                                             |
|------------------------------------|-------------------------------------------------------------------|
| `/input/onset stem band strength`  | a stem and a band by name, 0 to 1; without strength 1             |
| `/input/rms_db stem value`         | a stem by name, -120 to 0 dB                                      |
| `/input/pitch hz confidence`       | 0 to 20000 Hz, 0 is none; 0 to 1, without it 1                    |
| `/input/chroma c0 … c11`           | twelve numbers from 0 up, from C; their sum becomes 1             |
| `/input/beat`                      | now                                                               |
| `/input/tempo bpm`                 | 20 to 400; without it the last two beats tell                     |
| `/input/segment number`            | 0 to 127                                                          |
| `/input/novelty value`             | 0 to 1                                                            |

Values beyond their range are clamped to it.
"""

import dataclasses
import math
from collections import deque
from collections.abc import Callable, Collection
from functools import partial

import numpy as np

from avserver.analysis.knobs import Knobs
from avserver.control.desk import Command
from avserver.errors import ParamError
from avserver.signals import BANDS, CHROMA_CLASSES, STEMS, Onset, Signals

ROOT = "/input/"
# As the analyser's: an onset's strength falls by 1/e in this time (s).
RELEASE_S = 0.08
# Two beats further apart (s), or nearer, than these tell no tempo: 400 and 20 bpm.
BEAT_S = (0.15, 3.0)

# Each with the OSC types of its arguments and a description.
_TAKES = {
    "onset": ("ssf", "something began: a stem, a band, a strength"),
    "rms_db": ("sf", "a stem, and its level (dB)"),
    "pitch": ("ff", "a frequency (Hz) and how sure it is"),
    "chroma": ("f" * CHROMA_CLASSES, "how much there is of each pitch class, from C"),
    "beat": ("", "a beat, now"),
    "tempo": ("f", "beats per minute"),
    "segment": ("i", "the tempo segment"),
    "novelty": ("f", "how sure it is that the tempo is another one"),
}

Arguments = tuple[object, ...]
Change = Callable[[float], None]


class Told:
    """What was told, as Signals. A `Listener`, as the analyser is.

    What is told takes effect at the frame at which it is fetched. Between beats the phase runs on at the tempo.

    Args:
        quiet: what is heard where nothing is told.
    """

    def __init__(self, quiet: Signals) -> None:
        self._quiet = quiet
        self._read: dict[str, Callable[[Arguments], Change]] = {
            "onset": self._read_onset,
            "rms_db": self._read_rms,
            "pitch": self._read_pitch,
            "chroma": self._read_chroma,
            "beat": self._read_beat,
            "tempo": self._read_tempo,
            "segment": self._read_segment,
            "novelty": self._read_novelty,
        }
        self.reset()

    def reset(self) -> None:
        """Forget all that was told."""
        self._fresh: list[Change] = []
        self._timeline: deque[tuple[float, Change]] = deque()
        self._onsets: list[Onset] = []
        self._newest: dict[tuple[str, str], Onset | None] = {(stem, band): None for stem in STEMS for band in BANDS}
        self._rms_db = dict(self._quiet.rms_db)
        self._pitch = (self._quiet.pitch_hz, self._quiet.pitch_confidence)
        self._chroma = self._quiet.chroma
        self._bpm = 0.0
        self._tempo_was_told = False
        self._beats_then, self._then_s = 0.0, 0.0  # beats since the first, with a fraction, and when that was
        self._beats, self._last_beat = 0.0, -1
        self._beat_s: float | None = None
        self._beat = False
        self._segment, self._novelty = 0, 0.0

    def commands(self) -> dict[str, Command]:
        """Return what messages do, by address. Each raises ParamError for bad arguments."""
        return {ROOT + name: Command(partial(self._take, name), *_TAKES[name]) for name in _TAKES}

    def turn(self, knobs: Knobs) -> None:
        """Do nothing: there is no sound here that could be heard otherwise."""

    def fetch(self, now_s: float) -> None:
        """Let what was told since the last call have happened at `now_s` (show time, s)."""
        self._timeline += [(now_s, change) for change in self._fresh]
        self._fresh.clear()

    def until(self, t_s: float) -> Signals:
        """Return what was told to be heard at `t_s` (show time, s), and all onsets since the last call."""
        while self._timeline and self._timeline[0][0] <= t_s:
            at_s, change = self._timeline.popleft()
            change(at_s)
        onsets, self._onsets = tuple(self._onsets), []
        beat, self._beat = self._beat, False
        # A beat that is told later than the tempo promised must not set the count back: it waits.
        self._beats = max(self._beats, self._beats_at(t_s))
        return dataclasses.replace(
            self._quiet,
            t_s=t_s,
            heard_s=t_s,
            rms_db=dict(self._rms_db),
            onset_strength={
                key: onset.strength * math.exp(-(t_s - onset.t_s) / RELEASE_S) if onset else 0.0
                for key, onset in self._newest.items()
            },
            onsets=onsets,
            pitch_hz=self._pitch[0],
            pitch_confidence=self._pitch[1],
            chroma=self._chroma,
            chroma_sync=self._chroma,
            tempo_bpm=self._bpm,
            beat_phase=self._beats_at(t_s) % 1.0,
            beat=beat,
            beats=self._beats,
            beat_s=self._beat_s or 0.0,
            segment=self._segment,
            novelty=self._novelty,
        )

    def _take(self, name: str, arguments: Arguments) -> None:
        try:
            self._fresh.append(self._read[name](arguments))
        except ValueError as err:
            raise ParamError(f"{ROOT}{name} {err}") from err

    # Each of these turns the arguments of a message into what it changes. Raises ValueError.

    def _read_onset(self, arguments: Arguments) -> Change:
        if len(arguments) not in (2, 3):
            raise ValueError(f"takes a stem, a band and a strength, got {len(arguments)} arguments")
        stem, band = _word(arguments[0], STEMS, "stem"), _word(arguments[1], BANDS, "band")
        strength = _number(arguments[2], 0.0, 1.0) if len(arguments) == 3 else 1.0
        return partial(self._hear_onset, stem, band, strength)

    def _read_rms(self, arguments: Arguments) -> Change:
        if len(arguments) != 2:
            raise ValueError(f"takes a stem and a level (dB), got {len(arguments)} arguments")
        stem, value = _word(arguments[0], STEMS, "stem"), _number(arguments[1], -120.0, 0.0)
        return lambda _: self._rms_db.update({stem: value})

    def _read_pitch(self, arguments: Arguments) -> Change:
        if len(arguments) not in (1, 2):
            raise ValueError(f"takes a frequency (Hz) and a confidence, got {len(arguments)} arguments")
        hz = _number(arguments[0], 0.0, 20_000.0)
        confidence = _number(arguments[1], 0.0, 1.0) if len(arguments) == 2 else float(hz > 0)
        return lambda _: setattr(self, "_pitch", (hz, confidence))

    def _read_chroma(self, arguments: Arguments) -> Change:
        if len(arguments) != CHROMA_CLASSES:
            raise ValueError(f"takes {CHROMA_CLASSES} numbers, got {len(arguments)}")
        classes = np.array([_number(argument, 0.0, 1e6) for argument in arguments])
        total = classes.sum()
        chroma = classes / total if total > 0 else self._quiet.chroma
        return lambda _: setattr(self, "_chroma", chroma)

    def _read_beat(self, _arguments: Arguments) -> Change:
        return self._hear_beat

    def _read_tempo(self, arguments: Arguments) -> Change:
        bpm = _number(_only(arguments), 20.0, 400.0)
        return partial(self._hear_tempo, bpm)

    def _read_segment(self, arguments: Arguments) -> Change:
        number = round(_number(_only(arguments), 0, 127))
        return lambda _: setattr(self, "_segment", number)

    def _read_novelty(self, arguments: Arguments) -> Change:
        novelty = _number(_only(arguments), 0.0, 1.0)
        return lambda _: setattr(self, "_novelty", novelty)

    def _hear_onset(self, stem: str, band: str, strength: float, t_s: float) -> None:
        onset = Onset(t_s, stem, band, strength)
        self._onsets.append(onset)
        before = self._newest[stem, band]
        faded = before.strength * math.exp(-(t_s - before.t_s) / RELEASE_S) if before else 0.0
        if strength >= faded:
            self._newest[stem, band] = onset

    def _hear_beat(self, t_s: float) -> None:
        if self._beat_s is not None and not self._tempo_was_told and BEAT_S[0] <= t_s - self._beat_s <= BEAT_S[1]:
            self._bpm = 60 / (t_s - self._beat_s)
        self._beat_s = t_s
        self._beat = True
        self._last_beat = max(self._last_beat + 1, round(self._beats_at(t_s)))
        self._beats_then, self._then_s = float(self._last_beat), t_s

    def _hear_tempo(self, bpm: float, t_s: float) -> None:
        self._beats_then, self._then_s = self._beats_at(t_s), t_s
        self._bpm, self._tempo_was_told = bpm, True

    def _beats_at(self, t_s: float) -> float:
        """Return beats since the first, as the tempo has it."""
        return self._beats_then + (t_s - self._then_s) * self._bpm / 60


def refusals() -> dict[str, Command]:
    """Return the commands of a show that listens to sound: each raises ParamError, which says how to change that."""

    def refuse(_arguments: Arguments) -> None:
        raise ParamError(f'{ROOT}… is for shows that are told what is heard; allowed with source = "osc" in [audio]')

    return {ROOT + name: Command(refuse, *_TAKES[name]) for name in _TAKES}


def _word(value: object, allowed: Collection[str], what: str) -> str:
    if not isinstance(value, str) or value not in allowed:
        text = value if isinstance(value, str) else repr(value)
        raise ValueError(f"knows no {what} {text[:40]!r}; allowed: {', '.join(allowed)}")
    return value


def _number(value: object, low: float, high: float) -> float:
    """Return a number, clamped to its range."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"takes numbers from {low:g} to {high:g}, got {value!r:.40}")
    return float(min(max(value, low), high))


def _only(arguments: Arguments) -> object:
    if len(arguments) != 1:
        raise ValueError(f"takes one number, got {len(arguments)} arguments")
    return arguments[0]
