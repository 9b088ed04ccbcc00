"""Analyser: pulls the samples that are due and says what is heard in them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from avserver.analysis.bass_pitch import DELAY_LOOKS, BassPitch
from avserver.analysis.chroma import Chroma
from avserver.analysis.flux import LOUD, QUIETER, Flux
from avserver.analysis.gain import Gain
from avserver.analysis.knobs import Knobs
from avserver.analysis.level import Level
from avserver.analysis.loudness import Loudness
from avserver.analysis.notes import Notes
from avserver.analysis.onset import FullOnsets, Hit, Key, RangeOnsets
from avserver.analysis.partials import Tones
from avserver.analysis.pitch import Pitch
from avserver.analysis.segments import Segments
from avserver.analysis.separation import Separator
from avserver.analysis.spectrum import Spectrum
from avserver.analysis.stem_onsets import StemOnsets
from avserver.analysis.stems import HEARD_FOR, RANGES_HZ, Rise
from avserver.analysis.tempo import Beats, BeatTracker
from avserver.analysis.timbre import Timbre
from avserver.audio.source import AudioSource
from avserver.errors import ConfigError
from avserver.signals import NoteEvent, Onset, Signals

_BLOCK_S = 1.0  # samples are fetched in pieces of at most this, so a long step needs no long buffer
_ROUNDING = 1e-3  # of a sample: sums of 1/fps

# Which ranges tell the tempo: the ends of the spectrum and the middle, each as loud as the others.
BEATEN = ("low", "mid", "attack", "high")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """How sound is looked at.

    Attributes:
        hop: samples between two looks; 256 are 5.8 ms at 44.1 kHz.
        window: samples an onset spectrum looks at; 1024 are 23 ms.
        pitch_window: samples the pitch looks at; 2048 are 46 ms.
        recurring_segments: a section at a tempo that was there before gets its old index back.
    """

    hop: int = 256
    window: int = 1024
    pitch_window: int = 2048
    recurring_segments: bool = False

    def __post_init__(self) -> None:
        for name in ("hop", "window", "pitch_window"):
            value = getattr(self, name)
            if value < 64 or value & (value - 1):
                raise ConfigError(f"{name} is {value}: a power of two from 64 up is needed")
            if value < self.hop:
                raise ConfigError(f"{name} is {value}: at least the hop ({self.hop}) is needed")


class Analyser:
    """What is heard in a source, as of any show time.

    The result depends on the samples alone: however the time is cut into steps, the same onsets come out,
    and the state at a time is the same.

    Args:
        source: where the samples come from; the analyser is its only reader.
        listening: windows and hop.
    """

    def __init__(self, source: AudioSource, listening: Listening | None = None) -> None:
        listening = listening or Listening()
        rate, hop, window = source.sample_rate, listening.hop, listening.window
        hop_s = hop / rate
        self._source, self._hop, self._rate = source, hop, rate
        self._spectrum = Spectrum(rate, window=window, hop=hop)
        self._separator = Separator(rate)
        frames = self._separator.frames
        self._gain = Gain()
        self._stems = StemOnsets(frames, rate, self._gain)
        self._level = Level(hop_s, frames, frames.block / rate)
        self._loudness = Loudness(rate, hop=hop)
        self._timbre = Timbre(self._spectrum)
        self._full = FullOnsets(rate, window=window, hop=hop, gain=self._gain)
        self._flux = Flux(self._spectrum, RANGES_HZ, hop_s)
        self._bands = {
            key: RangeOnsets(
                heard,
                key[1],
                rate,
                window=window,
                hop=hop,
                loud=LOUD[key[1]],
                quiet=LOUD[key[1]] / QUIETER,
                gain=self._gain,
            )
            for key, heard in HEARD_FOR.items()
            if key[0] == "mix" and isinstance(heard, Rise)
        }
        self._pitch = Pitch(rate, window=listening.pitch_window, hop=hop)
        self._tones = Tones(rate, hop=hop)
        self._chroma = Chroma(self._tones.look_s)
        self._bass_pitch = BassPitch()
        self._notes = {"mix": Notes("mix"), "bass": Notes("bass", DELAY_LOOKS * self._tones.look_s)}
        self._beats: BeatTracker = Beats(self._spectrum, hop_s)
        self._segments = Segments(hop_s, len(BEATEN), recurring=listening.recurring_segments)
        self._forget()

    def until(self, t_s: float) -> Signals:
        """Listen to every whole hop that ends by `t_s`.

        Args:
            t_s: show time (s), not before that of the last call.

        Returns:
            The state at `t_s`, and all onsets since the last call.
        """
        due = int((t_s * self._rate + _ROUNDING) // self._hop)
        while self._hops < due:
            until_s = min(self._hops * self._hop / self._rate + _BLOCK_S, t_s)
            block = self._source.read(until_s)
            self._take(block, due)
            if block.size == 0:
                break  # a live source that is behind
        return self._snapshot(t_s)

    def turn(self, knobs: Knobs) -> None:
        """Have what follows heard as the knobs say."""
        gain = self._gain
        gain.auto, gain.max_db, gain.half_life_s = knobs.gain_auto, knobs.gain_max_db, knobs.gain_half_life_s
        self._beats.keep_within(knobs.slowest_bpm, knobs.fastest_bpm)

    def reset(self) -> None:
        """Start again at show time 0, the source too."""
        self._source.reset()
        for onsets in self._bands.values():
            onsets.reset()
        self._spectrum.reset()
        self._separator.reset()
        self._stems.reset()
        self._level.reset()
        self._loudness.reset()
        self._timbre.reset()
        self._full.reset()
        self._flux.reset()
        self._pitch.reset()
        self._tones.reset()
        self._chroma.reset()
        self._bass_pitch.reset()
        for notes in self._notes.values():
            notes.reset()
        self._beats.reset()
        self._segments.reset()
        self._forget()

    def _forget(self) -> None:
        self._hops = 0
        self._left: npt.NDArray[np.float32] = np.zeros(0, np.float32)
        self._onsets: list[Onset] = []
        self._note_events: list[NoteEvent] = []
        self._beats_told = 0.0

    def _take(self, block: npt.NDArray[np.float32], due: int) -> None:
        """Hear the whole hops of what was left and this block, up to hop number `due`."""
        samples = np.concatenate([self._left, block]) if self._left.size else block
        count = min(samples.size // self._hop, due - self._hops)
        for start in range(0, count * self._hop, self._hop):
            self._hear(samples[start : start + self._hop])
        self._left = samples[count * self._hop :].copy()  # or the whole block would stay with it

    def _hear(self, hop: npt.NDArray[np.float32]) -> None:
        """Hear one hop."""
        magnitudes = np.abs(self._spectrum(hop))
        self._level(hop)
        self._loudness(hop)
        self._timbre(magnitudes)
        self._flux(magnitudes)
        hits = [(("mix", "full"), self._full(hop)), *((key, onsets(self._flux)) for key, onsets in self._bands.items())]
        for frame in self._separator(hop):
            self._level.separated(frame)
            hits += self._stems(frame)
        begun = {key: hit for key, hit in hits if hit}
        self._onsets += [Onset(hit.t_s, *key, hit.strength) for key, hit in hits if hit]
        self._pitch(hop)
        if ("mix", "full") in begun:
            self._chroma.renew()
        if self._tones(hop):
            self._chroma(self._tones)
            self._bass_pitch(self._tones, self._chroma.tuning)
        self._beats(magnitudes)
        self._segments([self._flux.normalised[name] for name in BEATEN])
        self._hops += 1
        self._follow_notes(begun)

    def _follow_notes(self, begun: Mapping[Key, Hit]) -> None:
        """Tell the notes of the mix and of the bass, with the help of their onsets."""
        now_s = self._hops * self._hop / self._rate
        mix, bass = ("mix", "full"), ("bass", "full")
        for key, hz, level in (
            (mix, self._pitch.hz, self._full.level),
            (bass, self._bass_pitch.hz, self._stems.level(bass)),
        ):
            struck = begun[key].strength if key in begun else 0.0
            self._note_events += self._notes[key[0]](now_s, hz, level, struck)

    def _levels(self) -> dict[Key, float]:
        """Return the onset strength of every stem and band."""
        bands = {key: onsets.level for key, onsets in self._bands.items()}
        return {("mix", "full"): self._full.level, **bands, **self._stems.levels}

    def _snapshot(self, t_s: float) -> Signals:
        found, self._onsets = sorted(self._onsets, key=lambda onset: onset.t_s), []
        notes, self._note_events = sorted(self._note_events, key=lambda note: note.t_s), []
        # A source that is behind may have let the clock run on too far; then it waits.
        beats = max(self._beats_told, self._beats.beats_until(t_s))
        beat = int(beats) > int(self._beats_told)
        self._beats_told = beats
        return Signals(
            t_s=t_s,
            heard_s=self._hops * self._hop / self._rate,
            rms_db=self._level.rms_db,
            loudness_lufs=self._loudness.momentary_lufs,
            loudness_short_lufs=self._loudness.short_term_lufs,
            centroid_hz=self._timbre.centroid_hz,
            flatness=self._timbre.flatness,
            onset_strength=self._levels(),
            onsets=tuple(found),
            pitch_hz=self._pitch.hz,
            pitch_confidence=self._pitch.confidence,
            bass_pitch_hz=self._bass_pitch.hz,
            bass_pitch_confidence=self._bass_pitch.confidence,
            notes=tuple(notes),
            chroma=self._chroma.classes,
            chroma_sync=self._chroma.held,
            tuning_hz=440 * 2 ** (self._chroma.tuning / 12),
            tempo_bpm=self._beats.bpm,
            beat_phase=beats % 1.0,
            beat=beat,
            beats=beats,
            beat_s=self._beats.beat_s_until(t_s),
            beat_confidence=self._beats.confidence,
            segment=self._segments.index,
            segment_confidence=self._segments.confidence,
            segment_s=self._segments.start_s,
            novelty=self._segments.novelty,
        )
