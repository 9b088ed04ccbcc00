"""Ear: a small recurrent network that hears how much of each band belongs to which stem, and what begins.

It is trained by `avserver.training.ear`; here it takes one step at a time, in numpy.
"""

from collections.abc import Mapping
from functools import cache

import numpy as np
import numpy.typing as npt

from avserver.analysis.network import Dense, Gru, Vector, load_weights, sigmoid
from avserver.bundled import bundled
from avserver.errors import ModelError

SOURCES = ("drums", "bass", "melody")  # into which the mix is split
# What the network tells the beginning of: in the mix, in each stem, and of three drums.
BEGINNINGS = ("mix", "drums", "bass", "melody", "kick", "snare", "hat")

LINEAR_BANDS, GEOMETRIC_BANDS = 48, 48
BANDS = LINEAR_BANDS + GEOMETRIC_BANDS
LOWEST_WIDTH_HZ = 44_100 / 2048  # a bass and a bass drum are told apart within a few of these
HIGHEST_HZ = 22_050.0

SHARPEST = 3  # steps that the first layer sees at once: the rise at a beginning is in them
LEVEL_S = 3.0  # the loudness that a step is compared with is the mean of about this long
QUIETEST = 1e-8  # power (-80 dB) that counts as silence
FAINTEST = 1e-5  # of the mean power: what a band has below it is not looked at


def centres_hz() -> npt.NDArray[np.float64]:
    """Return (BANDS,) centres: one bin of a 2048 window each up to 1 kHz, then a good semitone apart."""
    low = LOWEST_WIDTH_HZ * np.arange(LINEAR_BANDS)
    steps = np.arange(GEOMETRIC_BANDS + 1) / GEOMETRIC_BANDS
    high = low[-1] * (HIGHEST_HZ / low[-1]) ** steps
    return np.concatenate([low, high[1:]])


def band_weights(hz: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Return (BANDS, n): how much a bin of that frequency is of each band; triangles that add up to 1 in every bin."""
    centres = centres_hz()
    return np.stack([np.interp(hz, centres, row) for row in np.eye(BANDS)]).astype(np.float32)


class Features:
    """Band powers as the network takes them: logarithms, by the mean power of the last LEVEL_S.

    So it does not matter how loud the music is turned.

    Args:
        step_s: seconds between two calls.
        shape: of what leads the bands, for batches.
    """

    _sum: npt.NDArray[np.float64]
    _count: float

    def __init__(self, step_s: float, shape: tuple[int, ...] = ()) -> None:
        self._keep = float(np.exp(-step_s / LEVEL_S))
        self._shape = shape
        self.reset()

    def __call__(self, power: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Take the mean power of a bin in each band (..., BANDS), return features of that shape."""
        # Both fade alike, so their quotient is a mean from the first step on.
        self._sum = self._sum * self._keep + power.mean(axis=-1, keepdims=True)
        self._count = self._count * self._keep + 1
        level = np.maximum(self._sum / self._count, QUIETEST)
        return (1 + 0.5 * np.log10(power / level + FAINTEST)).astype(np.float32)  # about 0 and 1 at most

    def reset(self) -> None:
        """Forget how loud it was."""
        self._sum = np.zeros((*self._shape, 1))
        self._count = 0.0


class Ear:
    """The network, step by step.

    Args:
        weights: arrays by name: `first`, `split` and `begin` (kernel, bias) and GRUs `gru1`, `gru2` … (kernel,
            recurrent_kernel, bias), as Keras has them.

    Raises:
        ModelError: when arrays are missing or of the wrong shape.
    """

    def __init__(self, weights: Mapping[str, Vector]) -> None:
        try:
            self._first = Dense(weights["first.kernel"], weights["first.bias"])
            self._split = Dense(weights["split.kernel"], weights["split.bias"])
            self._begin = Dense(weights["begin.kernel"], weights["begin.bias"])
            self._grus = [
                Gru(*(weights[f"gru{index}.{part}"] for part in ("kernel", "recurrent_kernel", "bias")))
                for index in range(1, 1 + sum(name.endswith("recurrent_kernel") for name in weights))
            ]
        except KeyError as err:
            raise ModelError(f"the ear's weights lack {err}") from err
        shapes = weights["first.kernel"].shape[0], weights["split.bias"].size, weights["begin.bias"].size
        wanted = SHARPEST * BANDS, len(SOURCES) * BANDS, len(BEGINNINGS)
        if shapes != wanted:
            raise ModelError(f"the ear's weights are for (features, masks, beginnings) of {shapes}, need {wanted}")
        self.reset()

    def __call__(self, features: npt.NDArray[np.float32]) -> tuple[Vector, Vector]:
        """Take (BANDS,) features of the next step.

        Returns:
            masks (3, BANDS) in [0, 1] that sum to 1 in every band, and the likelihood that each of BEGINNINGS began
            in the last two steps, in [0, 1].
        """
        self._seen[:-1] = self._seen[1:]
        self._seen[-1] = features
        heard = np.tanh(self._first(self._seen.ravel()))
        for gru in self._grus:
            heard = heard + gru(heard)
        return shares(self._split(heard).reshape(len(SOURCES), BANDS)), sigmoid(self._begin(heard))

    def reset(self) -> None:
        """Back to the state before the first step."""
        self._seen = np.zeros((SHARPEST, BANDS), np.float32)
        for gru in self._grus:
            gru.reset()


def shares(logits: Vector) -> Vector:
    """Return the softmax over the first axis."""
    grown = np.exp(logits - logits.max(axis=0))
    return np.asarray(grown / grown.sum(axis=0), np.float32)


@cache
def bundled_weights() -> Mapping[str, Vector]:
    """Return the weights that come with avserver, as float32. Raises ModelError when they cannot be read."""
    return {
        name: array.astype(np.float32) for name, array in load_weights(bundled("models", "ear.safetensors")).items()
    }
