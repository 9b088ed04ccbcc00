"""The layers of StyleGAN2's synthesis network, one picture or several at a time (Karras et al. 2020, arXiv:1912.04958).

Modulated convolution as in section 2.2, in its other form: instead of the weights, the activations are scaled by
the style before the convolution, and by the demodulation after it. The convolution's weights then stay the same from
frame to frame, which lets a framework lay them out for the machine once.

Layers hold numpy arrays, which become constants of the compiled program; `ops`, not operators, join them to tensors,
since PyTorch has no gradients where an array meets a tensor by itself. Activations are (n, H, W, C).
"""

from typing import Any

import numpy as np

from avserver.generator import filters
from avserver.generator.arrays import is_plain, power, transposed
from avserver.generator.backend import ops
from avserver.generator.checkpoint import Tensors
from avserver.generator.mapping_network import leaky_relu

Tensor = Any

EPSILON = 1e-8
GAIN = float(np.sqrt(2))  # keeps the variance through a leaky ReLU
# Below this many channels XLA finds nothing to vectorise along them: a blur is twice as fast as a convolution of its
# own, and a matrix product as a sum.
NARROW = 16
HALF_POWER = np.float32(np.sqrt(0.5))  # two ways of equal variance, each times this, sum to the same variance


class Style:
    """The learned affine map from w to the scales of a layer's input channels."""

    LEARNT = ("weight", "bias")

    def __init__(self, tensors: Tensors, name: str, *, gain: float = 1.0) -> None:
        weight = tensors[f"{name}.affine.weight"]
        self.weight = transposed(weight, (1, 0)) * np.float32(gain / np.sqrt(weight.shape[1]))
        self.bias = tensors[f"{name}.affine.bias"] * np.float32(gain)

    def __call__(self, w: Tensor) -> Tensor:
        """w (n, w_dim) to scales (n, channels)."""
        return ops.add(ops.matmul(w, self.weight), self.bias)


class Convolution:
    """A modulated 3 by 3 convolution with noise, bias and leaky ReLU; `conv0` layers double the resolution.

    Drawn in steps, so that a backend may compile those around the convolution by themselves:
    x scaled by the style → `convolve` → `level` (demodulation, noise, bias) → `activate` (leaky ReLU).

    Args:
        clamp: the activations are clamped to ± this; 0 for not at all.

    Attributes:
        name: the official one, `synthesis.b64.conv0`.
        output_gain: by which a positive output is multiplied, beside the √2 that is in everything before.
        resolution: of its output, where that is square (px).
        noise_strength: what the model multiplies noise of unit variance by.
        noise_const: (resolution, resolution) the noise that the model was trained to show when it shall not move.
        index: of its w.
    """

    LEARNT = ("weight", "bias")
    PARTS = ("style",)
    index = 0

    @staticmethod
    def kernel(tensors: Tensors, name: str) -> filters.Array:
        """Return the weights as they are convolved with: (rows, columns, in, out)."""
        return transposed(tensors[f"{name}.weight"], (2, 3, 1, 0))

    def __init__(self, tensors: Tensors, name: str, *, precision: str, clamp: float = 0.0) -> None:
        self.name = name
        self.clamp = clamp
        self.output_gain = np.float32(1.0)
        self.doubles = name.endswith("conv0")
        self.noise_const = tensors[f"{name}.noise_const"]
        self.resolution = self.noise_const.shape[0]
        strength: Tensor = tensors[f"{name}.noise_strength"]
        self.noise_strength: float = float(strength) if is_plain(strength) else strength
        self.style = Style(tensors, name)
        weight = self.kernel(tensors, name)
        self.power = power(weight, (0, 1))  # (in, out), for the demodulation
        self.bias = tensors[f"{name}.bias"] * GAIN
        self.precision = precision
        # In float32 a transposed convolution and a blur are faster; in bfloat16, where multiplications are cheap and
        # memory is not, one convolution with the blur folded in.
        # What learns changes with every step: nothing is folded into it beforehand.
        self.combined = self.doubles and precision == "bfloat16" and is_plain(weight)
        self.blurs_apart = self.doubles and not self.combined and weight.shape[-1] < NARROW
        if self.doubles:
            self.filter = tensors[f"{name}.resample_filter"]
        if self.combined:
            self.weight = filters.combine(weight, self.filter)
        elif self.doubles:
            self.weight = transposed(weight, (0, 1, 3, 2))  # as ops.conv_transpose takes it
        else:
            self.weight = weight

    def demodulation(self, style: Tensor) -> Tensor:
        """style (n, in) to the scales (n, out) that give every output channel unit variance, times the gain."""
        return GAIN * ops.rsqrt(ops.matmul(ops.square(style), self.power) + EPSILON)

    def convolve(self, x: Tensor) -> Tensor:
        """x (n, H, W, in), already scaled by the style, to what `activate` takes."""
        weight = ops.cast(ops.convert_to_tensor(self.weight), self.precision)
        if self.doubles and not self.combined:
            y = ops.conv_transpose(x, weight, strides=2, padding="valid", data_format="channels_last")
            return filters.blur_depthwise(y, self.filter) if self.blurs_apart else y
        return ops.conv(x, weight, strides=1, padding="same", data_format="channels_last")

    def level(self, y: Tensor, demodulation: Tensor, noise: Tensor | None) -> Tensor:
        """Return what goes into the nonlinearity, √2 times: (n, H, W, out), in float32.

        Args:
            y: what `convolve` returned.
            demodulation: (n, out).
            noise: (H, W), or (n, H, W), scaled to the strength it shall have; None for none.
        """
        y = ops.cast(y, "float32")
        if self.combined:
            y = filters.interleave(y)
        elif self.blurs_apart:
            y = y[:, :-1, :-1]
        elif self.doubles:
            y = filters.blur_doubled(y, self.filter)
        y = ops.add(y * demodulation[:, None, None, :], self.bias)
        if noise is not None:
            y = y + (noise * GAIN)[..., None]
        return y

    def activate(self, y: Tensor) -> Tensor:
        """Finish the layer: leaky ReLU, gain and clamp."""
        y = leaky_relu(y)
        if self.output_gain != 1:
            y = y * self.output_gain
        return clamped(y, self.clamp * float(self.output_gain))


