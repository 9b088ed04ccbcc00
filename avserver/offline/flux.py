"""The onset strengths of a whole song at once: what `analysis.flux` gives hop by hop."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from avserver.analysis.flux import COMPRESSION, FLOOR, PEAK_HALF_LIFE_S, RIPPLE, look_back_hops, range_weights
from avserver.analysis.spectrum import Magnitudes, Spectrum
from avserver.audio.source import Samples
from avserver.framework import ops
from avserver.offline.spectrogram import blocks

Flux = npt.NDArray[np.float32]


def normalised_flux(
    samples: Samples,
    sample_rate: int,
    ranges_hz: Mapping[str, tuple[float, float]],
    *,
    window: int = 1024,
    hop: int = 256,
) -> Flux:
    """Return (n // hop, ranges) in [0, 1]: the flux of each range by the highest that was heard lately.

    Args:
        samples: (n,) in [-1, 1].
        sample_rate: samples per second (Hz).
        ranges_hz: half-open range (Hz) by name.
        window: samples a spectrum looks at.
        hop: samples between two spectra.
    """
    weights = range_weights(Spectrum(sample_rate, window=window, hop=hop), ranges_hz)
    look_back = look_back_hops(hop / sample_rate)
    before = np.zeros((look_back, weights.shape[1]), np.float32)
    values = [np.zeros((0, len(ranges_hz)), np.float32)]
    for real, imaginary in blocks(samples, window=window, hop=hop):
        magnitudes = ops.sqrt(real * real + imaginary * imaginary)
        heard = np.concatenate([before, ops.convert_to_numpy(ops.log1p(COMPRESSION * magnitudes))])
        before = heard[-look_back:]
        values.append(_flux(heard, weights, look_back))
    return _by_lately(np.concatenate(values), 0.5 ** (hop / sample_rate / PEAK_HALF_LIFE_S))


def _flux(heard: Magnitudes, weights: Magnitudes, look_back: int) -> Flux:
    """Return (rows, ranges) from the compressed magnitudes of `look_back` hops and the rows."""
    rows = len(heard) - look_back
    highest = heard[:rows].copy()
    for by in range(1, look_back):
        np.maximum(highest, heard[by : by + rows], out=highest)
    now = heard[look_back:]
    rise = np.maximum(now - highest, 0)
    rise -= np.float32(RIPPLE) * now
    return np.maximum(rise @ weights.T, 0)


def _by_lately(values: Flux, fade: float) -> Flux:
    """Divide by a peak that fades: in the logarithm a straight line, so that a running maximum is all it needs."""
    line = np.log(fade) * np.arange(len(values))[:, None]
    peaks = np.exp(np.maximum.accumulate(np.log(np.maximum(values, FLOOR).astype(float)) - line, axis=0) + line)
    return (values / np.maximum(peaks, FLOOR)).astype(np.float32)
