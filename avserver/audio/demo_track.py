"""Renders the demo track from its score: python -m avserver.audio.demo_track OUT.ogg (or .wav).

Every sound is made here, from sines and noise.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from avserver.audio.demo_score import DURATION_S, PLUCK_STEPS, Note, notes
from avserver.audio.source import Samples
from avserver.audio.wav import write_wav

SAMPLE_RATE = 44_100
SEED = 1
FADE_S = 0.03

Sound = npt.NDArray[np.float64]

# How loud each instrument is in the mix.
GAINS = {
    "kick": 0.9,
    "snare": 0.5,
    "hat": 0.16,
    "open_hat": 0.14,
    "crash": 0.22,
    "bass": 0.5,
    "pluck": 0.26,
    "pad": 0.075,
}
# What gives way to the kick, and by how much.
DUCKED = {"bass": 0.5, "pad": 0.75, "pluck": 0.25}  # fmt: skip


def render(*, seed: int = SEED) -> Samples:
    """Render the track.

    Args:
        seed: of the noise in the drums.

    Returns:
        (n,) float32 at 44.1 kHz, peak 0.9, silent at both ends so that it loops without a click.
    """
    rng = np.random.default_rng(seed)
    length = round(DURATION_S * SAMPLE_RATE)
    tracks = {name: np.zeros(length) for name in GAINS}
    score = notes()
    for note in score:
        sound = INSTRUMENTS[note.instrument](note, rng) * note.velocity
        for t_s, gain in _echoes(note):
            _add(tracks[note.instrument], gain * sound, t_s)
    duck = _duck([note.t_s for note in score if note.instrument == "kick"], length)
    mix = sum(
        (gain * tracks[name] * (1 - DUCKED.get(name, 0.0) * duck) for name, gain in GAINS.items()), np.zeros(length)
    )
    mix = np.tanh(1.2 * mix)
    fade = round(FADE_S * SAMPLE_RATE)
    mix[-fade:] *= np.linspace(1, 0, fade)
    return (0.9 * mix / np.abs(mix).max()).astype(np.float32)


def _time(length_s: float) -> Sound:
    return np.arange(round(length_s * SAMPLE_RATE)) / SAMPLE_RATE


def _noise(rng: np.random.Generator, size: int, *, brighter: int) -> Sound:
    """Return noise that was differenced so many times: each tilts it up by 6 dB an octave."""
    noise = np.diff(rng.standard_normal(size + brighter), n=brighter)
    return np.asarray(noise / np.abs(noise).max())


def _kick(note: Note, rng: np.random.Generator) -> Sound:
    t = _time(0.4)
    sweep = 2 * np.pi * (46 * t + 120 * 0.028 * (1 - np.exp(-t / 0.028)))  # from 166 Hz down to 46 Hz
    beater = _noise(rng, t.size, brighter=1) * np.exp(-t / 0.003)
    return np.asarray(np.sin(sweep) * np.exp(-t / 0.12) + 0.25 * beater)


def _snare(note: Note, rng: np.random.Generator) -> Sound:
    t = _time(0.35)
    skin = np.sin(2 * np.pi * 185 * t) * np.exp(-t / 0.05)
    return np.asarray(0.6 * skin + _noise(rng, t.size, brighter=1) * np.exp(-t / 0.075))


def _hat(note: Note, rng: np.random.Generator) -> Sound:
    t = _time(0.12)
    return np.asarray(_noise(rng, t.size, brighter=3) * np.exp(-t / 0.022))


def _open_hat(note: Note, rng: np.random.Generator) -> Sound:
    t = _time(0.35)
    return np.asarray(_noise(rng, t.size, brighter=3) * np.exp(-t / 0.09))


def _crash(note: Note, rng: np.random.Generator) -> Sound:
    t = _time(1.8)
    return np.asarray(_noise(rng, t.size, brighter=2) * np.exp(-t / 0.5))


def _bass(note: Note, rng: np.random.Generator) -> Sound:
    t = _time(note.length_s + 0.03)
    tone = _harmonics(note, t, count=10, falloff=1.0, damping=0.22)
    return tone * _gate(t, attack_s=0.004, release_s=0.03)


def _pluck(note: Note, rng: np.random.Generator) -> Sound:
    t = _time(note.length_s + 0.1)
    tone = _harmonics(note, t, count=12, falloff=2.2 - 1.4 * note.brightness, decay_s=0.32)
    return tone * _gate(t, attack_s=0.003, release_s=0.1)


def _pad(note: Note, rng: np.random.Generator) -> Sound:
    t = _time(note.length_s + 0.25)
    voices = [_harmonics(note, t, count=6, falloff=1.3, detune_cents=cents) for cents in (-7, 0, 6)]
    return np.asarray(sum(voices) * _gate(t, attack_s=0.12, release_s=0.25))


INSTRUMENTS: dict[str, Callable[[Note, np.random.Generator], Sound]] = {
    "kick": _kick, "snare": _snare, "hat": _hat, "open_hat": _open_hat, "crash": _crash,
    "bass": _bass, "pluck": _pluck, "pad": _pad,
}  # fmt: skip


def _harmonics(
    note: Note, t: Sound, *, count: int, falloff: float, damping: float = 0.0, decay_s: float = np.inf,
    detune_cents: float = 0.0,
) -> Sound:  # fmt: skip
    """Return harmonics k = 1 … count at k^-falloff · exp(-damping·k); the higher, the faster they decay."""
    assert note.pitch is not None
    hz = 440 * 2 ** ((note.pitch - 69) / 12 + detune_cents / 1200)
    angle = 2 * np.pi * hz * t
    # sin(k·a) from the two before it, which costs a product instead of a sine.
    turn, before, harmonic = 2 * np.cos(angle), np.zeros(t.size), np.sin(angle)
    tone = np.zeros(t.size)
    for k in range(1, count + 1):
        if k * hz < SAMPLE_RATE / 2:
            fall = np.exp(-t * np.sqrt(k) / decay_s) if np.isfinite(decay_s) else 1.0
            tone += k**-falloff * np.exp(-damping * k) * fall * harmonic
        before, harmonic = harmonic, turn * harmonic - before
    return tone


def _gate(t: Sound, *, attack_s: float, release_s: float) -> Sound:
    """Return an envelope that rises from 0 to 1 at the start and falls to 0 at the end."""
    return np.clip(np.minimum(t / attack_s, (t[-1] - t) / release_s), 0, 1)


def _echoes(note: Note) -> list[tuple[float, float]]:
    """Return when (s) and how loud a note sounds: a pluck comes back on the third sixteenth, and the sixth."""
    if note.instrument != "pluck":
        return [(note.t_s, 1.0)]
    return [(note.t_s + 3 * repeat * note.length_s / PLUCK_STEPS, 0.22**repeat) for repeat in range(3)]


def _add(track: Sound, sound: Sound, t_s: float) -> None:
    """Add a sound to a track, as far as it fits."""
    part = track[round(t_s * SAMPLE_RATE) :][: sound.size]
    part += sound[: part.size]


def _duck(kicks_s: Sequence[float], length: int) -> Sound:
    """Return how far to duck, in [0, 1]: 1 at each kick, gone a quarter of a second later."""
    duck = np.zeros(length)
    fall = np.exp(-_time(0.4) / 0.11)
    for t_s in kicks_s:
        start = round(t_s * SAMPLE_RATE)
        part = duck[start : start + fall.size]
        np.maximum(part, fall[: part.size], out=part)
    return duck


def write(path: Path, samples: Samples) -> None:
    """Write the track as Ogg Opus, or as 16-bit wav, by the name's ending. Raises ValueError for another."""
    if path.suffix == ".wav":
        write_wav(path, samples, sample_rate=SAMPLE_RATE)
    elif path.suffix == ".ogg":
        _write_ogg(path, samples)
    else:
        raise ValueError(f"{path.name!r}: allowed endings are .ogg and .wav")


def _write_ogg(path: Path, samples: Samples) -> None:
    """Write mono Ogg Opus, the best that PyAV's ffmpeg can put into an Ogg file (its Vorbis is a stub)."""
    with av.open(str(path), "w", format="ogg") as container:
        stream = container.add_stream("libopus", rate=48_000, layout="mono")
        stream.bit_rate = 72_000
        frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)


def main() -> None:
    """Render the track to the file named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m avserver.audio.demo_track", description=main.__doc__)
    parser.add_argument("out", type=Path, help="a name that ends in .ogg or .wav")
    write(parser.parse_args().out, render())


if __name__ == "__main__":
    main()
