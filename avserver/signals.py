"""Signals: the immutable snapshot of what is heard that one frame sees."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

STEMS = ("mix", "drums", "bass", "melody")
BANDS = ("full", "low", "mid", "high")
CHROMA_CLASSES = 12
# How long before a hit whoever knows of it lets a glide begin (s): the seed's 5 frames of 1/24 s.
LEAD_S = 5 / 24


@dataclass(frozen=True, slots=True)
class Onset:
    """Something began: at `t_s` (show time), in a stem and band, with a strength in [0, 1]."""

    t_s: float
    stem: str
    band: str
    strength: float


@dataclass(frozen=True, slots=True)
class NoteEvent:
    """A note began or ended: at `t_s` (show time), in a stem; MIDI note 69 is 440 Hz; strength in [0, 1], 0 at its end.

    A stem has one note at a time: every beginning is followed by its end.
    """

    t_s: float
    stem: str
    midi: int
    on: bool
    strength: float


@dataclass(frozen=True, slots=True)
class Ahead:
    """What is known of the next LEAD_S, where the music is known before it is played.

    Attributes:
        onsets: those that come after the frame, oldest first.
        segment: index of the tempo segment at the end of that time.
        segment_s: show time at which that segment begins (s).
    """

    onsets: tuple[Onset, ...]
    segment: int
    segment_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """What is heard at one frame.

    Attributes:
        t_s: show time of the frame (s).
        heard_s: show time of the newest sample that these signals know of (s), at most t_s.
        rms_db: level per stem (dB of full scale), at least -120.
        loudness_lufs: of the mix in the last 0.4 s (ITU-R BS.1770), at least -120.
        loudness_short_lufs: of the mix in the last 3 s, likewise.
        centroid_hz: how bright the mix is: the mean of its frequencies; 0 in silence.
        flatness: how noisy the mix is, in [0, 1]; 0 in silence.
        onset_strength: per (stem, band), in [0, 1].
        onsets: every onset that was found since the last frame, oldest first.
        pitch_hz: 0 where there is no pitch.
        pitch_confidence: in [0, 1].
        bass_pitch_hz: of the lowest note, as it was 0.07 s ago; 0 where there is none.
        bass_pitch_confidence: in [0, 1].
        notes: beginnings and ends of the notes of `mix` and `bass` that were found since the last frame, oldest first.
        chroma: (12,) from C, summing to 1, in the tuning of the music; as it was 0.22 s ago.
        chroma_sync: (12,) likewise, held from note to note: it is renewed shortly after each onset of the mix.
        tuning_hz: the A that the music is tuned to, from 425 to 456.
        tempo_bpm: 0 until a tempo is known.
        beat_phase: in [0, 1), 0 at the beat.
        beat: True in the first frame at or after a beat; it is told when it is due, not when it was heard.
        beats: beats since the first, with the fraction of the one that is running; never goes back.
        beat_s: show time of the newest beat (s), 0 before the first.
        beat_confidence: in [0, 1], how sure tempo and phase are.
        segment: index of the tempo segment, from 0.
        segment_confidence: in [0, 1], how sure it is that the music still has the segment's tempo.
        segment_s: show time at which the segment began (s), which is before it was known.
        novelty: in [0, 1], how sure it is that the music has another tempo than the segment's.
        bar: bars since the first.
        bar_phase: in [0, 1), 0 where a bar begins.
        playing: whether the beat's source plays; what is heard always does.
        ahead: what is known of the near future; None in a live show.
    """

    t_s: float
    heard_s: float
    rms_db: Mapping[str, float]
    loudness_lufs: float
    loudness_short_lufs: float
    centroid_hz: float
    flatness: float
    onset_strength: Mapping[tuple[str, str], float]
    onsets: tuple[Onset, ...]
    pitch_hz: float
    pitch_confidence: float
    bass_pitch_hz: float
    bass_pitch_confidence: float
    notes: tuple[NoteEvent, ...]
    chroma: npt.NDArray[np.float64]
    chroma_sync: npt.NDArray[np.float64]
    tuning_hz: float
    tempo_bpm: float
    beat_phase: float
    beat: bool
    beats: float
    beat_s: float
    beat_confidence: float
    segment: int
    segment_confidence: float = 0.0
    segment_s: float = 0.0
    novelty: float
    bar: int = 0
    bar_phase: float = 0.0
    playing: bool = True
    ahead: Ahead | None = None

    def level(self, name: str) -> float:
        """Return the signal of that name (one of LEVEL_NAMES) as a float. Raises KeyError for another name."""
        return _LEVELS[name](self)


def _levels() -> dict:  # type: ignore[type-arg]
    """Build the table of names: the one list of what a mapping can take from Signals directly."""
    table = {
        name: (lambda signals, name=name: float(getattr(signals, name)))
        for name in (
            "loudness_lufs", "loudness_short_lufs", "centroid_hz", "flatness", "tuning_hz",
            "pitch_hz", "pitch_confidence", "bass_pitch_hz", "bass_pitch_confidence",
            "tempo_bpm", "beat_phase", "beat", "beats", "beat_s", "beat_confidence",
            "bar", "bar_phase", "playing", "segment", "segment_confidence", "segment_s", "novelty",
        )
    }  # fmt: skip
    for stem in STEMS:
        table[f"{stem}.rms_db"] = lambda signals, stem=stem: signals.rms_db[stem]
        for band in BANDS:
            table[f"{stem}.{band}.onset_strength"] = lambda signals, key=(stem, band): signals.onset_strength[key]
    for pitch_class in range(CHROMA_CLASSES):
        table[f"chroma.{pitch_class}"] = lambda signals, i=pitch_class: float(signals.chroma[i])
        table[f"chroma_sync.{pitch_class}"] = lambda signals, i=pitch_class: float(signals.chroma_sync[i])
    return table


_LEVELS = _levels()
LEVEL_NAMES = tuple(_LEVELS)
