"""StyleGAN3's synthesis network, T and R (Karras et al. 2021, arXiv:2106.12423)."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from avserver.canvas import SQUARE, Canvas
from avserver.generator import filters
from avserver.generator.architecture import StyleGAN3Config
from avserver.generator.architecture.stylegan3 import FilteredLayer
from avserver.generator.arrays import power, transposed
from avserver.generator.backend import ops, stage
from avserver.generator.bending import NO_BENDS, Bending, Place
from avserver.generator.checkpoint import Tensors
from avserver.generator.fourier_features import FourierFeatures
from avserver.generator.layers import EPSILON, GAIN, Style, ToRGB, clamped
from avserver.generator.mapping_network import leaky_relu
from avserver.generator.passage import Passage

Tensor = Any
Noise = tuple[Tensor, Tensor]
Develop = Callable[[Tensor], Tensor]

NO_FILTER = np.ones(1, np.float32)


class FilteredConvolution:
    """A modulated convolution and a leaky ReLU at a higher rate, which is what keeps it from aliasing (figure 4b).

    Drawn in steps, so that a backend may compile those around the convolution by themselves:
    x scaled by the style → `pad` → `convolve` → `level` (demodulation, bias) → `surround` → `activate` (upsampling,
    leaky ReLU) → `shrink_rows` → `shrink_columns`.
    """

    LEARNT = ("weight", "bias", "gain")
    PARTS = ("style",)
    index = 0  # of its w

    @staticmethod
    def kernel(tensors: Tensors, name: str) -> filters.Array:
        """Return the weights as they are convolved with: (rows, columns, in, out), each output of unit power."""
        weight = transposed(tensors[f"synthesis.{name}.weight"], (2, 3, 1, 0))
        inputs = float(np.prod(weight.shape[:3]))
        normalised: filters.Array = weight / (power(weight, (0, 1, 2)) / inputs) ** 0.5
        return normalised

    def __init__(
        self, tensors: Tensors, layer: FilteredLayer, *, precision: str, clamp: float, canvas: Canvas = SQUARE
    ) -> None:
        at = f"synthesis.{layer.name}"
        self.name = layer.name
        self.layer = layer
        self.precision = precision
        self.clamp = clamp
        self.style = Style(tensors, at)
        weight = self.kernel(tensors, layer.name)
        self.power = power(weight, (0, 1))  # (in, out), for the demodulation
        self.weight = weight
        self.bias = tensors[f"{at}.bias"] * GAIN
        # The leaky ReLU's gain, and the one that brings the input to unit variance as it was in training.
        self.gain = np.float32(GAIN / np.sqrt(tensors[f"{at}.magnitude_ema"]))
        up_filter = tensors[f"{at}.up_filter"] if layer.up_taps > 1 else NO_FILTER
        width, height = canvas.samples(layer.inner_rate, layer.inner_size)
        self.upsampling = filters.Upsampling(up_filter, layer.up, layer.lead, (height, width))
        down_filter = tensors[f"{at}.down_filter"] if layer.down_taps > 1 else NO_FILTER
        self.down_terms = filters.separable_terms(down_filter)

    def modulation(self, w: Tensor) -> tuple[Tensor, Tensor]:
        """w (n, w_dim) to the scales before the convolution (n, in) and behind it (n, out)."""
        style = self.style(w)
        style = style * ops.rsqrt(ops.mean(ops.square(style), axis=1, keepdims=True))
        return style, self.gain * ops.rsqrt(ops.matmul(ops.square(style), self.power) + EPSILON)

    def pad(self, x: Tensor) -> Tensor:
        """Surround x (n, H, W, in) with as many zeros as the convolution can reach, in the convolution's precision."""
        reach = [self.layer.kernel - 1] * 2
        return ops.pad(ops.cast(x, self.precision), [[0, 0], reach, reach, [0, 0]])

    def convolve(self, x: Tensor) -> Tensor:
        """Return what `pad` returned, convolved: (n, H + kernel - 1, W + kernel - 1, out)."""
        weight = ops.cast(ops.convert_to_tensor(self.weight), self.precision)
        return ops.conv(x, weight, strides=1, padding="valid", data_format="channels_last")

    def level(self, y: Tensor, demodulation: Tensor) -> Tensor:
        """Return what goes into the nonlinearity, √2 times, in float32."""
        return ops.cast(y, "float32") * demodulation[:, None, None, :] + self.bias

    def surround(self, y: Tensor) -> Tensor:
        """Return y with the zeros around it that upsampling meets."""
        return self.upsampling.surround(y)

    def activate(self, y: Tensor) -> Tensor:
        """Return the leaky ReLU of the upsampled signal: (n, H, W, out)."""
        return clamped(leaky_relu(self.upsampling(y)), self.clamp)

    def shrink_rows(self, y: Tensor) -> tuple[Tensor, ...]:
        """Bring the rows to the target's rate: one tensor for each part of the filter."""
        return tuple(filters.decimate(y, 2, across, self.layer.down) for _, across in self.down_terms)

    def shrink_columns(self, *parts: Tensor) -> Tensor:
        """Bring the columns of what `shrink_rows` returned to the target's rate: (n, H, W, out)."""
        terms = zip(parts, self.down_terms, strict=True)
        return sum(filters.decimate(part, 1, down, self.layer.down) for part, (down, _) in terms)


