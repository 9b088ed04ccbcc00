"""Composing: chords and tunes of our own over the accompaniment styles of MMA (Musical MIDI Accompaniment).

A song has a key, a tempo, sections with chord progressions of their own, each in one groove of the same style (verse,
fill, break …), and a tune. Everything is drawn from one random generator: the same seed gives the same song.
"""

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import mido
import numpy as np

from avserver.errors import ConfigError
from avserver.training.music.score import BASS_PROGRAMS, DRUM_CHANNEL

STYLES = Path("/usr/share/mma/lib")  # where Debian's mma keeps them
LIBRARIES = ("stdlib", "casio", "kara", "pflib", "yamaha")
SLOWEST_BPM, FASTEST_BPM = 62.0, 185.0
USUAL_BPM, SPREAD = 116.0, 0.27  # of a log-normal distribution: what most music is in
SECTION_BARS = 8
TEMPO_CHANGES = 0.25  # share of songs that change their tempo at one section

# General MIDI: what the accompaniment may be given instead of its own instruments, and what plays tunes.
KEYS_AND_GUITARS = (*range(8), *range(16, 32))
PADS_AND_STRINGS = (*range(40, 52), *range(88, 96))
LEADS = (0, 4, 11, 12, 22, 24, 26, 27, 29, 30, 40, 41, 56, 57, 60, 61, 64, 65, 66, 68, 71, 73, 75, 80, 81, 82, 84, 87)
KITS = (0, 0, 0, 0, 8, 16, 24, 25, 32, 40)  # standard more often than room, power, electronic, 808, jazz, brush

_NAMES = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")
_MAJOR = ((0, ""), (2, "m"), (4, "m"), (5, ""), (7, ""), (9, "m"))
_MINOR = ((0, "m"), (3, ""), (5, "m"), (7, "m"), (8, ""), (10, ""))
_SEVENTH = {"": ("", "", "M7", "7", "sus4"), "m": ("m", "m", "m7")}
_SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}


@dataclass(frozen=True, slots=True)
class Style:
    """A file of MMA's library: its grooves, and quarter notes to a bar."""

    path: Path
    grooves: tuple[str, ...]
    quarters: int


def styles() -> list[Style]:
    """Return the styles in 2, 3 or 4 quarter notes to a bar. Raises ConfigError where MMA is not installed."""
    found = []
    for library in LIBRARIES:
        for path in sorted((STYLES / library).glob("*.mma")):
            text = path.read_text(encoding="utf-8", errors="replace")
            metre = re.search(r"^Time\s+(\d)", text, re.MULTILINE | re.IGNORECASE)
            grooves = tuple(re.findall(r"^DefGroove\s+(\S+)", text, re.MULTILINE | re.IGNORECASE))
            if grooves and metre and metre[1] in "234":
                found.append(Style(path, grooves, int(metre[1])))
    if not found or shutil.which("mma") is None:
        raise ConfigError("composing needs MMA and its library; on Debian: apt install mma")
    return found


def compose(rng: np.random.Generator, library: list[Style], *, duration_s: float) -> tuple[mido.MidiFile, str]:
    """Return a song of at least `duration_s`, and the name of its style."""
    style = library[rng.integers(len(library))]
    bpm = min(FASTEST_BPM, max(SLOWEST_BPM, USUAL_BPM * float(np.exp(SPREAD * rng.normal()))))
    tonic = int(rng.integers(12))
    mode = "major" if rng.random() < 0.5 else "minor"
    sections = int(np.ceil(duration_s * bpm / 60 / style.quarters / SECTION_BARS)) + 1
    changes_at = int(rng.integers(1, sections)) if rng.random() < TEMPO_CHANGES and sections > 1 else None
    kinds = [_progression(rng, tonic, mode) for _ in range(2)]
    lines = [f"RndSeed {rng.integers(1 << 31)}", f"Tempo {bpm:.2f}", f"Include {style.path}"]
    number = 0
    for section in range(sections):
        if section == changes_at:
            lines.append(f"Tempo {bpm * rng.uniform(0.7, 1.4):.2f}")
        lines.append(f"Groove {style.grooves[rng.integers(len(style.grooves))]}")
        chords = kinds[section % 3 == 2]
        for bar in range(SECTION_BARS):
            number += 1
            lines.append(f"{number} {chords[bar % len(chords)]}")
    midi = _arrange("\n".join(lines) + "\n")
    _reorchestrate(rng, midi)
    if rng.random() < 0.8:
        midi.tracks.append(_tune(rng, midi.ticks_per_beat, tonic, mode, quarters=number * style.quarters))
    return midi, f"{style.path.parent.name}/{style.path.stem}"


