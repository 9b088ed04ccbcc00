"""Score: a MIDI file as notes and beats in seconds, apart by stem."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import mido

SAMPLE_RATE = 44_100  # of what is rendered
DRUM_CHANNEL = 9  # General MIDI's tenth
BASS_PROGRAMS = range(32, 40)  # General MIDI's basses
STEMS = ("drums", "bass", "melody")
SAME_S = 0.01  # notes of one stem that begin closer than this are one onset


@dataclass(frozen=True, slots=True)
class Note:
    """One note: when (s), on which MIDI channel, what, how hard, in which stem, for how long (s)."""

    t_s: float
    channel: int
    pitch: int
    velocity: int
    stem: str
    duration_s: float


@dataclass(frozen=True, slots=True)
class Score:
    """What a MIDI file says.

    Attributes:
        notes: oldest first.
        beats_s: every quarter note.
        downbeats_s: those that begin a bar.
        tempi: (t_s, bpm) of each tempo mark.
        duration_s: until the end of the last note.
    """

    notes: tuple[Note, ...]
    beats_s: tuple[float, ...]
    downbeats_s: tuple[float, ...]
    tempi: tuple[tuple[float, float], ...]
    duration_s: float

    def truth(self, until_s: float) -> dict[str, Any]:
        """Return what is true of the first `until_s` seconds, as plain data."""
        notes = [note for note in self.notes if note.t_s < until_s]
        return {
            "duration_s": min(until_s, self.duration_s),
            "onsets_s": {stem: _onsets([n.t_s for n in notes if n.stem == stem]) for stem in STEMS},
            "beats_s": [round(t_s, 4) for t_s in self.beats_s if t_s < until_s],
            "downbeats_s": [round(t_s, 4) for t_s in self.downbeats_s if t_s < until_s],
            "tempi": [[round(t_s, 4), round(bpm, 3)] for t_s, bpm in self.tempi if t_s < until_s],
            "notes": [[round(n.t_s, 4), n.channel, n.pitch, n.velocity, n.stem, round(n.duration_s, 4)] for n in notes],
        }


def stem_of(channel: int, program: int) -> str:
    """Return the stem that a General MIDI channel with that program belongs to."""
    if channel == DRUM_CHANNEL:
        return "drums"
    return "bass" if program in BASS_PROGRAMS else "melody"


def timed_messages(midi: mido.MidiFile) -> list[tuple[float, int, Any]]:
    """Return (t_s, tick, message) of all tracks together, in order."""
    timed, now_s, tick, tempo_us = [], 0.0, 0, 500_000
    for message in mido.merge_tracks(midi.tracks):
        now_s += mido.tick2second(message.time, midi.ticks_per_beat, tempo_us)
        tick += message.time
        if message.type == "set_tempo":
            tempo_us = message.tempo
        timed.append((now_s, tick, message))
    return timed


def read_score(midi: mido.MidiFile) -> Score:
    """Return the score of a MIDI file; program changes say which channels are the bass."""
    programs: dict[int, int] = defaultdict(int)
    sounding: dict[tuple[int, int], list[tuple[float, int, str]]] = defaultdict(list)
    notes: list[Note] = []
    tempi, metres = [(0, 0.0, 500_000)], [(0, 4.0)]
    end_s, end_tick = 0.0, 0
    for t_s, tick, message in timed_messages(midi):
        if message.type == "program_change":
            programs[message.channel] = message.program
        elif message.type == "set_tempo":
            tempi.append((tick, t_s, message.tempo))
        elif message.type == "time_signature":
            metres.append((tick, 4.0 * message.numerator / message.denominator))
        elif message.type == "note_on" and message.velocity > 0:
            stem = stem_of(message.channel, programs[message.channel])
            sounding[message.channel, message.note].append((t_s, message.velocity, stem))
        elif message.type in ("note_on", "note_off") and sounding[message.channel, message.note]:
            begun_s, velocity, stem = sounding[message.channel, message.note].pop(0)
            notes.append(Note(begun_s, message.channel, message.note, velocity, stem, t_s - begun_s))
            end_s, end_tick = t_s, tick
    beats_s, downbeats_s = _beats(midi.ticks_per_beat, tempi, metres, end_tick)
    notes.sort(key=lambda note: (note.t_s, note.channel, note.pitch))
    marks = tuple((t_s, 60e6 / tempo_us) for _, t_s, tempo_us in tempi)
    return Score(tuple(notes), tuple(beats_s), tuple(downbeats_s), marks, end_s)


def _beats(
    ticks_per_beat: int, tempi: list[tuple[int, float, int]], metres: list[tuple[int, float]], end_tick: int
) -> tuple[list[float], list[float]]:
    """Return the times (s) of all quarter notes, and of those that begin a bar."""
    beats_s, downbeats_s = [], []
    for number in range(end_tick // ticks_per_beat + 1):
        tick = number * ticks_per_beat
        since, since_s, tempo_us = [mark for mark in tempi if mark[0] <= tick][-1]
        beat_s = since_s + mido.tick2second(tick - since, ticks_per_beat, tempo_us)
        beats_s.append(beat_s)
        metre_tick, quarters = [mark for mark in metres if mark[0] <= tick][-1]
        if ((tick - metre_tick) / ticks_per_beat) % quarters < 0.01:
            downbeats_s.append(beat_s)
    return beats_s, downbeats_s


def _onsets(times_s: list[float]) -> list[float]:
    onsets: list[float] = []
    for t_s in sorted(times_s):
        if not onsets or t_s - onsets[-1] > SAME_S:
            onsets.append(round(t_s, 4))
    return onsets
