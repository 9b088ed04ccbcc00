"""StyleGAN2's synthesis network, skip architecture (Karras et al. 2020, arXiv:1912.04958, figure 7b)."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from avserver.errors import ModelError, nearest
from avserver.generator import filters
from avserver.generator.architecture import StyleGAN2Config
from avserver.generator.backend import ops, stage
from avserver.generator.bending import Places, find_places, warp
from avserver.generator.checkpoint import Tensors
from avserver.generator.layers import Convolution, ToRGB

Tensor = Any
# Fields (k, R, R) and their coefficients (k,); a layer's noise is their weighted sum.
Noise = tuple[Tensor, Tensor]


class Block:
    """The layers of one resolution: conv0 (doubles; not in the first), conv1, and the share of the picture."""

    def __init__(self, config: StyleGAN2Config, tensors: Tensors, resolution: int, precision: str) -> None:
        self.name = f"b{resolution}"
        self.resolution = resolution
        self.convolutions = [
            Convolution(tensors, name, precision=precision) for name in config.convolutions(resolution)
        ]
        self.torgb = ToRGB(tensors, f"synthesis.{self.name}.torgb")
        self._filter = tensors.get(f"synthesis.{self.name}.resample_filter", filters.binomial_filter())

    def paint(self, x: Tensor, colour: Tensor, image: Tensor | None) -> Tensor:
        """Return the picture so far: the blocks' before, doubled, and this block's share of it.

        Args:
            x: (n, R, R, channels).
            colour: (n, channels, 3), see `ToRGB`.
            image: (n, R / 2, R / 2, 3), None in the first block.
        """
        rgb = self.torgb(x, colour)
        return rgb if image is None else filters.double(image, self._filter) + rgb


class Synthesis:
    """ws to a picture.

    Args:
        config, tensors: of a checkpoint.
        bent_layers: names of the blocks that `draw` is given a warp for (`b32`).
        precision: of the convolutions, "float32" or "bfloat16"; all else is float32.

    Raises ModelError for a bent layer that the model doesn't have.
    """

    def __init__(
        self,
        config: StyleGAN2Config,
        tensors: Tensors,
        *,
        bent_layers: tuple[str, ...] = (),
        precision: str = "float32",
    ) -> None:
        for layer in bent_layers:
            if layer not in config.blocks:
                raise ModelError(f"the model has no layer {layer!r}, {nearest(layer, config.blocks)}")
        self.config = config
        self.bent_layers = bent_layers
        self.precision = precision
        self.blocks = [Block(config, tensors, r, precision) for r in config.resolutions]
        self.const = np.ascontiguousarray(tensors["synthesis.b4.const"].transpose(1, 2, 0))[None]

    @property
    def convolutions(self) -> list[Convolution]:
        """All convolutions, in the order of their ws."""
        return [conv for block in self.blocks for conv in block.convolutions]

    def draw(
        self,
        ws: Tensor,
        noise: Mapping[str, Noise],
        matrices: Tensor = None,
        develop: Callable[[Tensor], Tensor] = lambda image: image,
    ) -> Tensor:
        """Return develop(image), the image (n, H, W, 3) in float32, nominally in [-1, 1].

        Args:
            ws: (n, num_ws, w_dim).
            noise: by the convolution's name; one that is not named gets none.
            matrices: (len(bent_layers), 2, 3), see `bending.compose`; None bends nothing.
            develop: what becomes of the finished image, compiled with the last layer.
        """
        styles, demodulations, colours = stage(self._styles)(ws)
        bends = {} if matrices is None else stage(self._find_bends)(matrices)
        styles.append(None)  # nothing is convolved after the last block
        x, image, i = stage(self._begin)(ops.convert_to_tensor(self.const), styles[0]), None, 0
        for block, colour in zip(self.blocks, colours, strict=True):
            for conv in block.convolutions[:-1]:
                finish = stage(self._finish_convolution(conv))
                x = finish(conv.convolve(x), demodulations[i], noise.get(conv.name), styles[i + 1])
                i += 1
            conv = block.convolutions[-1]
            drawn = (conv.convolve(x), demodulations[i], noise.get(conv.name), colour, image)
            i += 1
            extend, hand_on = self._extend(block), self._hand_on(block, develop)
            if block.name in bends:
                # Apart, or what is warped would be computed anew for each of the samples that it is taken from.
                x, image = stage(hand_on)(*stage(extend)(*drawn), styles[i], bends[block.name])
            else:
                x, image = stage(_in_turn(extend, hand_on))(drawn, (styles[i], None))
        return image

    def _begin(self, const: Tensor, style: Tensor) -> Tensor:
        return ops.cast(const * style[:, None, None, :], self.precision)

    def _styles(self, ws: Tensor) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        """Return every convolution's style and demodulation, and every block's colour weights."""
        styles = [conv.style(ws[:, i]) for i, conv in enumerate(self.convolutions)]
        demodulations = [conv.demodulation(style) for conv, style in zip(self.convolutions, styles, strict=True)]
        # A block's colours share their w with the next block's first convolution.
        colours = [block.torgb.modulated(ws[:, 2 * i + 1]) for i, block in enumerate(self.blocks)]
        return styles, demodulations, colours

    def _find_bends(self, matrices: Tensor) -> dict[str, Places]:
        size = {block.name: block.resolution for block in self.blocks}
        return {layer: find_places(matrices[i], size[layer]) for i, layer in enumerate(self.bent_layers)}

    def _finish_convolution(self, conv: Convolution) -> Callable[..., Tensor]:
        def finish(y: Tensor, demodulation: Tensor, noise: Noise | None, next_style: Tensor) -> Tensor:
            x = conv.activate(y, demodulation, _mix(noise))
            return ops.cast(x * next_style[:, None, None, :], self.precision)

        return finish

    def _extend(self, block: Block) -> Callable[..., tuple[Tensor, Tensor]]:
        """Return what finishes a block: its activations (None after the last block) and the picture so far."""

        def extend(
            y: Tensor, demodulation: Tensor, noise: Noise | None, colour: Tensor, image: Tensor
        ) -> tuple[Tensor, Tensor]:
            x = block.convolutions[-1].activate(y, demodulation, _mix(noise))
            return None if block is self.blocks[-1] else x, block.paint(x, colour, image)

        return extend

    def _hand_on(self, block: Block, develop: Callable[[Tensor], Tensor]) -> Callable[..., tuple[Tensor, Tensor]]:
        """Return what bends a block's activations and picture, and makes them ready for the next block."""

        def hand_on(x: Tensor, image: Tensor, next_style: Tensor, bend: Places | None) -> tuple[Tensor, Tensor]:
            if bend is not None:
                image = warp(image, bend)
                x = None if x is None else warp(x, bend)
            if block is self.blocks[-1]:
                return None, develop(image)
            return ops.cast(x * next_style[:, None, None, :], self.precision), image

        return hand_on


def _in_turn(first: Callable[..., Any], second: Callable[..., Any]) -> Callable[..., Any]:
    return lambda arguments, more: second(*first(*arguments), *more)


def _mix(noise: Noise | None) -> Tensor | None:
    if noise is None:
        return None
    fields, coefficients = noise
    return ops.sum(fields * coefficients[:, None, None], axis=0)
