"""Signals made by hand."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from avserver.signals import BANDS, STEMS, Onset, Signals


def heard(
    t_s: float = 0.0,
    *,
    onsets: Sequence[Onset] = (),
    segment: int = 0,
    segment_s: float = 0.0,
    chroma: npt.ArrayLike | None = None,
    chroma_sync: npt.ArrayLike | None = None,
    pitch_hz: float = 0.0,
    rms_db: float = -20.0,
    beats: float = 0.0,
    levels: Mapping[tuple[str, str], float] | None = None,
) -> Signals:
    """Return what is heard at `t_s`: all quiet, but for what is given."""
    return Signals(
        t_s=t_s,
        heard_s=t_s,
        rms_db=dict.fromkeys(STEMS, rms_db),
        loudness_lufs=rms_db,
        loudness_short_lufs=rms_db,
        centroid_hz=0.0,
        flatness=0.0,
        onset_strength={(stem, band): 0.0 for stem in STEMS for band in BANDS} | dict(levels or {}),
        onsets=tuple(onsets),
        pitch_hz=pitch_hz,
        pitch_confidence=0.0,
        bass_pitch_hz=0.0,
        bass_pitch_confidence=0.0,
        notes=(),
        chroma=np.full(12, 1 / 12) if chroma is None else np.asarray(chroma, dtype=float),
        chroma_sync=np.full(12, 1 / 12) if chroma_sync is None else np.asarray(chroma_sync, dtype=float),
        tuning_hz=440.0,
        tempo_bpm=0.0,
        beat_phase=0.0,
        beat=False,
        beats=beats,
        beat_s=0.0,
        beat_confidence=0.0,
        segment=segment,
        segment_s=segment_s,
        novelty=0.0,
    )


def hit(t_s: float, name: str = "drums.mid", strength: float = 1.0) -> Onset:
    """Return an onset of `stem.band`."""
    stem, band = name.split(".")
    return Onset(t_s, stem, band, strength)
