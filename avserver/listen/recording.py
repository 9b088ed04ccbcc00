"""Recording: everything that was heard in a song, with when it was known."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from avserver.analysis.analyser import Analyser
from avserver.audio.source import AudioSource
from avserver.signals import Onset, Signals

# How long ago (s) it was what these tell at a hop: they look at a window, or wait to be sure.
PITCH_AGO_S = 0.07
CLEAREST_AGO_S = 0.023  # the middle of the window that the clearest pitch is found in
CHROMA_AGO_S = 0.22

TEMPO_HOPS = 16  # the tempo is written down every so many hops: 93 ms at 44.1 kHz


@dataclass(frozen=True, slots=True)
class Told:
    """An event at `t_s` that was known at `emitted_s`, the end of the block after which it was told (show time, s)."""

    t_s: float
    emitted_s: float


@dataclass(frozen=True, slots=True)
class ToldOnset:
    """An onset, and when it was known (show time, s)."""

    onset: Onset
    emitted_s: float


@dataclass(frozen=True, slots=True)
class Change:
    """A new tempo segment: where it begins, when that was known (show time, s), and its index."""

    t_s: float
    emitted_s: float
    index: int


@dataclass(slots=True)
class Recording:
    """What was heard, hop by hop.

    Attributes:
        hop_s: seconds between two looks.
        levels: the Signals after each hop.
        onsets: of every stem and band, in the order in which they were told.
        beats: every beat.
        segments: every change of the tempo segment.
    """

    hop_s: float
    levels: list[Signals] = field(default_factory=list)
    onsets: list[ToldOnset] = field(default_factory=list)
    beats: list[Told] = field(default_factory=list)
    segments: list[Change] = field(default_factory=list)

    @property
    def t_s(self) -> npt.NDArray[np.float64]:
        """(n,) show time (s) of each of `levels`: the end of its hop."""
        return np.arange(1, len(self.levels) + 1, dtype=np.float64) * self.hop_s

    def take(self, signals: Signals) -> None:
        """Take the Signals of the next hop."""
        now_s = signals.t_s
        before = self.levels[-1].segment if self.levels else 0
        self.onsets += [ToldOnset(onset, now_s) for onset in signals.onsets]
        if signals.beat:
            self.beats.append(Told(signals.beat_s, now_s))
        if signals.segment != before:
            self.segments.append(Change(signals.segment_s, now_s, signals.segment))
        self.levels.append(signals)

    def onsets_s(self, stem: str, band: str) -> list[float]:
        """Return when the onsets of one stem and band were (s), in order."""
        return sorted(told.onset.t_s for told in self.onsets if (told.onset.stem, told.onset.band) == (stem, band))

    @property
    def pitch(self) -> npt.NDArray[np.float64]:
        """(n, 2) the lowest note (Hz, 0 for none) and the confidence in it, PITCH_AGO_S before each of `t_s`.

        The bass's where one is heard, else the clearest of the mix, which looks back less and so is asked earlier.
        """
        earlier = round((PITCH_AGO_S - CLEAREST_AGO_S) / self.hop_s)
        found = []
        for index, now in enumerate(self.levels):
            clearest = self.levels[max(0, index - earlier)]
            bass = now.bass_pitch_hz, now.bass_pitch_confidence
            found.append(bass if now.bass_pitch_hz else (clearest.pitch_hz, clearest.pitch_confidence))
        return np.array(found).reshape(-1, 2)

    def to_plain(self) -> dict[str, Any]:
        """Return it as plain data: what `avserver listen --json` writes."""
        return {
            "hop_s": self.hop_s,
            "onsets": [
                {
                    "t_s": round(told.onset.t_s, 5),
                    "emitted_s": round(told.emitted_s, 5),
                    "stem": told.onset.stem,
                    "band": told.onset.band,
                    "strength": round(told.onset.strength, 4),
                }
                for told in self.onsets
            ],
            "beats": [{"t_s": round(beat.t_s, 5), "emitted_s": round(beat.emitted_s, 5)} for beat in self.beats],
            "tempo": [
                {"t_s": at, "bpm": round(now.tempo_bpm, 3)}
                for at, now in zip(self._ago(0.0)[::TEMPO_HOPS], self.levels[::TEMPO_HOPS], strict=True)
            ],
            "segments": [
                {"t_s": round(change.t_s, 5), "emitted_s": round(change.emitted_s, 5), "index": change.index}
                for change in self.segments
            ],
            "pitch": [
                {"t_s": at, "hz": round(hz, 3), "confidence": round(confidence, 4)}
                for at, (hz, confidence) in zip(self._ago(PITCH_AGO_S), self.pitch.tolist(), strict=True)
            ],
            "chroma": [np.round(now.chroma, 4).tolist() for now in self.levels],
            "chroma_t_s": self._ago(CHROMA_AGO_S),
        }

    def _ago(self, ago_s: float) -> list[float]:
        """Return the times (s) of what was told so long after it, hop by hop."""
        return np.round(self.t_s - ago_s, 5).tolist()


def record(source: AudioSource, analyser: Analyser, hop_s: float, *, until_s: float = np.inf) -> Recording:
    """Listen to a source until it ends or `until_s` (s), one hop at a time.

    The source must be one that ends, or `until_s` be given.
    """
    recording = Recording(hop_s)
    while not source.ended and len(recording.levels) * hop_s < until_s:
        recording.take(analyser.until((len(recording.levels) + 1) * hop_s))
    return recording
