"""Train the network that hears bass notes: `python -m avserver.training.bass_pitch SONGS -o FILE`.

SONGS is a folder of rendered songs as `avserver.training.music` writes them. Each is heard twice: as it is, and with
the bass louder or softer than the rest. What the network is shown is some seconds of one, transposed, and louder
or softer than it was.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
from safetensors.numpy import save_file

from avserver.analysis.bass_pitch import (
    DELAY_LOOKS,
    INPUTS,
    LOWEST_MIDI,
    NOTES,
    PARTS,
    SEMITONES,
    WEIGHT_NAMES,
    compressed,
    thirds,
)
from avserver.analysis.partials import Tones

RATE, HOP = 44_100, 256
UNITS = 96
LOOKS, BATCH, LEARNING_RATE = 215, 32, 3e-3  # 5 s an example
# Semitones at the least, most often and at the most: the songs have lower basses than most music has.
TRANSPOSITION = (-6, 4, 22)
OUT_OF_TUNE = (-1, 0, 0, 0, 1)  # thirds of a semitone, one as likely as another
GAIN = 3.0  # the sound is made louder or softer by up to this factor
DROPOUT = 0.15
NONE = 0  # the class of looks at which no bass sounds; the lowest note's is 1

Samples = npt.NDArray[np.float32]
Note = tuple[float, int, int, int, str, float]  # when, channel, pitch, velocity, stem, how long


@dataclass(frozen=True, slots=True)
class Song:
    """What is heard of a song at each look, (n, INPUTS), and the class of its bass note then, (n,)."""

    heard: npt.NDArray[np.float16]
    notes: npt.NDArray[np.int64]


def hear(samples: Samples) -> npt.NDArray[np.float16]:
    """Return (n, INPUTS): how much sounds in each third of a semitone at each look."""
    tones = Tones(RATE, hop=HOP)
    starts = range(0, samples.size - HOP + 1, HOP)
    # Amplitudes below 6e-8 are lost in half precision; far softer than anything that is played.
    return np.array([thirds(tones) for start in starts if tones(samples[start : start + HOP])], np.float16)


def bass_notes(notes: Iterable[Note], looks: int, look_s: float) -> npt.NDArray[np.int64]:
    """Return (looks,) the class of the lowest bass note that sounded DELAY_LOOKS before the end of each look."""
    lowest = np.full(looks, NOTES + 1)
    at_s = (np.arange(looks) + 1 - DELAY_LOOKS) * look_s
    for t_s, _, midi, _, stem, duration_s in notes:
        if stem == "bass":
            held = slice(*np.searchsorted(at_s, (t_s, t_s + duration_s)))
            lowest[held] = np.minimum(lowest[held], min(max(midi - LOWEST_MIDI + 1, 1), NOTES))
    return np.where(lowest > NOTES, NONE, lowest)


def read_songs(folder: Path, rng: np.random.Generator) -> list[Song]:
    """Return the songs of a folder, each twice."""
    songs = []
    for truth in sorted(folder.glob("*/truth.json")):
        stems = {name: np.load(truth.parent / f"{name}.npy") / np.float32(32768) for name in ("mix", "bass")}
        notes = json.loads(truth.read_text(encoding="utf-8"))["notes"]
        rest = stems["mix"] - stems["bass"]
        # Down to what a separator would leave of the rest.
        for share in (1.0, 10 ** rng.uniform(-1.3, 0.2)):
            heard = hear(stems["bass"] + np.float32(share) * rest)
            songs.append(Song(heard, bass_notes(notes, len(heard), Tones(RATE, hop=HOP).look_s)))
    return songs


class Examples(keras.utils.PyDataset):
    """Batches of (heard, notes) cut out of songs at random, without end."""

    def __init__(self, songs: list[Song], batches: int, rng: np.random.Generator) -> None:
        super().__init__()
        self._songs, self._batches, self._rng = songs, batches, rng

    def __len__(self) -> int:
        return self._batches

    def __getitem__(self, _: int) -> tuple[Samples, npt.NDArray[np.int64]]:
        heard, notes = zip(*(self._example() for _ in range(BATCH)), strict=True)
        return np.stack(heard), np.stack(notes)

    def _example(self) -> tuple[Samples, npt.NDArray[np.int64]]:
        song = self._songs[self._rng.integers(len(self._songs))]
        start = self._rng.integers(len(song.notes) - LOOKS + 1)
        heard = song.heard[start : start + LOOKS].astype(np.float32)
        notes = song.notes[start : start + LOOKS]
        step = int(self._rng.triangular(*TRANSPOSITION))
        if np.any((notes != NONE) & ((notes + step < 1) | (notes + step > NOTES))):
            step = 0
        parts = PARTS * step + int(self._rng.choice(OUT_OF_TUNE))
        return compressed(self._transposed(heard, parts) * self._gain()), np.where(notes == NONE, NONE, notes + step)

    def _transposed(self, heard: Samples, parts: int) -> Samples:
        windows = np.roll(heard.reshape(-1, 2, SEMITONES * PARTS), parts, axis=2)
        if parts > 0:
            windows[..., :parts] = 0
        elif parts < 0:
            windows[..., parts:] = 0
        return windows.reshape(-1, INPUTS)

    def _gain(self) -> np.float32:
        return np.float32(GAIN ** self._rng.uniform(-1, 1))


def network() -> keras.Model:
    """Return the network in training: (batch, looks, INPUTS) to the logits of no note and of each note."""
    heard = keras.Input((None, INPUTS))
    seen = keras.layers.Dense(UNITS, activation="relu", name="see")(keras.layers.Dropout(DROPOUT)(heard))
    state = keras.layers.GRU(UNITS, return_sequences=True, name="follow")(seen)
    return keras.Model(heard, keras.layers.Dense(NOTES + 1, name="tell")(keras.layers.Dropout(DROPOUT)(state)))


def save(model: keras.Model, path: Path) -> None:
    """Write the weights as the analysis reads them, in half precision."""
    weights = (weight for name in ("see", "follow", "tell") for weight in model.get_layer(name).get_weights())
    save_file({name: weight.astype(np.float16) for name, weight in zip(WEIGHT_NAMES, weights, strict=True)}, path)


def main(arguments: list[str] | None = None) -> None:
    """Train for a number of batches, saving every hundred."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("songs", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--batches", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    keras.utils.set_random_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    songs = read_songs(options.songs, rng)
    model = network()
    rate = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, options.batches)
    model.compile(
        keras.optimizers.Adam(rate, clipnorm=1.0),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    done, start_s = 0, time.monotonic()
    while done < options.batches:
        batches = min(100, options.batches - done)
        told = model.fit(Examples(songs, batches, rng), verbose=0).history
        done += batches
        save(model, options.out)
        figures = f"loss {told['loss'][-1]:.3f}, right {told['accuracy'][-1]:.3f}"
        sys.stderr.write(f"{done} batches, {time.monotonic() - start_s:.0f} s: {figures}\n")


if __name__ == "__main__":
    main()
