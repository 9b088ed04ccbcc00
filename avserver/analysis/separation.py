"""Separation: the mix taken apart into drums, bass and melody while it plays.

The spectrum is one of its own: its window is long towards the past, so that low notes can be told apart, and short
towards the present, so that the stems can be heard again after 23 ms (after Mauler and Martin, "A low delay,
variable resolution, perfect reconstruction spectral analysis-synthesis system", EUSIPCO 2007).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from avserver.analysis.ear import SOURCES, Ear, Features, band_weights, bundled_weights
from avserver.analysis.network import Vector
from avserver.analysis.spectrum import Bins, hann

RATE = 44_100  # the network's; at others the bands keep their frequencies
BLOCK_S = 512 / RATE  # 11.6 ms between two spectra
BLOCKS = 4  # a window sees this many


@dataclass(frozen=True, slots=True)
class Separated:
    """One spectrum taken apart.

    Attributes:
        bins: (n,) complex, the mix; a full-scale sine on a bin has magnitude 1 there.
        masks: (3, n) in [0, 1]: the share of each of SOURCES, summing to 1 in every bin.
        begun: likelihood of each of BEGINNINGS, in [0, 1].
    """

    bins: npt.NDArray[np.complex64]
    masks: Vector
    begun: Vector

    @property
    def magnitudes(self) -> Vector:
        """(3, n): of each stem."""
        return self.masks * np.abs(self.bins)


class Frames(Bins):
    """What is the same for every spectrum of a sample rate: block, windows, frequencies and bands.

    Attributes:
        block: samples between two spectra, a power of two near BLOCK_S.
        window: (4 * block,) of the analysis.
        tail: (2 * block,) of the synthesis, over the newest two blocks.
        hz: (n,) centre of each bin.
        bands: (BANDS, n), see `band_weights`.
        to_bands: (n, BANDS): powers times this are the mean power of a bin in each band.
        power_of_square: the sum of a spectrum's squared magnitudes times this is the mean power of its samples.
    """

    def __init__(self, sample_rate: int) -> None:
        block = 2 ** max(4, round(np.log2(BLOCK_S * sample_rate)))
        length = BLOCKS * block
        super().__init__(sample_rate, length)
        self.block = block
        slow, quick = np.sqrt(hann(2 * (length - self.block))), np.sqrt(hann(2 * self.block))
        shape = np.concatenate([slow[: length - self.block], quick[self.block :]])
        scale = 2 / shape.sum()  # a real sine has half its amplitude in a bin
        self.window: Vector = (shape * scale).astype(np.float32)
        newest = shape[-2 * self.block :]
        # Analysis times synthesis is a Hann window, which adds up to 1.
        self.tail: Vector = (hann(2 * self.block) / (newest * scale)).astype(np.float32)
        self.bands = band_weights(self.hz)
        self.to_bands = np.ascontiguousarray((self.bands / np.maximum(self.bands.sum(axis=1, keepdims=True), 1)).T)
        self.power_of_square = float(2 / length / np.sum(self.window.astype(np.float64) ** 2))

    def spectra(self, sound: npt.NDArray[np.float32]) -> npt.NDArray[np.complex64]:
        """Return (..., frames, n) of sound (..., samples): one for every position of the window, a block apart."""
        views = np.lib.stride_tricks.sliding_window_view(sound, self.window.size, axis=-1)[..., :: self.block, :]
        return np.fft.rfft(views * self.window).astype(np.complex64, copy=False)


class Separator:
    """Streaming separation.

    Args:
        sample_rate: samples per second (Hz).
        weights: the ear's; those that come with avserver when None.

    Attributes:
        frames: windows and bands, for `Resynthesis` and for what looks at the stems.
    """

    _filled: int

    def __init__(self, sample_rate: int = RATE, weights: Mapping[str, Vector] | None = None) -> None:
        self.frames = Frames(sample_rate)
        self._ear = Ear(bundled_weights() if weights is None else weights)
        self._features = Features(self.frames.block / sample_rate)
        self.reset()

    def __call__(self, samples: npt.NDArray[np.float32]) -> Iterator[Separated]:
        """Take samples, as many as there are; yield what is separated at the end of every block that they fill."""
        block = self.frames.block
        while samples.size:
            taken, samples = np.split(samples, [block - self._filled])
            start = self._heard.size - block + self._filled
            self._heard[start : start + taken.size] = taken
            self._filled += taken.size
            if self._filled == block:
                yield self._separated()
                self._heard[:-block] = self._heard[block:]
                self._filled = 0

    def reset(self) -> None:
        """Forget all samples."""
        self._heard = np.zeros(self.frames.window.size, np.float32)
        self._filled = 0
        self._ear.reset()
        self._features.reset()

    def _separated(self) -> Separated:
        bins = self.frames.spectra(self._heard)[0]
        power = bins.real**2 + bins.imag**2
        masks, begun = self._ear(self._features(power @ self.frames.to_bands))
        return Separated(bins, masks @ self.frames.bands, begun)


class Resynthesis:
    """The stems as sound again, by overlap-add.

    What comes out is late by `delay` samples: together with the hop that has to be waited for, 23 ms.

    Args:
        frames: the separator's.
        hop: samples that are taken and given at once.

    Attributes:
        delay: the first sample that went in comes out after this many others.
    """

    _ready: Vector
    _overlap: Vector

    def __init__(self, frames: Frames, hop: int = 256) -> None:
        self._frames, self._hop = frames, hop
        self._waiting = max(0, frames.block - hop)  # until the first block is complete, if hops are shorter
        self.delay = frames.block + self._waiting
        self.reset()

    def __call__(self, separated: Iterable[Separated]) -> npt.NDArray[np.float32]:
        """Take what was separated in a hop, return (3, hop) samples of SOURCES."""
        for frame in separated:
            self._ready = np.concatenate([self._ready, self._next_block(frame)], axis=1)
        given, self._ready = np.split(self._ready, [self._hop], axis=1)
        return given

    def reset(self) -> None:
        """Back to silence."""
        self._ready = np.zeros((len(SOURCES), self._waiting), np.float32)
        self._overlap = np.zeros((len(SOURCES), self._frames.block), np.float32)

    def _next_block(self, frame: Separated) -> npt.NDArray[np.float32]:
        """Return the block that no later spectrum adds to."""
        block = self._frames.block
        sound = np.fft.irfft(frame.masks * frame.bins)[:, -2 * block :].astype(np.float32) * self._frames.tail
        done: Vector = self._overlap + sound[:, :block]
        self._overlap = sound[:, block:]
        return done
