"""Truth: what is really in a song, and how much of it a recording got right."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from avserver.errors import ConfigError
from avserver.listen.recording import PITCH_AGO_S, Change, Recording
from avserver.listen.scores import (
    BEAT_TOLERANCE_S,
    ONSET_TOLERANCE_S,
    SEGMENT_TOLERANCE_S,
    f_measure,
    matches,
)

# General MIDI's drum notes that each band of the drums stands for.
DRUM_NOTES = {"low": ("kick", (35, 36)), "mid": ("snare", (38, 40)), "high": ("hat", (42, 44, 46))}
TEMPO_TOLERANCE = 0.04
TEMPO_FROM_S = 10.0  # how long a tempo may take to be found
PITCH_TOLERANCE = 0.5  # semitones
LASTS_S = 0.3  # an eighth at 100 bpm
SAME_S = 0.01  # notes that begin closer than this are one onset


@dataclass(frozen=True, slots=True)
class Note:
    """A note that is really there: when it begins (s), its MIDI pitch, and its stem."""

    t_s: float
    pitch: int
    stem: str


@dataclass(frozen=True, slots=True)
class Truth:
    """What is known of a song; whatever is empty is not compared.

    Attributes:
        onsets_s: when notes begin, by stem.
        beats_s: quarter notes.
        changes_s: where the tempo changes.
        notes: oldest first.
    """

    onsets_s: Mapping[str, Sequence[float]]
    beats_s: Sequence[float]
    changes_s: Sequence[float] | None
    notes: Sequence[Note]

    @property
    def any_onset_s(self) -> list[float]:
        """Return when any instrument begins a note (s), in order."""
        return _merged([t_s for times_s in self.onsets_s.values() for t_s in times_s])


def read_truth(path: Path) -> Truth:
    """Read a truth file. Raises ConfigError, naming what is wrong with it."""
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        return Truth(
            onsets_s={stem: [float(t_s) for t_s in times_s] for stem, times_s in plain.get("onsets_s", {}).items()},
            beats_s=[float(t_s) for t_s in plain.get("beats_s", [])],
            changes_s=[float(change[0]) for change in plain["changes"]] if "changes" in plain else None,
            notes=[Note(float(note[0]), int(note[2]), str(note[4])) for note in plain.get("notes", [])],
        )
    except OSError as err:
        raise ConfigError(f"cannot read the truth {path}: {err.strerror}") from err
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as err:
        raise ConfigError(
            f"{path} is no truth ({err}): JSON with any of onsets_s {{stem: [s]}}, beats_s [s], changes [[s, bpm]] and "
            "notes [[s, channel, pitch, velocity, stem]] is needed"
        ) from err


def compare(recording: Recording, truth: Truth) -> dict[str, float]:
    """Return every figure that the truth allows; a name carries its unit, or none for an F-measure or a share."""
    figures: dict[str, float] = {}
    if truth.onsets_s:
        figures |= _onset_figures(recording, truth)
    for band, (drum, pitches) in DRUM_NOTES.items():
        hits_s = _merged([n.t_s for n in truth.notes if n.stem == "drums" and n.pitch in pitches])
        if hits_s:
            figures[f"{drum} F"] = f_measure(recording.onsets_s("drums", band), hits_s, ONSET_TOLERANCE_S)
    if truth.beats_s:
        figures |= _beat_figures(recording, truth.beats_s)
    if bass := [note for note in truth.notes if note.stem == "bass"]:
        figures["bass pitch accuracy"] = bass_pitch_accuracy(recording, bass)
    if truth.changes_s is not None:
        figures |= _segment_figures(recording.segments, truth.changes_s)
    return figures


def bass_pitch_accuracy(recording: Recording, bass: Sequence[Note]) -> float:
    """Return the share of hops in which the lowest note that was heard is the bass's newest, where there is one.

    Of notes that begin together the lowest counts. A hop counts from the note's beginning until the next one's, for
    at most LASTS_S: the truth does not say when a note ends.
    """
    lowest: dict[float, int] = {}
    for note in bass:
        lowest[note.t_s] = min(note.pitch, lowest.get(note.t_s, note.pitch))
    begins = np.array(sorted(lowest))
    pitches = np.array([lowest[t_s] for t_s in begins])
    t_s = recording.t_s - PITCH_AGO_S
    at = np.searchsorted(begins, t_s, side="right") - 1
    sounding = (at >= 0) & (t_s - begins[np.maximum(at, 0)] < LASTS_S)
    hz = recording.pitch[:, 0]
    semitones = 69 + 12 * np.log2(np.maximum(hz, 1e-3) / 440)
    right = np.abs(semitones - pitches[np.maximum(at, 0)]) <= PITCH_TOLERANCE
    return float(right[sounding].mean()) if sounding.any() else 0.0


def _onset_figures(recording: Recording, truth: Truth) -> dict[str, float]:
    told = sorted(
        (o for o in recording.onsets if (o.onset.stem, o.onset.band) == ("mix", "full")), key=lambda o: o.onset.t_s
    )
    found_s, true_s = [o.onset.t_s for o in told], truth.any_onset_s
    late_ms = [(told[i].emitted_s - true_s[j]) * 1e3 for i, j in matches(found_s, true_s, ONSET_TOLERANCE_S)]
    figures = {"onset F": f_measure(found_s, true_s, ONSET_TOLERANCE_S)}
    if late_ms:
        figures["onset latency, median ms"] = float(np.median(late_ms))
    for stem, times_s in truth.onsets_s.items():
        if times_s:
            found_s = recording.onsets_s(stem, "full")
            figures[f"{stem} onset F"] = f_measure(found_s, _merged(times_s), ONSET_TOLERANCE_S)
    return figures


def _beat_figures(recording: Recording, beats_s: Sequence[float]) -> dict[str, float]:
    found_s = [beat.t_s for beat in recording.beats if beat.t_s <= beats_s[-1] + BEAT_TOLERANCE_S]
    figures = {"beat F": f_measure(found_s, beats_s, BEAT_TOLERANCE_S)}
    late_ms = [beat.emitted_s - beat.t_s for beat in recording.beats]
    if late_ms:
        figures["beat told after it, median ms"] = float(np.median(late_ms)) * 1e3
    periods_s = np.diff(beats_s)
    true_bpm = 60 / periods_s[np.clip(np.searchsorted(beats_s, recording.t_s) - 1, 0, len(periods_s) - 1)]
    counted = (recording.t_s >= TEMPO_FROM_S) & (recording.t_s <= beats_s[-1])
    if counted.any():
        bpm = np.array([now.tempo_bpm for now in recording.levels])
        figures["tempo within 4 %"] = float((np.abs(bpm / true_bpm - 1) <= TEMPO_TOLERANCE)[counted].mean())
    return figures


def _segment_figures(found: Sequence[Change], changes_s: Sequence[float]) -> dict[str, float]:
    found_s = [segment.t_s for segment in found]
    figures = {"segment F": f_measure(found_s, changes_s, SEGMENT_TOLERANCE_S)}
    delays_s = [found[i].emitted_s - changes_s[j] for i, j in matches(found_s, changes_s, SEGMENT_TOLERANCE_S)]
    if delays_s:
        figures["segment known after, median s"] = float(np.median(delays_s))
    return figures


def _merged(times_s: Sequence[float]) -> list[float]:
    """Return the times in order, those closer than SAME_S as one."""
    merged: list[float] = []
    for t_s in sorted(times_s):
        if not merged or t_s - merged[-1] > SAME_S:
            merged.append(t_s)
    return merged
