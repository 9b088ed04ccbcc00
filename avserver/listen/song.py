"""Listening to a song from a file: what `avserver listen` does."""

import json
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

from avserver.analysis.analyser import Analyser, Listening
from avserver.errors import ConfigError
from avserver.listen.recording import Recording, record
from avserver.listen.songs import open_song
from avserver.listen.stems import check_folder, gains_db, separate, write_stems
from avserver.listen.truth import compare, read_truth
from avserver.new_file import check_new

PLOTS = (".png", ".svg", ".pdf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """What to listen to, and what to write down.

    Attributes:
        song: `demo`, or a file.
        plot: a picture to draw.
        json: a file for machines to write.
        stems: a folder to write what the song was separated into, as wav files.
        truth: a file to compare with; drums.ogg, bass.ogg and melody.ogg beside it are the true stems.
        force: write over files that exist.
    """

    song: str
    plot: Path | None = None
    json: Path | None = None
    stems: Path | None = None
    truth: Path | None = None
    force: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of it: a few words about the song, and how right they are if the truth is known."""

    summary: dict[str, str]
    figures: dict[str, float]


def listen(asked: Listen) -> Heard:
    """Listen to a song and write down what was asked for.

    Raises:
        AudioError: when the song cannot be played.
        ConfigError: when a file cannot be read, or one that exists would be written over.
    """
    _check(asked)
    truth = read_truth(asked.truth) if asked.truth else None
    listening = Listening()
    begun_s = time.perf_counter()
    with open_song(asked.song) as source:
        recording = record(source, Analyser(source, listening), listening.hop / source.sample_rate)
    took_s = time.perf_counter() - begun_s
    figures = compare(recording, truth) if truth else {}
    if asked.stems or asked.truth:
        with open_song(asked.song) as source:
            stems = separate(source)
            if asked.stems:
                write_stems(asked.stems, stems, source.sample_rate)
            if asked.truth:
                figures |= gains_db(stems, asked.truth.parent, source.sample_rate)
    if asked.json:
        plain = recording.to_plain() | ({"figures": figures} if truth else {})
        asked.json.write_text(json.dumps(plain), encoding="utf-8")
    if asked.plot:
        from avserver.listen.plot import plot  # noqa: PLC0415  (matplotlib takes a second)

        plot(recording, asked.plot, title=asked.song)
    return Heard(_summary(recording, took_s), figures)


def _summary(recording: Recording, took_s: float) -> dict[str, str]:
    length_s = len(recording.levels) * recording.hop_s
    tempi = [now.tempo_bpm for now in recording.levels if now.tempo_bpm]
    return {
        "length": f"{length_s:.1f} s, heard in {took_s:.1f} s",
        "tempo": f"{statistics.median(tempi):.1f} bpm" if tempi else "none",
        "beats": str(len(recording.beats)),
        "onsets": str(len(recording.onsets_s("mix", "full"))),
        "drum hits, low / mid / high": " / ".join(
            str(len(recording.onsets_s("drums", band))) for band in ("low", "mid", "high")
        ),
        "changes of tempo": ", ".join(f"{change.t_s:.1f} s" for change in recording.segments) or "none",
    }


def _check(asked: Listen) -> None:
    """Refuse, before anything is heard, what could not be written after it."""
    if asked.plot and asked.plot.suffix.lower() not in PLOTS:
        raise ConfigError(f"a plot's name ends in {', '.join(PLOTS)}, got {str(asked.plot)!r}")
    if asked.stems:
        check_folder(asked.stems, force=asked.force)
    for path in (asked.plot, asked.json):
        if path:
            check_new(path, force=asked.force)
