"""What the ear learns from: the stems of songs in bands, whole and mixed across songs, mixed anew for every batch.

Of three stems only the powers in bands and how they interfere are kept: what any mix of them is, at any gains and
through any equaliser, follows from that. It is 60 times less than the sound, so a whole collection fits into memory.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from avserver.analysis.ear import BANDS, BEGINNINGS, SOURCES, Features
from avserver.analysis.separation import BLOCKS, RATE, Frames

Array = npt.NDArray[np.float32]
Piece = tuple[npt.NDArray[np.float16], Array]  # compressed powers and beginnings, see `take_in`
# Keys of General MIDI. What hisses like a hi-hat counts as one: cymbals, rides, tambourine, cabasa, maracas, shaker.
DRUMS = {"kick": (35, 36), "snare": (38, 40), "hat": (42, 44, 46, 49, 51, 52, 53, 54, 55, 57, 59, 69, 70, 82)}
PAIRS = ((0, 1), (0, 2), (1, 2))
# A beginning is to be told in the two steps after the one it falls into; just before and after them is no mistake.
TOLD_AFTER = (1, 2)
EITHER = (0, 3)
UNDECIDED = 0.5  # as a target: whatever is said there is right

# A song is played faster and higher, or slower and lower, by some of TOGETHER. Stems of different songs are by more:
# a bass may play above the melody, and is told by its sound.
TOGETHER = (-3.0, 3.0)
APART = ((-3.0, 3.0), (-3.0, 15.0), (-12.0, 3.0))
GAIN_DB, EQUALISER_DB, EQUALISER_KNOTS = 5.0, 3.0, 7  # standard deviations
ALL_STEMS, NOISY = 0.75, 0.3  # share of the excerpts that have every stem, and that have noise
NOISE_DB = (-70.0, -35.0)


class Song:
    """A rendered song: `drums.npy`, `bass.npy`, `melody.npy` (int16, RATE) and `truth.json` in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
        self.onsets_s = {name: np.asarray(truth["onsets_s"][name], float) for name in SOURCES}
        for name, keys in DRUMS.items():
            hits = [note[0] for note in truth["notes"] if note[4] == "drums" and note[2] in keys]
            self.onsets_s[name] = np.asarray(hits, float)

    def stem(self, index: int, speed: float, from_s: float) -> Array:
        """Return the samples of a stem at another speed, from a time (s of the song) on."""
        stored = np.load(self._folder / f"{SOURCES[index]}.npy", mmap_mode="r")[round(from_s * RATE) :]
        positions = np.arange(int(stored.size / speed)) * speed
        return np.interp(positions, np.arange(stored.size), stored).astype(np.float32) / np.float32(32768)

    def heard(self, name: str, speed: float, from_s: float) -> npt.NDArray[np.float64]:
        """Return the beginnings (s) as they are then."""
        times_s = (self.onsets_s[name] - from_s) / speed
        return times_s[times_s >= 0]


