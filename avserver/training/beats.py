"""Train the network that hears beats: `python -m avserver.training.beats SONGS -o models/beats.safetensors`.

SONGS is a folder of rendered songs as `avserver.training.music` writes them. Each example is a few seconds of one: its
stems mixed anew, each bent by an equaliser, some left out, faster or slower, louder or softer, over noise. A few
examples are metronomes, and a few have no beat at all.
"""

import argparse
import json
import sys
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
from safetensors.numpy import save_file

from avserver.analysis.bands import Bands
from avserver.analysis.beat_network import HEARD_AFTER_S, STEP_S, weight_names
from avserver.analysis.spectrum import Spectrum, hann

RATE, WINDOW = 44_100, 1024
STEP = round(STEP_S * RATE)  # samples
STEM_NAMES = ("drums", "bass", "melody")
UNITS = 64
STEPS = 1000  # of an example: 11.6 s
BATCH = 32
POOL, FRESH = (
    512,
    8,
)  # examples at hand, and how many of them each batch replaces: making one takes longer than using it
FASTEST, SLOWEST = 1.25, 0.8  # a song is played at that many times its speed
METRONOMES, BEATLESS = 0.06, 0.04  # share of the examples
MASKED = 0.3  # share of the examples that lack some of their bands
LEARNING_RATE = 3e-3
DOWNBEATS = 0.5  # weight of the downbeats in the loss

Samples = npt.NDArray[np.float32]
Rows = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Example:
    """A few seconds of sound, and when (s) it has beats and downbeats."""

    samples: Samples
    beats_s: npt.NDArray[np.float64]
    downbeats_s: npt.NDArray[np.float64]


class Songs:
    """Examples drawn from a folder of songs, without end.

    Args:
        folders: one a song.
        rng: all randomness.
    """

    def __init__(self, folders: Sequence[Path], rng: np.random.Generator) -> None:
        self._folders, self._rng = folders, rng
        self._spectrum = Spectrum(RATE, window=WINDOW)
        self._bands = Bands(self._spectrum)
        self._window = (hann(WINDOW) * 4 / WINDOW).astype(np.float32)
        self._pool: deque[tuple[Rows, Rows]] = deque(maxlen=POOL)

    def batch(self, size: int) -> tuple[Rows, Rows]:
        """Return features (size, STEPS, bands) and targets (size, STEPS, 2) for beats and downbeats."""
        for _ in range(max(FRESH, size - len(self._pool))):
            self._pool.append(self._pair())
        pairs = [self._pool[at] for at in self._rng.choice(len(self._pool), size, replace=False)]
        return np.stack([x for x, _ in pairs]), np.stack([y for _, y in pairs])

    def _pair(self) -> tuple[Rows, Rows]:
        kind = self._rng.random()
        if kind < METRONOMES:
            example = metronome(self._rng)
        elif kind < METRONOMES + BEATLESS:
            example = beatless(self._rng)
        else:
            example = excerpt(self._folders[int(self._rng.integers(len(self._folders)))], self._rng)
        rows = self.features(example.samples)
        if self._rng.random() < MASKED:
            # Without a stretch of the bands the beat must be heard in the others.
            bands = rows.shape[1] // 2
            first, width = int(self._rng.integers(bands)), int(self._rng.integers(3, 14))
            rows[:, first : min(first + width, bands)] = rows[:, bands + first :][:, :width] = 0
        return rows, np.stack([target(example.beats_s), target(example.downbeats_s)], axis=1)

    def features(self, samples: Samples) -> Rows:
        """Return (STEPS, inputs): what the network will be given of that sound."""
        padded = np.concatenate([np.zeros(WINDOW - STEP, np.float32), samples])
        frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::STEP][:STEPS]
        return self._bands.of(np.abs(np.fft.rfft(frames * self._window, axis=1)).astype(np.float32))


