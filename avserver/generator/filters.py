"""FIR resampling of pictures and activations: doubling, and the blur that follows a strided transposed convolution.

StyleGAN2 smooths with the binomial filter [1, 3, 3, 1] wherever it changes resolution (arXiv:1912.04958, appendix B;
after Zhang, arXiv:1904.11486), with zeros beyond the borders. Pictures are (n, H, W, C). Written as sums of shifted
slices, which a compiler fuses with what comes before and after.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from avserver.generator.backend import ops

Tensor = Any
Array = npt.NDArray[np.float32]

DOUBLING_GAIN = 4.0  # zeros between the samples take three quarters of the brightness away


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
    return _slice(ops.pad(x, padding), axis, offset, size)


def _slice(x: Tensor, axis: int, offset: int, size: int) -> Tensor:
    index = [slice(None)] * len(x.shape)
    index[axis] = slice(offset, offset + size)
    return x[tuple(index)]


def blur_doubled(x: Tensor, kernel: Array) -> Tensor:
    """Smooth what a transposed convolution (3 by 3, stride 2) made: x (n, 2H + 1, 2W + 1, C) to (n, 2H, 2W, C)."""
    padded = ops.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]])
    for axis, taps in zip((1, 2), separate(kernel * DOUBLING_GAIN), strict=True):
        # A convolution meets its taps in reverse.
        shifted = [_slice(padded, axis, i, x.shape[axis] - 1) for i in range(len(taps))]
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
