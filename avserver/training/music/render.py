"""Rendering a MIDI file to its stems with FluidSynth, and writing them down with their truth."""

import dataclasses
import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import mido
import numpy as np
import numpy.typing as npt

from avserver.errors import ConfigError
from avserver.training.music.drum_machine import KEYS, play
from avserver.training.music.score import SAMPLE_RATE, STEMS, Score, read_score, stem_of, timed_messages

PEAK = 0.9  # of the mix
_ALL_SOUND_OFF = 120  # MIDI's controller
GAIN = 0.3  # FluidSynth's own; few voices of a full band clip at it, and the peak is set afterwards


def render_stems(
    midi: mido.MidiFile, soundfont: Path, *, duration_s: float, reverb: bool = True
) -> Mapping[str, npt.NDArray[np.int16]]:
    """Render each stem by itself; `mix` is their sum, with a peak of PEAK.

    Args:
        midi: any General MIDI file.
        soundfont: .sf2 or .sf3.
        duration_s: how much of it (s).
        reverb: whether FluidSynth adds its room.

    Returns:
        mix, drums, bass and melody: (n,) int16 mono at SAMPLE_RATE, all on one scale.

    Raises:
        ConfigError: when FluidSynth is not installed or fails.
    """
    samples = round(duration_s * SAMPLE_RATE)
    stems = {stem: _render(_only(midi, stem, duration_s), soundfont, samples, reverb=reverb) for stem in STEMS}
    mix = sum(stems.values(), np.zeros(samples, np.float32))
    scale = PEAK * 32_767 / max(1e-6, float(np.abs(mix).max()))
    return {
        name: np.round(sound * scale).clip(-32_768, 32_767).astype(np.int16)
        for name, sound in {"mix": mix, **stems}.items()
    }


def write_song(
    folder: Path,
    midi: mido.MidiFile,
    soundfont: Path,
    *,
    duration_s: float,
    source: str,
    reverb: bool = True,
    machine: np.random.Generator | None = None,
) -> None:
    """Write {mix,drums,bass,melody}.npy and truth.json of a MIDI file into a new folder.

    With `machine` the drums are played by a drum machine drawn from it.
    """
    score = read_score(midi)
    duration_s = min(duration_s, score.duration_s)
    folder.mkdir(parents=True)
    stems = render_stems(midi, soundfont, duration_s=duration_s, reverb=reverb)
    if machine is not None:
        score = _that_it_can_play(score)
        stems = _with_machine(stems, score, machine)
    for name, sound in stems.items():
        np.save(folder / f"{name}.npy", sound)
    truth = {"source": source, "soundfont": soundfont.name, **score.truth(duration_s)}
    (folder / "truth.json").write_text(json.dumps(truth), encoding="utf-8")


def _that_it_can_play(score: Score) -> Score:
    """Return the score without the drums that a drum machine does not have."""
    return dataclasses.replace(score, notes=tuple(n for n in score.notes if n.stem != "drums" or n.pitch in KEYS))


def _with_machine(
    stems: Mapping[str, npt.NDArray[np.int16]], score: Score, rng: np.random.Generator
) -> Mapping[str, npt.NDArray[np.int16]]:
    """Return the stems with other drums, as loud as those that were rendered, and their mix."""
    rendered = stems["drums"].astype(np.float32)
    drums = play((note for note in score.notes if note.stem == "drums"), rendered.size, rng)
    drums *= np.sqrt(np.mean(rendered**2) / max(1e-12, float(np.mean(drums**2))))
    mix = drums + stems["bass"] + stems["melody"]
    scale = PEAK * 32_767 / max(1.0, float(np.abs(mix).max()), float(np.abs(drums).max()))
    sounds = {"mix": mix, "drums": drums, "bass": stems["bass"], "melody": stems["melody"]}
    return {name: np.round(sound * scale).clip(-32_768, 32_767).astype(np.int16) for name, sound in sounds.items()}


def _only(midi: mido.MidiFile, stem: str, until_s: float) -> mido.MidiFile:
    """Return the beginning of the file with the notes of one stem, and everything that is no note."""
    programs = dict.fromkeys(range(16), 0)
    track = mido.MidiTrack()
    last_tick = 0
    for t_s, tick, message in timed_messages(midi):
        if t_s > until_s:
            # FluidSynth renders until all is quiet, for ever if a note hangs.
            track.append(mido.Message("control_change", control=_ALL_SOUND_OFF, time=tick - last_tick))
            track.extend(mido.Message("control_change", channel=n, control=_ALL_SOUND_OFF) for n in range(1, 16))
            break
        if message.type == "program_change":
            programs[message.channel] = message.program
        if message.type in ("note_on", "note_off"):
            if stem_of(message.channel, programs[message.channel]) != stem:
                continue
        elif message.type == "sysex" or (message.is_meta and message.type != "set_tempo"):
            continue
        track.append(message.copy(time=tick - last_tick))
        last_tick = tick
    return mido.MidiFile(type=0, ticks_per_beat=midi.ticks_per_beat, tracks=[track])


def _render(midi: mido.MidiFile, soundfont: Path, samples: int, *, reverb: bool) -> npt.NDArray[np.float32]:
    """Return (samples,) mono; the rest of a shorter piece is silence."""
    program = shutil.which("fluidsynth")
    if program is None:
        raise ConfigError("rendering music needs FluidSynth; on Debian: apt install fluidsynth fluid-soundfont-gm mma")
    with tempfile.TemporaryDirectory() as folder:
        score, sound = Path(folder, "score.mid"), Path(folder, "sound.raw")
        midi.save(score)
        room = "1" if reverb else "0"
        command = [program, "-ni", "-q", "-R", room, "-C", room, "-g", str(GAIN), "-r", str(SAMPLE_RATE)]
        command += ["-T", "raw", "-O", "s16", "-F", str(sound), str(soundfont), str(score)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode or "error" in done.stderr or not sound.exists():
            raise ConfigError(f"FluidSynth could not render {soundfont.name}: {done.stderr.strip()[-200:]}")
        stereo = np.fromfile(sound, "<i2").reshape(-1, 2)[:samples]
    mono = np.zeros(samples, np.float32)
    mono[: len(stereo)] = stereo.mean(axis=1, dtype=np.float32) / 32_768
    return mono
