"""The spectra of a whole song at once, by Keras: what `analysis.spectrum` gives hop by hop."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from avserver.analysis.spectrum import amplitude_window
from avserver.audio.source import Samples
from avserver.errors import AudioError
from avserver.framework import ops

# Spectra that are computed at once. With windows of 1024 samples they take 8 MB, however long the song is.
BLOCK = 2048

Tensor = Any


def spectrogram(samples: Samples, sample_rate: int, *, window: int = 1024, hop: int = 256) -> npt.NDArray[np.complex64]:
    """Return the short-time Fourier transform with a periodic Hann window, looking back only.

    Args:
        samples: (n,) in [-1, 1].
        sample_rate: samples per second (Hz).
        window: samples a spectrum looks at.
        hop: samples between two spectra.

    Returns:
        (n // hop, window // 2 + 1) complex64. Row k ends with sample (k + 1)·hop - 1; before the first sample is
        silence, and a full-scale sine on a bin has magnitude 1 there: all as in `Spectrum`. Column k is the bin at
        k·sample_rate / window.

    Raises:
        AudioError: when `samples` has not one axis, or the window is shorter than the hop.
    """
    _check(samples, window, hop)
    bins = np.empty((samples.size // hop, window // 2 + 1), np.complex64)
    first = 0
    for real, imaginary in blocks(samples, window=window, hop=hop):
        rows = bins[first : first + real.shape[0]]
        rows.real, rows.imag = ops.convert_to_numpy(real), ops.convert_to_numpy(imaginary)
        first += len(rows)
    return bins


def blocks(samples: Samples, *, window: int = 1024, hop: int = 256) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the rows of `spectrogram`, at most BLOCK at a time, as the framework's own (real, imaginary)."""
    _check(samples, window, hop)
    rows = samples.size // hop
    shape = amplitude_window(window)
    before = np.zeros(window - hop, np.float32)
    for first in range(0, rows, BLOCK):
        new = samples[first * hop : min(first + BLOCK, rows) * hop].astype(np.float32, copy=False)
        heard = np.concatenate([before, new])
        before = heard[heard.size - before.size :]
        real, imaginary = ops.stft(
            heard[None], sequence_length=window, sequence_stride=hop, fft_length=window, window=shape, center=False
        )
        yield real[0], imaginary[0]


def _check(samples: Samples, window: int, hop: int) -> None:
    if samples.ndim != 1:
        raise AudioError(f"samples of shape {samples.shape}: one axis is needed, mono sound")
    if not 0 < hop <= window:
        raise AudioError(f"window {window} and hop {hop}: a hop of 1 to {window} is needed")