def target(times_s: npt.NDArray[np.float64]) -> Rows:
    """Return (STEPS,): 1 at the step that a beat shall be told in, one half beside it."""
    wanted = np.zeros(STEPS, np.float32)
    steps = np.round((times_s + HEARD_AFTER_S) * RATE / STEP).astype(int) - 1
    for beside, value in ((-1, 0.5), (1, 0.5), (0, 1.0)):
        at = steps + beside
        at = at[(at >= 0) & (at < STEPS)]
        wanted[at] = np.maximum(wanted[at], value)
    return wanted


def excerpt(folder: Path, rng: np.random.Generator) -> Example:
    """Return a few seconds of a song, mixed and played otherwise than it was."""
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    speed = rng.uniform(SLOWEST, FASTEST) if rng.random() < 0.8 else 1.0
    # A length without large prime factors, or the equaliser's Fourier transform takes ten times as long.
    needed = (int(STEPS * STEP * speed) // 4096 + 1) * 4096
    mixed = np.zeros(needed, np.float32)
    stems = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in STEM_NAMES}
    start = int(rng.integers(0, max(1, stems["drums"].size - needed)))
    # One of the stems may be missing, as in a break; the drums more often than the others.
    missing = rng.choice(["", "drums", "bass", "melody", "both"], p=[0.6, 0.2, 0.06, 0.06, 0.08])
    for name, stem in stems.items():
        if missing == name or (missing == "both" and name != "drums"):
            continue
        part = np.zeros(needed, np.float32)
        part[: stem.size - start] = stem[start : start + needed] / np.float32(32_768)
        mixed += equalised(part, rng) * np.float32(10 ** (rng.uniform(-10, 6) / 20))
    samples = np.interp(np.arange(STEPS * STEP) * speed, np.arange(needed), mixed).astype(np.float32)
    start_s = start / RATE
    beats_s, downbeats_s = ((np.array(truth[key]) - start_s) / speed for key in ("beats_s", "downbeats_s"))
    return Example(master(samples, rng), beats_s, downbeats_s)


def master(samples: Samples, rng: np.random.Generator) -> Samples:
    """Return the sound compressed or not, loud or soft, over noise or not."""
    samples = samples / max(1e-3, float(np.abs(samples).max()))
    if rng.random() < 0.3:
        drive = rng.uniform(1, 6)
        samples = np.tanh(drive * samples) / np.tanh(drive)
    level = 10 ** (rng.uniform(-24, 0) / 20)
    if rng.random() < 0.3:
        samples = samples + np.float32(10 ** (rng.uniform(-60, -20) / 20)) * rng.standard_normal(
            samples.size, np.float32
        )
    return (level * samples).astype(np.float32)


def metronome(rng: np.random.Generator) -> Example:
    """Return clicks of one kind, with or without another kind at the downbeats and between the beats."""
    period_s, quarters = 60 / rng.uniform(60, 205), int(rng.choice([2, 3, 4]))
    duration_s = STEPS * STEP / RATE
    beats_s = np.arange(rng.uniform(0, period_s), duration_s, period_s)
    first = int(rng.integers(quarters))
    downbeats_s = beats_s[first::quarters]
    samples = np.zeros(STEPS * STEP, np.float32)
    _strike(samples, beats_s, 1.0, rng)
    if rng.random() < 0.5:
        _strike(samples, downbeats_s, 1.0, rng)
    else:
        downbeats_s = downbeats_s[:0]
    if rng.random() < 0.4:
        _strike(samples, beats_s + period_s / 2, rng.uniform(0.1, 0.7), rng)
    return Example(master(samples, rng), beats_s, downbeats_s)


def _strike(samples: Samples, times_s: npt.NDArray[np.float64], level: float, rng: np.random.Generator) -> None:
    """Add one burst, a mixture of noise and a tone that die away, at each time."""
    length_s = float(np.exp(rng.uniform(np.log(0.008), np.log(0.2))))
    t_s = np.arange(int(length_s * RATE)) / RATE
    tone, share = np.sin(2 * np.pi * np.exp(rng.uniform(np.log(60), np.log(4000))) * t_s), rng.random()
    burst = (share * tone + (1 - share) * rng.uniform(-1, 1, t_s.size)) * np.exp(-4 * t_s / length_s)
    for t in times_s:
        part = samples[int(t * RATE) :][: burst.size]
        part += (level * burst[: part.size]).astype(np.float32)


