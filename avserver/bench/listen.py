"""`avserver bench listen`: what listening costs, beside librosa's offline time, and how right it is.

The cost is that of the streaming analysis over a song, part by part; librosa computes the same features from the same
samples in the same run, all at once. With a folder of music whose truth is known every figure of `avserver listen
--truth` is taken, and the medians are put beside those of the stored table.
"""

import importlib.util
import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from avserver.analysis.analyser import BEATEN, Analyser, Listening
from avserver.analysis.bass_pitch import BassPitch
from avserver.analysis.flux import Flux
from avserver.analysis.gain import Gain
from avserver.analysis.loudness import Loudness
from avserver.analysis.onset import FullOnsets
from avserver.analysis.partials import Tones
from avserver.analysis.pitch import Pitch
from avserver.analysis.segments import Segments
from avserver.analysis.separation import Resynthesis, Separator
from avserver.analysis.spectrum import Spectrum
from avserver.analysis.stem_onsets import StemOnsets
from avserver.analysis.stems import RANGES_HZ
from avserver.analysis.tempo import Beats
from avserver.audio.file import FORMATS
from avserver.audio.source import ArraySource, Samples
from avserver.bench.report import Report
from avserver.errors import ConfigError
from avserver.listen.recording import record
from avserver.listen.songs import open_song
from avserver.listen.stems import gains_db, separate
from avserver.listen.truth import compare, read_truth

STORED = Path(__file__).with_name("listening.json")
SAMPLE_RATE = 44_100
LONGEST_S = 60.0  # of the song that the cost is measured on


def bench_listen(report: Report, *, music: Path | None, song: str = "demo") -> None:
    """Measure the cost of listening to a song; how right it is, if there is a folder of music with its truth.

    Args:
        report: what is added to.
        music: a folder with truth.json beside mix.ogg, or NAME.json beside NAME.ogg (or another format).
        song: what the cost is measured on.
    """
    songs = _songs(music) if music else {}
    with open_song(song, SAMPLE_RATE) as source:
        samples = source.read(LONGEST_S)
    ours_s = _costs(report, samples)
    _librosa(report, samples, ours_s)
    if music:
        _figures(report, songs, music)