class Shortcut:
    """The way round a residual block: a 1 by 1 convolution, then doubling."""

    LEARNT = ("weight",)

    def __init__(self, tensors: Tensors, name: str, kernel: filters.Array) -> None:
        weight = transposed(tensors[f"{name}.weight"][:, :, 0, 0], (1, 0))  # in, out
        self.weight = weight * (HALF_POWER / np.sqrt(np.float32(weight.shape[0])))
        self._kernel = kernel

    def convolve(self, x: Tensor) -> Tensor:
        """x (n, R / 2, R / 2, in) to (n, R / 2, R / 2, out)."""
        return ops.matmul(x, ops.convert_to_tensor(self.weight))

    def double(self, x: Tensor) -> Tensor:
        """Return x at twice its size."""
        return filters.double(x, self._kernel)


class ToRGB:
    """The 1 by 1 convolution from a block's activations to its share of the picture, modulated, not demodulated."""

    LEARNT = ("weight", "bias")
    PARTS = ("style",)
    index = 0  # of its w

    def __init__(self, tensors: Tensors, name: str, *, clamp: float = 0.0, gain: float = 1.0) -> None:
        self.clamp = clamp
        weight = transposed(tensors[f"{name}.weight"][:, :, 0, 0], (1, 0))  # in, rgb
        self.style = Style(tensors, name, gain=gain / np.sqrt(weight.shape[0]))
        self.weight = weight
        self.bias = tensors[f"{name}.bias"]

    def modulated(self, w: Tensor) -> Tensor:
        """Return the weights for w (n, w_dim): (n, in, 3)."""
        return ops.multiply(self.style(w)[:, :, None], self.weight)

    def __call__(self, x: Tensor, weight: Tensor) -> Tensor:
        """x (n, H, W, in) and its modulated weights (n, in, 3) to (n, H, W, 3)."""
        n, height, width, channels = x.shape
        if channels < NARROW:
            rgb = sum(x[..., i : i + 1] * weight[:, None, None, i] for i in range(channels))
        else:
            rgb = ops.matmul(ops.reshape(x, (n, height * width, channels)), weight)
        return clamped(ops.add(ops.reshape(rgb, (n, height, width, 3)), self.bias), self.clamp)


def clamped(x: Tensor, limit: float) -> Tensor:
    """Return x within ± limit; 0 is no limit."""
    return ops.clip(x, -limit, limit) if limit else x