def beatless(rng: np.random.Generator) -> Example:
    """Return what has no beat: noise of any colour, steady tones, silence."""
    none = np.zeros(0)
    size = STEPS * STEP
    kind = rng.integers(3)
    if kind == 0:
        spectrum = np.fft.rfft(rng.standard_normal(size)) / np.maximum(1, np.arange(size // 2 + 1)) ** rng.uniform(0, 1)
        return Example(master(np.fft.irfft(spectrum, size).astype(np.float32), rng), none, none)
    if kind == 1:
        t_s = np.arange(size) / RATE
        tones = [np.sin(2 * np.pi * hz * t_s) for hz in np.exp(rng.uniform(np.log(50), np.log(5000), 3))]
        return Example(master(np.sum(tones, axis=0).astype(np.float32), rng), none, none)
    return Example(np.zeros(size, np.float32), none, none)


def equalised(samples: Samples, rng: np.random.Generator) -> Samples:
    """Return the sound bent by a smooth curve through random decibels, two octaves apart."""
    hz = np.fft.rfftfreq(samples.size, 1 / RATE)
    knots_hz = 40 * 4.0 ** np.arange(6)
    gains_db = np.interp(np.log(np.maximum(hz, 20)), np.log(knots_hz), rng.normal(0, 5, knots_hz.size))
    return np.fft.irfft(np.fft.rfft(samples) * 10 ** (gains_db / 20), samples.size).astype(np.float32)


def build(inputs: int, units: int) -> keras.Model:
    """Return the network: two layers of GRU, and a logit each for beat and downbeat."""
    features = keras.Input((None, inputs))
    x = features
    for _ in range(2):
        x = keras.layers.GRU(units, return_sequences=True)(x)
    return keras.Model(features, keras.layers.Dense(2)(x))


def loss(wanted: object, logits: object) -> object:
    """Cross entropy of beats, and of downbeats with the weight DOWNBEATS."""
    each = keras.ops.binary_crossentropy(wanted, logits, from_logits=True)
    return keras.ops.mean(each[..., 0] + DOWNBEATS * each[..., 1])


def main() -> int:
    """Train, and write the weights every hundred batches."""
    parser = argparse.ArgumentParser(prog="python -m avserver.training.beats", description=__doc__)
    parser.add_argument("songs", type=Path, metavar="SONGS")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="the .safetensors to write")
    parser.add_argument("--batches", type=int, default=1500, metavar="N", help="how long to train (1500)")
    parser.add_argument("--units", type=int, default=UNITS, metavar="N", help=f"of each layer ({UNITS})")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of all randomness (0)")
    arguments = parser.parse_args()
    folders = sorted(path.parent for path in arguments.songs.glob("*/truth.json"))
    if not folders:
        sys.stderr.write(f"no songs in {arguments.songs}; python -m avserver.training.music renders some\n")
        return 2
    keras.utils.set_random_seed(arguments.seed)
    songs = Songs(folders, np.random.default_rng(arguments.seed))
    model = build(songs.batch(1)[0].shape[-1], arguments.units)
    decay = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, arguments.batches, alpha=0.02)
    model.compile(keras.optimizers.Adam(decay, clipnorm=1.0), loss)
    losses: list[float] = []
    for number in range(1, arguments.batches + 1):
        losses.append(float(model.train_on_batch(*songs.batch(BATCH))))
        if number % 100 == 0 or number == arguments.batches:
            save_file(dict(zip(weight_names(), model.get_weights(), strict=True)), arguments.output)
            sys.stdout.write(f"{number}: loss {np.mean(losses[-100:]):.4f}\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