def take_in(songs: Mapping[int, Song], rng: np.random.Generator, *, vary: bool) -> tuple[Array, Array]:
    """Return one piece made of the songs whose stems are given, as the ear is taught it.

    Args:
        songs: of each of SOURCES, by index.
        rng: of speed and offset.
        vary: whether to play at another speed and, if the songs differ, from elsewhere.

    Returns:
        powers (steps, 6, BANDS): of each stem, and of each pair twice the real part of their product;
        beginnings (steps, 7): 1 where one is to be told, UNDECIDED where it may be, 0 elsewhere.
    """
    frames = Frames(RATE)
    same = len({id(song) for song in songs.values()}) == 1
    semitones = [rng.uniform(*(TOGETHER if same else apart)) if vary else 0.0 for apart in APART]
    speeds = [2 ** (semitones[0 if same else index] / 12) for index in range(len(SOURCES))]
    starts_s = [0.0 if same else rng.uniform(0, 15) for _ in songs]
    stems = [songs[index].stem(index, speeds[index], starts_s[index]) for index in range(len(SOURCES))]
    length = min(stem.size for stem in stems) // frames.block * frames.block
    before = np.zeros((BLOCKS - 1) * frames.block, np.float32)
    spectra = [frames.spectra(np.concatenate([before, stem[:length]])) for stem in stems]
    powers = [np.abs(spectrum) ** 2 for spectrum in spectra]
    powers += [2 * np.real(spectra[a] * spectra[b].conj()) for a, b in PAIRS]
    told = np.zeros((length // frames.block, len(BEGINNINGS)), np.float32)
    for column, name in enumerate(BEGINNINGS[1:], 1):
        index = SOURCES.index(name) if name in SOURCES else 0
        _tell(told[:, column], songs[index].heard(name, speeds[index], starts_s[index]) * RATE / frames.block)
    return np.stack([power @ frames.bands.T for power in powers], axis=1), told


def _tell(column: Array, at_blocks: npt.NDArray[np.float64]) -> None:
    for offsets, value in ((EITHER, UNDECIDED), (TOLD_AFTER, 1.0)):
        for offset in offsets:
            steps = at_blocks.astype(int) + offset
            column[steps[steps < column.size]] = value


def compressed(powers: Array) -> npt.NDArray[np.float16]:
    """Return powers in half the space: the fourth root with the sign kept, good to half a per cent."""
    return (np.sign(powers) * np.sqrt(np.sqrt(np.abs(powers)))).astype(np.float16)


def expanded(stored: npt.NDArray[np.float16]) -> Array:
    """Return what was compressed."""
    roots = stored.astype(np.float32)
    return np.sign(roots) * np.square(np.square(roots))


class Excerpts:
    """Batches of excerpts, each mixed anew.

    Args:
        pieces: what `take_in` returns, the powers compressed.
        steps: of an excerpt.
        rng: of everything.
    """

    def __init__(self, pieces: list[Piece], steps: int, rng: np.random.Generator) -> None:
        self._pieces = [piece for piece in pieces if len(piece[1]) > steps]
        self._steps, self._rng = steps, rng
        frames = Frames(RATE)
        self._step_s = frames.block / RATE
        self._width = np.maximum(frames.bands.sum(axis=1), 1)  # bins in a band

    def batch(self, size: int) -> tuple[Array, Array]:
        """Return features (size, steps, BANDS) and what `losses` compares with: (size, steps, 7 * BANDS + 7)."""
        stems, products, mixes, told = (
            np.stack(parts) for parts in zip(*(self._one() for _ in range(size)), strict=True)
        )
        features = Features(self._step_s, (size,))
        x = np.stack([features(mixes[:, step] / self._width) for step in range(self._steps)], axis=1)
        flat = [part.reshape(size, self._steps, -1) for part in (stems, products, mixes, told)]
        return x, np.concatenate(flat, axis=-1).astype(np.float32)

    def batches(self, size: int) -> Iterator[tuple[Array, Array]]:
        """Yield batches for ever."""
        while True:
            yield self.batch(size)

    def _one(self) -> tuple[Array, Array, Array, Array]:
        """Return powers of the stems, their products with the mix, powers of the mix, and beginnings."""
        rng = self._rng
        stored, told = self._pieces[rng.integers(len(self._pieces))]
        start = rng.integers(len(told) - self._steps)
        powers, told = expanded(stored[start : start + self._steps]), told[start : start + self._steps].copy()
        gains = self._gains()
        stems = powers[:, :3] * gains**2
        products = stems.copy()
        for (a, b), power in zip(PAIRS, np.moveaxis(powers[:, 3:], 1, 0), strict=True):
            shared = power * (gains[a] * gains[b] / 2)
            products[:, a] += shared
            products[:, b] += shared
        mix = products.sum(axis=1)
        if rng.random() < NOISY:
            mix = mix + self._width * (mix.sum() / len(mix) / BANDS / 10 * 10 ** (rng.uniform(*NOISE_DB) / 10))
        self._tell_what_sounds(told, gains.max(axis=1) > 0)
        return stems, products, np.maximum(mix, 0), told

    def _gains(self) -> Array:
        """Return (3, BANDS) factors: how loud each stem is, through which equaliser, or 0."""
        rng = self._rng
        knots = rng.normal(0, EQUALISER_DB, (3, EQUALISER_KNOTS)) + rng.normal(0, GAIN_DB, (3, 1))
        at = np.linspace(0, EQUALISER_KNOTS - 1, BANDS)
        curves = np.stack([np.interp(at, np.arange(EQUALISER_KNOTS), row) for row in knots])
        present = np.ones(3)
        if rng.random() > ALL_STEMS:
            present = np.eye(3)[rng.integers(3)] if rng.random() < 0.5 else 1 - np.eye(3)[rng.integers(3)]
        return (10 ** (curves / 20) * present[:, None]).astype(np.float32)

    @staticmethod
    def _tell_what_sounds(told: Array, present: npt.NDArray[np.bool_]) -> None:
        """Take back what silent stems begin; the mix begins what any of its stems does."""
        for column, name in enumerate(BEGINNINGS[1:], 1):
            if not present[SOURCES.index(name) if name in SOURCES else 0]:
                told[:, column] = 0
        told[:, 0] = told[:, 1:4].max(axis=1)