def _costs(report: Report, samples: Samples) -> float:
    """Add what each part of listening costs by itself; return the CPU time of all of it together (s)."""
    listening = Listening()
    hop, window, rate = listening.hop, listening.window, SAMPLE_RATE
    hops = [samples[at : at + hop] for at in range(0, samples.size - hop, hop)]
    spectrum, separator, tones = Spectrum(rate, window=window, hop=hop), Separator(rate), Tones(rate, hop=hop)
    magnitudes = [np.abs(spectrum(block)) for block in hops]
    frames = [frame for block in hops for frame in separator(block)]
    flux = Flux(spectrum, RANGES_HZ, hop / rate)
    parts: dict[str, tuple[Callable[[Any], Any], Sequence[Any]]] = {
        "spectrum": (spectrum, hops),
        "onsets of the mix (aubio)": (FullOnsets(rate, window=window, hop=hop), hops),
        "flux": (flux, magnitudes),
        "separation": (lambda block: list(separator(block)), hops),
        "onsets of the stems": (lambda frame: list(stems(frame)), frames),
        "stems as sound (only for --stems)": (lambda frame: resynthesis([frame]), frames),
        "beats": (Beats(spectrum, hop / rate), magnitudes),
        "segments": (Segments(hop / rate, len(BEATEN)), [[0.5] * len(BEATEN)] * len(hops)),
        "tones": (tones, hops),
        "bass": (BassPitch(), [tones] * (len(hops) * hop // round(tones.look_s * rate))),
        "pitch (aubio)": (Pitch(rate, window=listening.pitch_window, hop=hop), hops),
        "loudness": (Loudness(rate, hop=hop), hops),
    }
    stems, resynthesis = StemOnsets(separator.frames, rate, Gain()), Resynthesis(separator.frames, 2 * hop)
    for name, (part, inputs) in parts.items():
        begun_s = time.thread_time()
        for heard in inputs:
            part(heard)
        report.add("listening, us per hop", name, (time.thread_time() - begun_s) / len(hops) * 1e6)
    with ArraySource(samples, sample_rate=rate) as source:
        begun_s = time.thread_time()
        Analyser(source, listening).until(len(hops) * hop / rate)
        took_s = time.thread_time() - begun_s
    report.add("listening, us per hop", "all", took_s / len(hops) * 1e6)
    report.add("listening", "share of one core, %", took_s / (samples.size / rate) * 100)
    return took_s


def _librosa(report: Report, samples: Samples, ours_s: float) -> None:
    """Add how long librosa takes for each of the same features, and how it compares."""
    if importlib.util.find_spec("librosa") is None:
        report.add("librosa, CPU s", "not installed", "pip install avserver[bench]")
        return
    import librosa  # noqa: PLC0415  (an extra, and slow to import)

    features: dict[str, Callable[[], Any]] = {
        "onsets": lambda: librosa.onset.onset_detect(y=samples, sr=SAMPLE_RATE),
        "beats": lambda: librosa.beat.beat_track(y=samples, sr=SAMPLE_RATE),
        "pitch": lambda: librosa.yin(samples, fmin=50, fmax=2000, sr=SAMPLE_RATE),
        "chroma": lambda: librosa.feature.chroma_cens(y=samples, sr=SAMPLE_RATE),
        "level": lambda: librosa.feature.rms(y=samples),
        "shape of the spectrum": lambda: (
            librosa.feature.spectral_centroid(y=samples, sr=SAMPLE_RATE),
            librosa.feature.spectral_flatness(y=samples),
        ),
        "drums and harmony apart": lambda: librosa.effects.hpss(samples),
    }
    for feature in features.values():  # numba compiles at the first call
        feature()
    total_s = 0.0
    for name, feature in features.items():
        begun_s = time.process_time()
        feature()
        took_s = time.process_time() - begun_s
        total_s += took_s
        report.add("librosa, CPU s", name, took_s)
    report.add("librosa, CPU s", "all", total_s)
    report.add("librosa, CPU s", "avserver, all", ours_s)
    report.add("librosa, CPU s", "librosa / avserver", total_s / ours_s)


def _figures(report: Report, songs: Mapping[Path, Path], music: Path) -> None:
    """Add the figures of every song with a truth, their medians, and the stored ones beside them."""
    by_name: dict[str, list[float]] = {}
    for song, truth in songs.items():
        for name, value in _figures_of(song, truth).items():
            report.add(str(song.relative_to(music)), name, value)
            by_name.setdefault(name, []).append(value)
    stored: Mapping[str, float] = json.loads(STORED.read_text(encoding="utf-8"))
    for name, values in by_name.items():
        report.add("medians", name, statistics.median(values))
        if name in stored:
            report.add("medians", f"{name}, stored", stored[name])


def _songs(music: Path) -> dict[Path, Path]:
    """Return each song of a folder with its truth. Raises ConfigError if there is none."""
    found = {}
    for truth in sorted(music.rglob("*.json")):
        names = [f"{'mix' if truth.name == 'truth.json' else truth.stem}.{kind}" for kind in FORMATS]
        song = next((path for name in names if (path := truth.with_name(name)).exists()), None)
        if song:
            found[song] = truth
    if not found:
        raise ConfigError(f"there is no music with its truth in {music}: NAME/mix.ogg and NAME/truth.json are needed")
    return found


def _figures_of(song: Path, truth: Path) -> dict[str, float]:
    listening = Listening()
    with open_song(str(song)) as source:
        recording = record(source, Analyser(source, listening), listening.hop / source.sample_rate)
    with open_song(str(song)) as source:
        gains = gains_db(separate(source), truth.parent, source.sample_rate)
    return compare(recording, read_truth(truth)) | gains
