"""Train the ear: `python -m avserver.training.ear MUSIC -o models/ear.safetensors`.

MUSIC is a folder of songs as `ear_music.Song` reads them. KERAS_BACKEND=jax is the quickest on a CPU.
"""

import argparse
import sys
from pathlib import Path

import keras
import numpy as np
from keras import ops
from safetensors.numpy import save_file

from avserver.analysis.ear import BANDS, BEGINNINGS, SHARPEST, SOURCES
from avserver.analysis.separation import BLOCK_S
from avserver.training.ear_music import UNDECIDED, Array, Excerpts, Piece, Song, compressed, take_in

UNITS, LAYERS = 160, 2
EXCERPT_S, BATCH = 2.5, 16
FASTEST, CLIP = 2e-3, 1.0  # learning rate at its highest, gradients' norm
REPORT = 50  # batches
STEMS = len(SOURCES)
LEAK = 0.01  # of the mix's energy: errors below it count no more in a stem that is silent
BEGIN_WEIGHT = 4.0  # of the beginnings' loss


def ear(units: int = UNITS, layers: int = LAYERS) -> keras.Model:
    """Return the network that `avserver.analysis.ear.Ear` runs: features to masks and logits of beginnings, in one."""
    features = keras.Input((None, BANDS))
    heard = keras.layers.Conv1D(units, SHARPEST, padding="causal", activation="tanh", name="first")(features)
    for layer in range(1, layers + 1):
        heard = heard + keras.layers.GRU(units, return_sequences=True, name=f"gru{layer}")(heard)
    split = keras.layers.Dense(STEMS * BANDS, name="split")(heard)
    begin = keras.layers.Dense(len(BEGINNINGS), name="begin")(heard)
    masks = keras.layers.Softmax(axis=2)(keras.layers.Reshape((-1, STEMS, BANDS))(split))
    return keras.Model(features, keras.layers.Concatenate()([keras.layers.Reshape((-1, STEMS * BANDS))(masks), begin]))


def losses(true, told):  # type: ignore[no-untyped-def]
    """Return (signal, detail, beginnings): what is to be made small.

    With mask m the error in a band is |m X - S|² = m² |X|² - 2 m Re(X* S) + |S|²: its sum over an excerpt, as a share
    of the stem's energy, in bels, is `signal`. In `detail` quiet moments count nearly as much as loud ones.
    """
    shape = (*ops.shape(told)[:2], STEMS, BANDS)
    at = STEMS * BANDS
    masks, logits = ops.reshape(told[..., :at], shape), told[..., at:]
    stems, products = ops.reshape(true[..., :at], shape), ops.reshape(true[..., at : 2 * at], shape)
    mix, begun = true[..., 2 * at : 2 * at + BANDS][:, :, None], true[..., 2 * at + BANDS :]
    error = ops.maximum(masks * masks * mix - 2 * masks * products + stems, 0.0)
    energy, loudness = ops.sum(stems, (1, 3)), ops.sum(mix, (1, 3))
    least = LEAK * loudness + 1e-9
    signal = ops.mean(ops.log10((ops.sum(error, (1, 3)) + 0.1 * least) / (energy + least)))
    weights = (mix + 1e-3 * ops.mean(mix, (1, 3), keepdims=True) + 1e-12) ** -0.75
    detail = ops.mean(ops.sum(error * weights, (1, 2, 3)) / (ops.sum(mix * weights, (1, 2, 3)) + 1e-3))  # silence
    unsure = ops.relu(logits) - logits * begun + ops.log1p(ops.exp(-ops.abs(logits)))
    beginnings = ops.mean(ops.where(begun == UNDECIDED, 0.0, unsure))
    return signal, detail, beginnings


def loss(true, told):  # type: ignore[no-untyped-def]
    """Return the sum of `losses`, weighted."""
    signal, detail, beginnings = losses(true, told)
    return signal + detail + BEGIN_WEIGHT * beginnings


def weights(model: keras.Model) -> dict[str, Array]:
    """Return the arrays by the names that `Ear` takes them by."""
    named = {}
    for layer in model.layers:
        parts = ("kernel", "recurrent_kernel", "bias") if isinstance(layer, keras.layers.GRU) else ("kernel", "bias")
        for part, array in zip(parts, layer.get_weights(), strict=False):
            named[f"{layer.name}.{part}"] = np.asarray(array)
    named["first.kernel"] = named["first.kernel"].reshape(-1, named["first.kernel"].shape[-1])
    return named


def pieces(music: Path, rng: np.random.Generator) -> list[Piece]:
    """Return every song of a folder as it is, and once with stems of others instead of two of its own."""
    songs = [Song(folder.parent) for folder in sorted(music.glob("*/truth.json"))]
    found = []
    for song in songs:
        others = [song] + [songs[index] for index in rng.integers(len(songs), size=STEMS - 1)]
        for chosen in ([song] * STEMS, [others[index] for index in rng.permutation(STEMS)]):
            powers, told = take_in(dict(enumerate(chosen)), rng, vary=True)
            found.append((compressed(powers), told))
    return found


def train(model: keras.Model, excerpts: Excerpts, batches: int, path: Path) -> None:
    """Train for so many batches, and write the weights now and then."""
    rate = keras.optimizers.schedules.CosineDecay(0.0, batches, warmup_target=FASTEST, warmup_steps=batches // 20)
    model.compile(keras.optimizers.Adam(rate, clipnorm=CLIP), loss)
    for index in range(1, batches + 1):
        value = model.train_on_batch(*excerpts.batch(BATCH))
        if index % REPORT == 0 or index == batches:
            sys.stderr.write(f"{index} {value:.4f}\n")
            model.reset_metrics()
            save_file({name: array.astype(np.float16) for name, array in weights(model).items()}, path)


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("music", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--batches", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    keras.utils.set_random_seed(given.seed)
    rng = np.random.default_rng(given.seed)
    excerpts = Excerpts(pieces(given.music, rng), round(EXCERPT_S / BLOCK_S), rng)
    train(ear(), excerpts, given.batches, given.output)


if __name__ == "__main__":
    main()
