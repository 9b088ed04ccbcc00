"""StyleGAN2's synthesis network, skip, original and residual (Karras et al. 2020, arXiv:1912.04958, figure 7)."""

from collections.abc import Callable, Mapping
from typing import Any

from avserver.canvas import SQUARE, Canvas
from avserver.generator import filters
from avserver.generator.architecture import StyleGAN2Config
from avserver.generator.arrays import is_plain, transposed
from avserver.generator.backend import ops, stage
from avserver.generator.bending import NO_BENDS, Bending, Place, Step
from avserver.generator.checkpoint import Tensors
from avserver.generator.layers import HALF_POWER, Convolution, Shortcut, ToRGB
from avserver.generator.passage import Passage, State
from avserver.generator.widening import widened

Tensor = Any
# Fields (k, H, W) and their coefficients (k,); a layer's noise is their weighted sum.
Noise = tuple[Tensor, Tensor]
Develop = Callable[[Tensor], Tensor]


class Block:
    """The layers of one resolution: conv0 (doubles; not in the first), conv1, and the share of the picture."""

    PARTS = ("shortcut", "convolutions", "torgb")

    def __init__(self, config: StyleGAN2Config, tensors: Tensors, resolution: int, precision: str) -> None:
        self.name = f"b{resolution}"
        self.index = 0  # of its first w
        self.resolution = resolution
        at = f"synthesis.{self.name}"
        self.shortcut: Shortcut | None = None
        if config.block_architecture == "resnet" and resolution > 4:
            self.shortcut = Shortcut(tensors, f"{at}.skip", tensors[f"{at}.resample_filter"])
        self.convolutions = [
            Convolution(tensors, name, precision=precision, clamp=config.conv_clamp)
            for name in config.convolutions(resolution)
        ]
        if self.shortcut:
            self.convolutions[-1].output_gain = HALF_POWER
        self.torgb = None
        if config.has_torgb(resolution):
            self.torgb = ToRGB(tensors, f"{at}.torgb", clamp=config.conv_clamp)
        self._filter = tensors.get(f"{at}.resample_filter", filters.binomial_filter())

    def double(self, image: Tensor) -> Tensor:
        """Return the picture (n, R / 2, R / 2, 3) of the blocks before at this block's size."""
        return filters.double(image, self._filter)


class Synthesis:
    """ws to a picture.

    Args:
        config, tensors: of a checkpoint.
        precision: of the convolutions, "float32" or "bfloat16"; all else is float32.
        canvas: how far it draws; its learned constant is made to fill it, and all layers follow.
    """

    LEARNT = ("const",)
    PARTS = ("blocks",)

    def __init__(
        self, config: StyleGAN2Config, tensors: Tensors, *, precision: str = "float32", canvas: Canvas = SQUARE
    ) -> None:
        self.config = config
        self.precision = precision
        self.blocks = [Block(config, tensors, r, precision) for r in config.resolutions]
        for i, conv in enumerate(self.noisy):
            conv.index = i
        for i, block in enumerate(self.blocks):
            block.index = block.convolutions[0].index
            if block.torgb:
                # Colours share their w with the next block's first convolution.
                block.torgb.index = 2 * i + 1
        const = transposed(tensors["synthesis.b4.const"], (1, 2, 0))
        self.const = (widened(const, canvas) if is_plain(const) else const)[None]

    @property
    def noisy(self) -> list[Convolution]:
        """The layers that take noise, in order."""
        return [conv for block in self.blocks for conv in block.convolutions]

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
            noise: by the convolution's name; one that is not named gets none.
            bending: what is done to which layer.
            develop: what becomes of the finished image, compiled with the last layer.
        """
        styles, demodulations, colours = stage(self._styles)(ws)
        # The state: activations, the picture so far, and the way round a residual block.
        way = Passage(ops.convert_to_tensor(self.const), None, None)
        _bend(way, bending, "input")
        i = 0
        for block, colour in zip(self.blocks, colours, strict=True):
            if block.shortcut:
                self._go_round(way, block.shortcut)
            for conv in block.convolutions:
                self._convolve(way, conv, styles[i], demodulations[i], noise.get(conv.name), bending)
                i += 1
            if block.shortcut:
                way.then(lambda x, image, round_: (x + round_, image, None))
            self._paint(way, block, colour, bending)
            _bend_block(way, bending, block)
        way.then(lambda x, image, round_: (develop(image),))
        return way.cut()[0]

    def _styles(self, ws: Tensor) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        """Return every convolution's style and demodulation, and every block's colour weights."""
        styles = [conv.style(ws[:, conv.index]) for conv in self.noisy]
        demodulations = [conv.demodulation(style) for conv, style in zip(self.noisy, styles, strict=True)]
        colours = [block.torgb.modulated(ws[:, block.torgb.index]) if block.torgb else None for block in self.blocks]
        return styles, demodulations, colours

    def _go_round(self, way: Passage, shortcut: Shortcut) -> None:
        x, image, _ = way.cut()
        way.become(x, image, shortcut.convolve(x))
        way.then(lambda x, image, round_: (x, image, shortcut.double(round_)))

    def _convolve(
        self,
        way: Passage,
        conv: Convolution,
        style: Tensor,
        demodulation: Tensor,
        noise: Noise | None,
        bending: Bending,
    ) -> None:
        way.then(lambda x, *rest: (ops.cast(x * style[:, None, None, :], self.precision), *rest))
        x, *rest = way.cut()
        way.become(conv.convolve(x), *rest)
        way.then(lambda y, *rest: (conv.level(y, demodulation, _mix(noise)), *rest))
        layer = conv.name.removeprefix("synthesis.")
        _bend(way, bending, layer, "before")
        way.then(lambda y, *rest: (conv.activate(y), *rest))
        _bend(way, bending, layer)

    def _paint(self, way: Passage, block: Block, colour: Tensor, bending: Bending) -> None:
        """Add a block's share to the picture: the blocks' before, doubled, and its own."""
        torgb = block.torgb
        if torgb is None:
            return
        layer = f"{block.name}.torgb"
        if not bending.touches(layer):
            way.then(lambda x, image, _: (x, _sum(block, image, torgb(x, colour)), None))
            return
        # The share travels in the third place until it is added.
        way.then(lambda x, image, _: (x, image, torgb(x, colour)))
        for step in bending.steps(layer):
            way.then(lambda x, image, share, step=step: (x, image, step(share)), alone=step.looks_around)
        way.then(lambda x, image, share: (x, _sum(block, image, share), None))


def _sum(block: Block, image: Tensor | None, share: Tensor) -> Tensor:
    return share if image is None else block.double(image) + share


def _bend(way: Passage, bending: Bending, layer: str, place: Place = "after") -> None:
    """Bend the activations."""
    for step in bending.steps(layer, place):
        way.then(lambda x, *rest, step=step: (step(x), *rest), alone=step.looks_around)


def _bend_block(way: Passage, bending: Bending, block: Block) -> None:
    """Bend all that a block hands on: its activations and the picture so far."""
    for step in bending.steps(block.name):

        def bend(x: Tensor, image: Tensor | None, round_: Tensor, step: Step = step) -> State:
            return step(x), None if image is None else step.picture(image), round_

        way.then(bend, alone=step.looks_around)


def _mix(noise: Noise | None) -> Tensor | None:
    if noise is None:
        return None
    fields, coefficients = noise
    # One by one: XLA on JAX 0.10.2 gets a sum over an axis of a constant wrong when it fuses it with what comes after.
    return sum(fields[k] * coefficients[k] for k in range(fields.shape[0]))