def _progression(rng: np.random.Generator, tonic: int, mode: str) -> list[str]:
    """Return the chords of four or eight bars, in MMA's spelling; they begin at home more often than not."""
    degrees = _MAJOR if mode == "major" else _MINOR
    picks = [0 if rng.random() < 0.7 else int(rng.integers(6))]
    picks += [int(rng.integers(6)) for _ in range(int(rng.choice([3, 7])))]
    chords = []
    for pick in picks:
        step, kind = degrees[pick]
        chords.append(_NAMES[(tonic + step) % 12] + str(rng.choice(_SEVENTH[kind])))
    return chords


def _arrange(text: str) -> mido.MidiFile:
    """Return what MMA makes of its input. Raises ConfigError when it refuses it."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "song.mma"), Path(folder, "song.mid")
        source.write_text(text, encoding="utf-8")
        done = subprocess.run(
            [str(shutil.which("mma")), "-f", str(target), str(source)], capture_output=True, text=True, check=False
        )
        if done.returncode or not target.exists():
            raise ConfigError(f"MMA refused a song: {done.stdout.strip()[-200:]}")
        return mido.MidiFile(target)


def _reorchestrate(rng: np.random.Generator, midi: mido.MidiFile) -> None:
    """Give half of the instruments to others of their kind, and the drums to any kit."""
    kit = int(rng.choice(KITS))
    for track in midi.tracks:
        for message in track:
            if message.type != "program_change":
                continue
            if message.channel == DRUM_CHANNEL:
                message.program = kit
            elif rng.random() < 0.5:
                if message.program in BASS_PROGRAMS:
                    message.program = int(rng.choice(BASS_PROGRAMS))
                elif message.program in PADS_AND_STRINGS:
                    message.program = int(rng.choice(PADS_AND_STRINGS))
                else:
                    message.program = int(rng.choice(KEYS_AND_GUITARS))


def _tune(rng: np.random.Generator, ticks_per_beat: int, tonic: int, mode: str, *, quarters: int) -> mido.MidiTrack:
    """Return a wandering tune in phrases with rests between them, on a channel of its own."""
    channel = 0  # MMA takes its channels from the top
    scale = _SCALES[mode]
    track = mido.MidiTrack()
    track.append(mido.Message("program_change", channel=channel, program=int(rng.choice(LEADS)), time=0))
    degree, rest, at = int(rng.integers(7, 21)), 0, 0
    grid = float(rng.choice([0.5, 0.5, 1.0, 0.25]))
    legato = float(rng.uniform(0.6, 1.0))
    while at < quarters * ticks_per_beat:
        length = round(grid * float(rng.choice([1, 1, 1, 2, 2, 3, 4])) * ticks_per_beat)
        at += length
        if rng.random() < 0.2:
            rest += length
            continue
        degree = min(24, max(5, degree + int(rng.choice([-4, -2, -1, -1, 0, 1, 1, 2, 4]))))
        pitch = 48 + tonic + 12 * (degree // 7) + scale[degree % 7] - 12
        velocity = int(rng.integers(60, 120))
        held = max(1, int(length * legato))
        track.append(mido.Message("note_on", channel=channel, note=pitch, velocity=velocity, time=rest))
        track.append(mido.Message("note_off", channel=channel, note=pitch, velocity=0, time=held))
        rest = length - held
    return track
