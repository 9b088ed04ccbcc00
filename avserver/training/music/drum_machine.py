"""A drum machine: the drums of a score by synthesis, so that what learns from them knows more than recorded kits.

Every song has a machine of its own, drawn at random: how deep and how long its bass drum is, how much of its snare is
skin and how much is noise, how bright its cymbals are. Its sounds are those of all analogue machines: a sine that falls
for what has a skin, filtered noise for what hisses.
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from avserver.training.music.score import SAMPLE_RATE, Note

Sound = npt.NDArray[np.float32]

LONGEST_S = 1.5
# Keys of General MIDI.
KICKS, SNARES, CLAPS = (35, 36), (38, 40), (39,)
CLOSED, OPEN, CYMBALS = (42, 44, 54, 69, 70, 82), (46,), (49, 51, 52, 53, 55, 57, 59)
TOMS = {41: 70, 43: 85, 45: 100, 47: 120, 48: 140, 50: 165}  # Hz
KEYS = frozenset((*KICKS, *SNARES, *CLAPS, *CLOSED, *OPEN, *CYMBALS, *TOMS))


def machine(rng: np.random.Generator) -> dict[int, Sound]:
    """Return one sound for each key that a machine has, with a peak of about 1."""
    voices: dict[int, Sound] = {}
    kick = _skin(rng, hz=rng.uniform(38, 65), sweep_hz=rng.uniform(40, 250), fall_s=rng.uniform(0.07, 0.35))
    click = rng.uniform(0, 0.5) * _hiss(rng, low_hz=rng.uniform(500, 3000), high_hz=9000, fall_s=0.004)
    voices |= dict.fromkeys(KICKS, _peak(kick + click))
    skin = _skin(rng, hz=rng.uniform(140, 260), sweep_hz=rng.uniform(0, 120), fall_s=rng.uniform(0.03, 0.1))
    wires = _hiss(rng, low_hz=rng.uniform(200, 2000), high_hz=rng.uniform(7000, 16_000), fall_s=rng.uniform(0.04, 0.2))
    voices |= dict.fromkeys(SNARES, _peak(rng.uniform(0.1, 1.0) * skin + rng.uniform(0.5, 1.5) * wires))
    voices |= dict.fromkeys(CLAPS, _clap(rng))
    bright = rng.uniform(4000, 9000)
    voices |= dict.fromkeys(CLOSED, _peak(_hiss(rng, bright, 20_000, rng.uniform(0.012, 0.05))))
    voices |= dict.fromkeys(OPEN, _peak(_hiss(rng, bright, 20_000, rng.uniform(0.08, 0.3))))
    voices |= dict.fromkeys(CYMBALS, _peak(_hiss(rng, rng.uniform(1500, 5000), 20_000, rng.uniform(0.3, 0.6))))
    for key, hz in TOMS.items():
        voices[key] = _peak(_skin(rng, hz=hz * 1.2, sweep_hz=0.4 * hz, fall_s=rng.uniform(0.08, 0.25)))
    return voices


def play(notes: Iterable[Note], samples: int, rng: np.random.Generator) -> Sound:
    """Return (samples,) of the drum notes, by a machine drawn from `rng`. Keys that it does not have are silent."""
    voices = machine(rng)
    levels = {key: rng.uniform(0.3, 1.0) for key in sorted(KEYS)}
    track = np.zeros(samples, np.float32)
    for note in notes:
        start = round(note.t_s * SAMPLE_RATE)
        if note.pitch in voices and start < samples:
            part = track[start:][: voices[note.pitch].size]
            part += voices[note.pitch][: part.size] * (note.velocity / 127) ** 1.5 * levels[note.pitch]
    return track


def _skin(rng: np.random.Generator, *, hz: float, sweep_hz: float, fall_s: float) -> Sound:
    """Return a sine that falls to `hz` from so much above, and dies away."""
    t_s = np.arange(round(LONGEST_S * SAMPLE_RATE)) / SAMPLE_RATE
    sweep_s = rng.uniform(0.01, 0.05)
    turns = hz * t_s + sweep_hz * sweep_s * (1 - np.exp(-t_s / sweep_s))
    return (np.sin(2 * np.pi * turns) * np.exp(-t_s / fall_s)).astype(np.float32)


def _hiss(rng: np.random.Generator, low_hz: float, high_hz: float, fall_s: float) -> Sound:
    """Return noise between two frequencies that dies away."""
    size = round(LONGEST_S * SAMPLE_RATE)
    spectrum = np.fft.rfft(rng.standard_normal(size))
    hz = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    spectrum *= 1 / (1 + (low_hz / np.maximum(hz, 1)) ** 6) / (1 + (hz / high_hz) ** 6)
    sound = np.fft.irfft(spectrum, size)
    return (sound / np.abs(sound).max() * np.exp(-np.arange(size) / SAMPLE_RATE / fall_s)).astype(np.float32)


def _clap(rng: np.random.Generator) -> Sound:
    """Return several bursts of noise, a hundredth of a second apart, and their room."""
    low_hz, high_hz = rng.uniform(500, 1200), rng.uniform(3000, 9000)
    sound = 0.6 * _hiss(rng, low_hz, high_hz, rng.uniform(0.05, 0.15))
    for number in range(3):
        at = round(number * rng.uniform(0.008, 0.013) * SAMPLE_RATE)
        sound[at:] += _hiss(rng, low_hz, high_hz, 0.005)[: sound.size - at]
    return _peak(sound)


def _peak(sound: Sound) -> Sound:
    return sound / np.float32(np.abs(sound).max())