class Synthesis:
    """ws to a picture.

    Args:
        config, tensors: of a checkpoint.
        precision: of the convolutions, "float32" or "bfloat16"; all else is float32.
        canvas: how far it draws. What the network draws beyond its square follows from the waves of its input, which
            are defined everywhere; `canvas.wide` makes no difference.

    Attributes:
        noisy: no layer takes noise.
    """

    PARTS = ("input", "layers", "torgb")
    noisy = ()

    def __init__(
        self, config: StyleGAN3Config, tensors: Tensors, *, precision: str = "float32", canvas: Canvas = SQUARE
    ) -> None:
        self.config = config
        *inner, last = config.filtered_layers
        self.input = FourierFeatures(tensors, config.signals[0], canvas)
        self.layers = [
            FilteredConvolution(tensors, layer, precision=precision, clamp=config.conv_clamp, canvas=canvas)
            for layer in inner
        ]
        for i, layer in enumerate(self.layers, start=1):
            layer.index = i
        self.torgb_name = last.name
        at = f"synthesis.{last.name}"
        gain = 1 / float(np.sqrt(tensors[f"{at}.magnitude_ema"]))
        self.torgb = ToRGB(tensors, at, clamp=config.conv_clamp, gain=gain)
        self.torgb.index = config.num_ws - 1

    def draw(
        self,
        ws: Tensor,
        noise: Mapping[str, Noise],
        bending: Bending = NO_BENDS,
        develop: Develop = lambda image: image,
    ) -> Tensor:
        """Return develop(image), the image (n, H, W, 3) in float32, nominally in [-1, 1].

        Args:
            ws: (n, num_ws, w_dim).
            noise: is not asked for.
            bending: what is done to which layer; affine bends of all of the layer `input` move the whole picture,
                exactly. The last layer has no nonlinearity: before and after it are the same.
            develop: what becomes of the finished image, compiled with the last layer.
        """
        modulations, colours, matrices = stage(self._styles)(ws, bending.matrix("input"))
        way = Passage(matrices)
        way.then(lambda matrices: (self.input.waves(matrices),))
        way.become(ops.matmul(way.cut()[0], ops.convert_to_tensor(self.input.weight)))
        _bend(way, bending, "input")
        for layer, (style, demodulation) in zip(self.layers, modulations, strict=True):
            _convolve(way, layer, style, demodulation, bending)
        way.then(lambda x: (self.torgb(x, colours) * self.config.output_scale,))
        _bend(way, bending, self.torgb_name, "before")
        _bend(way, bending, self.torgb_name)
        way.then(lambda image: (develop(image),))
        return way.cut()[0]

    def _styles(self, ws: Tensor, bend: Tensor | None) -> tuple[list[tuple[Tensor, Tensor]], Tensor, Tensor]:
        """Return every layer's modulation, the colours' weights, and where the input's waves are looked at."""
        modulations = [layer.modulation(ws[:, layer.index]) for layer in self.layers]
        return modulations, self.torgb.modulated(ws[:, -1]), self.input.matrices(ws[:, 0], bend)


def _convolve(way: Passage, layer: FilteredConvolution, style: Tensor, demodulation: Tensor, bending: Bending) -> None:
    way.then(lambda x: (layer.pad(x * style[:, None, None, :]),))
    way.become(layer.convolve(way.cut()[0]))
    way.then(lambda y: (layer.level(y, demodulation),))
    _bend(way, bending, layer.name, "before")
    way.then(lambda y: (layer.surround(y),))
    way.cut()
    way.then(lambda y: (layer.activate(y),))
    way.cut()
    way.then(layer.shrink_rows)
    way.cut()
    way.then(lambda *parts: (layer.shrink_columns(*parts),))
    _bend(way, bending, layer.name)


def _bend(way: Passage, bending: Bending, layer: str, place: Place = "after") -> None:
    for step in bending.steps(layer, place):
        way.then(lambda x, step=step: (step(x),), alone=step.looks_around)
