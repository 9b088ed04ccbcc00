"""FIR resampling of pictures and activations.

StyleGAN2 smooths with the binomial filter [1, 3, 3, 1] wherever it changes resolution (arXiv:1912.04958, appendix B;
after Zhang, arXiv:1904.11486): `double`, and the blurs that follow a strided transposed convolution. StyleGAN3 takes
windowed sincs, and radially symmetric filters, by any whole factor (arXiv:2106.12423, appendix C): `Upsampling` and
`decimate`. Beyond the borders all see zeros.

Pictures are (n, H, W, C). Written as sums of shifted slices, which a compiler fuses with what comes before and after.
Measured on a CPU against oneDNN's depthwise convolutions and products with banded matrices, they are four times
faster and more.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from avserver.errors import ModelError
from avserver.generator.backend import ops

Tensor = Any
Array = npt.NDArray[np.float32]

DOUBLING_GAIN = 4.0  # zeros between the samples take three quarters of the brightness away
NEGLIGIBLE = 1e-5  # a part of a filter this small beside its largest is not seen in a picture


def binomial_filter() -> Array:
    """Return the (4, 4) outer product of [1, 3, 3, 1], its sum 1."""
    taps = np.array([1.0, 3.0, 3.0, 1.0], np.float32)
    kernel = np.outer(taps, taps)
    return (kernel / kernel.sum()).astype(np.float32)


def separate(kernel: Array) -> tuple[Array, Array]:
    """Return the vertical and horizontal taps whose outer product is `kernel` (of rank one, as the official ones are).

    Raises ValueError if it is none.
    """
    vertical, horizontal = kernel.sum(axis=1), kernel.sum(axis=0) / kernel.sum()
    if not np.allclose(np.outer(vertical, horizontal), kernel, atol=1e-5 * np.abs(kernel).max()):
        raise ValueError("a resampling filter is the outer product of its rows' and columns' sums, got another")
    return vertical.astype(np.float32), horizontal.astype(np.float32)


def double(x: Tensor, kernel: Array) -> Tensor:
    """Return x (n, H, W, C) at twice its size, filtered with `kernel` (4, 4): (n, 2H, 2W, C)."""
    vertical, horizontal = separate(kernel * DOUBLING_GAIN)
    return _double_axis(_double_axis(x, vertical, 1), horizontal, 2)


def _double_axis(x: Tensor, taps: Array, axis: int) -> Tensor:
    # Of the four taps, every output sample meets the two that lie on samples and not on the zeros between them.
    size = x.shape[axis]
    before, here, after = (_shift(x, axis, offset, size) for offset in (0, 1, 2))
    even = before * float(taps[3]) + here * float(taps[1])
    odd = here * float(taps[2]) + after * float(taps[0])
    shape = list(x.shape)
    shape[axis] = 2 * size
    return ops.reshape(ops.stack([even, odd], axis=axis + 1), shape)


def _shift(x: Tensor, axis: int, offset: int, size: int) -> Tensor:
    """Return the `size` samples of x from `offset` on, counted in x with one zero before and after."""
    padding = [[0, 0] for _ in x.shape]
    padding[axis] = [1, 1]
    return sliced(ops.pad(x, padding), axis, offset, size)


def sliced(x: Tensor, axis: int, offset: int, size: int, step: int = 1) -> Tensor:
    """Return `size` samples of x along an axis, from `offset` on, every `step`-th."""
    index = [slice(None)] * len(x.shape)
    index[axis] = slice(offset, offset + (size - 1) * step + 1, step)
    return x[tuple(index)]


def blur_doubled(x: Tensor, kernel: Array) -> Tensor:
    """Smooth what a transposed convolution (3 by 3, stride 2) made: x (n, 2H + 1, 2W + 1, C) to (n, 2H, 2W, C)."""
    padded = ops.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]])
    for axis, taps in zip((1, 2), separate(kernel * DOUBLING_GAIN), strict=True):
        # A convolution meets its taps in reverse.
        shifted = [sliced(padded, axis, i, x.shape[axis] - 1) for i in range(len(taps))]
        padded = sum(float(tap) * part for tap, part in zip(taps[::-1], shifted, strict=True))
    return padded


def blur_depthwise(x: Tensor, kernel: Array) -> Tensor:
    """Do what `blur_doubled` does as one convolution, but for a last row and column more that are to be cut off."""
    weight = np.repeat(kernel[::-1, ::-1, None, None] * DOUBLING_GAIN, x.shape[-1], axis=2).astype(np.float32)
    weight = ops.cast(ops.convert_to_tensor(weight), x.dtype)
    # Of the three zeros that make the size the same, one lies before and two behind.
    return ops.depthwise_conv(x, weight, strides=1, padding="same", data_format="channels_last")


def combine(weight: Array, kernel: Array) -> Array:
    """Fold the blur into a transposed convolution: one 3 by 3 convolution that yields the four phases of its output.

    Args:
        weight: (3, 3, in, out), as the transposed convolution takes it, in the order of its output's rows and columns.
        kernel: (4, 4) resampling filter.

    Returns:
        (3, 3, in, 4 * out), whose channels `interleave` spreads over twice the height and width. It takes four times
        the multiplications, and one pass through memory less.
    """
    rows, columns = weight.shape[:2]
    wide = np.zeros((6, 6, *weight.shape[2:]), np.float32)
    for (i, j), tap in np.ndenumerate(kernel * DOUBLING_GAIN):
        # Output sample o meets input i through the tap o - 2 i = -2 … 3; kernel[::-1, ::-1] slides over the rows.
        wide[i : i + rows, j : j + columns] += tap * weight
    phases = [wide[4 + a :: -2, 4 + b :: -2][:3, :3] for a in (0, 1) for b in (0, 1)]
    return np.ascontiguousarray(np.concatenate(phases, axis=3))


def interleave(x: Tensor) -> Tensor:
    """Spread (n, H, W, 4 C), four phases one after the other, over (n, 2H, 2W, C)."""
    n, height, width, channels = x.shape
    x = ops.reshape(x, (n, height, width, 2, 2, channels // 4))
    return ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (n, 2 * height, 2 * width, channels // 4))


@dataclass(frozen=True)
class Upsampling:
    """Zeros put between the samples of a picture, then a separable filter; the brightness is kept.

    Attributes:
        taps: (taps,) of the filter, at the higher rate; of sum 1.
        factor: between the rates.
        lead: how many zeros stand before the first sample at the higher rate; negative: how many samples are cut off.
        size: rows and columns of the result.
    """

    taps: Array
    factor: int
    lead: int
    size: tuple[int, int]

    def surround(self, x: Tensor) -> Tensor:
        """Return x (n, H, W, C) with the zeros around it, and without the samples, that `__call__` wants."""
        first = min(start for start, _ in self._phases())
        stop = max(start + len(taps) for start, taps in self._phases()) - 1
        for axis in (1, 2):
            x = _extent(x, axis, first, stop + self._steps(axis))
        return x

    def __call__(self, x: Tensor) -> Tensor:
        """Return what `surround` returned at the higher rate: (n, rows, columns, C)."""
        return self._along(self._along(x, 1), 2)

    def _steps(self, axis: int) -> int:
        """Return how many samples every phase of the result has, the last one perhaps beyond its end."""
        return -(-self.size[axis - 1] // self.factor)

    def _phases(self) -> list[tuple[int, Array]]:
        """Return, for every place between two samples, the first sample that its filter meets, and its taps there."""
        phases = []
        for phase in range(self.factor):
            # A convolution meets its taps in reverse; of those, every factor-th lies on a sample.
            skipped = (self.lead - phase) % self.factor
            start = (phase + skipped - self.lead) // self.factor
            phases.append((start, self.taps[::-1][skipped :: self.factor] * self.factor))
        return phases

    def _along(self, x: Tensor, axis: int) -> Tensor:
        phases = self._phases()
        first = min(start for start, _ in phases)
        steps = self._steps(axis)
        parts = [_filtered(x, axis, start - first, taps, steps) for start, taps in phases]
        shape = list(x.shape)
        shape[axis] = steps * self.factor
        spread = ops.reshape(ops.stack(parts, axis=axis + 1), shape)
        return sliced(spread, axis, 0, self.size[axis - 1])


def decimate(x: Tensor, axis: int, taps: Array, factor: int) -> Tensor:
    """Filter x (n, H, W, C) along an axis and keep every factor-th sample, of those that see no border."""
    size = (x.shape[axis] - len(taps)) // factor + 1
    return _filtered(x, axis, 0, taps[::-1], size, factor)


def separable_terms(kernel: Array) -> list[tuple[Array, Array]]:
    """Return the vertical and horizontal taps of separable filters whose sum is `kernel`.

    Args:
        kernel: (taps,), meant for both axes, or (taps, taps). StyleGAN3's radial filters of 12 by 12 taps are sums of
            two to four separable ones, but for what is negligible.

    Raises ModelError for a kernel that is zero or not finite.
    """
    if not np.isfinite(kernel).all() or not kernel.any():
        raise ModelError("a resampling filter has finite taps, not all of them 0")
    if kernel.ndim == 1:
        return [(kernel, kernel)]
    verticals, values, horizontals = np.linalg.svd(kernel.astype(np.float64))
    kept = int((values > NEGLIGIBLE * values[0]).sum())
    roots = np.sqrt(values[:kept])
    pairs = zip((verticals[:, :kept] * roots).T, horizontals[:kept] * roots[:, None], strict=True)
    return [(vertical.astype(np.float32), horizontal.astype(np.float32)) for vertical, horizontal in pairs]


def _filtered(x: Tensor, axis: int, start: int, taps: Array, size: int, step: int = 1) -> Tensor:
    """Return the sums over k of taps[k] times sample start + step i + k of x, for i < size."""
    return sum(float(tap) * sliced(x, axis, start + k, size, step) for k, tap in enumerate(taps))


def _extent(x: Tensor, axis: int, first: int, stop: int) -> Tensor:
    """Return the samples first <= i < stop of x; those outside are zeros."""
    size = x.shape[axis]
    kept = sliced(x, axis, max(first, 0), min(stop, size) - max(first, 0))
    padding = [[0, 0] for _ in x.shape]
    padding[axis] = [max(-first, 0), max(stop - size, 0)]
    return ops.pad(kept, padding)


def lowpass(taps: int, cutoff: float, half_width: float, rate: float) -> Array:
    """Design a low-pass filter: a sinc under a Kaiser window, its sum 1 (Kaiser 1974; Oppenheim & Schafer, ch. 7).

    Args:
        taps: how many.
        cutoff, half_width: of the transition band, in the unit of `rate`; the cutoff is its middle.
        rate: at which the filter runs.
    """
    steps = np.arange(taps) - (taps - 1) / 2
    return _normalised(np.sinc(2 * cutoff / rate * steps) * _window(taps, half_width, rate))


def radial_lowpass(taps: int, cutoff: float, half_width: float, rate: float) -> Array:
    """Design a radially symmetric low-pass filter (taps, taps): a jinc under the outer product of a Kaiser window.

    See `lowpass` for the arguments; arXiv:2106.12423, appendix C, has the formula.
    """
    steps = (np.arange(taps) - (taps - 1) / 2) / rate
    phase = 2 * np.pi * cutoff * np.hypot(steps[:, None], steps[None, :])
    # Its limit at the centre, which an odd number of taps meets, is half.
    jinc = np.where(phase > 0, _bessel_j1(phase) / np.where(phase > 0, phase, 1), 0.5)
    window = _window(taps, half_width, rate)
    return _normalised(jinc * np.outer(window, window))


def _normalised(kernel: npt.NDArray[np.float64]) -> Array:
    return (kernel / kernel.sum()).astype(np.float32)


def _window(taps: int, half_width: float, rate: float) -> npt.NDArray[np.float64]:
    """Return the Kaiser window that makes a transition band as wide as this: Kaiser's two empirical formulas."""
    width = 2 * half_width / (rate / 2)  # as a share of the Nyquist frequency
    attenuation_db = 2.285 * (taps - 1) * np.pi * width + 7.95
    if attenuation_db > 50:
        beta = 0.1102 * (attenuation_db - 8.7)
    elif attenuation_db > 21:
        beta = 0.5842 * (attenuation_db - 21) ** 0.4 + 0.07886 * (attenuation_db - 21)
    else:
        beta = 0.0
    return np.kaiser(taps, beta)


def _bessel_j1(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the Bessel function of the first kind, order 1, as its integral over half a turn.

    The midpoint rule is exact to rounding on a periodic function, with a few more points than x.
    """
    points = 32 + math.ceil(float(np.abs(x).max()))
    turn = np.pi * (np.arange(points) + 0.5) / points
    return np.mean(np.cos(turn - x[..., None] * np.sin(turn)), axis=-1)
