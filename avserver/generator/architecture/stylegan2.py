"""StyleGAN2's configuration, and from it the shape of every parameter (Karras et al. 2020, arXiv:1912.04958)."""

from dataclasses import dataclass

from avserver.errors import ModelError, nearest
from avserver.generator.architecture.network import SIZES, Layer, NetworkConfig, Shapes, linear

FILTER_SHAPE = (4, 4)  # the [1, 3, 3, 1] resampling filter of StyleGAN2, as its outer product
BLOCK_ARCHITECTURES = ("skip", "orig", "resnet")


@dataclass(frozen=True, slots=True, kw_only=True)
class StyleGAN2Config(NetworkConfig):
    """StyleGAN2; a layer at resolution r has min(channel_base / r, channel_max) channels, r a power of two from 8 on.

    Attributes:
        block_architecture: how colours leave the blocks (figure 7 of the paper). "skip": each block adds its share to
            the picture; "orig": only the last block draws; "resnet": likewise, each block's input added to its output.
        conv_clamp: activations are clamped to plus and minus this, as official models trained in half precision are;
            0 clamps nothing.
    """

    block_architecture: str = "skip"
    conv_clamp: float = 0.0

    def __post_init__(self) -> None:
        r = self.resolution
        if r < 8 or r & (r - 1):
            raise ModelError(f"a StyleGAN2's resolution is a power of two from 8 on, got {r}")
        self.check_positive(*SIZES)
        if self.channels(r) < 1:
            raise ModelError(
                f"a StyleGAN2 needs channel_base >= resolution, got channel_base {self.channel_base}, resolution {r}"
            )
        if self.block_architecture not in BLOCK_ARCHITECTURES:
            known = nearest(self.block_architecture, BLOCK_ARCHITECTURES)
            raise ModelError(f"unknown block_architecture {self.block_architecture!r}, {known}")
        if not 0 <= self.conv_clamp < float("inf"):
            raise ModelError(f"conv_clamp is 0 or more, got {self.conv_clamp}")

    @property
    def resolutions(self) -> tuple[int, ...]:
        """The blocks' resolutions: 4, 8, … (px)."""
        return tuple(2**i for i in range(2, self.resolution.bit_length()))

    @property
    def grid(self) -> int:
        """The learned constant's size."""
        return 4

    @property
    def noise_resolutions(self) -> tuple[int, ...]:
        """Every convolution takes noise."""
        return self.resolutions

    @property
    def blocks(self) -> tuple[str, ...]:
        """The blocks' names: b4, b8, …."""
        return tuple(f"b{r}" for r in self.resolutions)

    @property
    def num_ws(self) -> int:
        """How many w one picture takes: one per convolution, and one for the last block's colours."""
        return 2 * len(self.resolutions)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The learned constant (`input`), each convolution and share of the picture, and each whole block."""
        layers = [Layer("input", 4, 4, self.channels(4))]
        for r in self.resolutions:
            parts = [conv.removeprefix("synthesis.") for conv in self.convolutions(r)]
            layers += [Layer(part, r, r, self.channels(r)) for part in parts]
            if self.has_torgb(r):
                layers.append(Layer(f"b{r}.torgb", r, r, 3))
            layers.append(Layer(f"b{r}", r, r, self.channels(r)))
        return tuple(layers)

    def channels(self, resolution: int) -> int:
        """Return how many channels the layers at `resolution` have."""
        return min(self.channel_base // resolution, self.channel_max)

    def convolutions(self, resolution: int) -> tuple[str, ...]:
        """Return the names of a block's convolutions, in order."""
        block = f"synthesis.b{resolution}"
        return (f"{block}.conv1",) if resolution == 4 else (f"{block}.conv0", f"{block}.conv1")

    def has_torgb(self, resolution: int) -> bool:
        """Return whether the block at `resolution` draws colours."""
        return self.block_architecture == "skip" or resolution == self.resolution

    def synthesis_shapes(self) -> Shapes:
        """Return the shape of every parameter and buffer of the synthesis network, by official name."""
        shapes: Shapes = {}
        for r in self.resolutions:
            shapes |= self._block_shapes(r)
        return shapes

    def _block_shapes(self, r: int) -> Shapes:
        block, out = f"synthesis.b{r}", self.channels(r)
        shapes: Shapes = {}
        if r == 4:
            shapes[f"{block}.const"] = (out, 4, 4)
        else:
            shapes[f"{block}.resample_filter"] = FILTER_SHAPE
            shapes[f"{block}.conv0.resample_filter"] = FILTER_SHAPE
            if self.block_architecture == "resnet":
                shapes[f"{block}.skip.weight"] = (out, self.channels(r // 2), 1, 1)
        for conv in self.convolutions(r):
            features = self.channels(r // 2) if conv.endswith("conv0") else out
            shapes[f"{conv}.weight"] = (out, features, 3, 3)
            shapes[f"{conv}.bias"] = (out,)
            shapes[f"{conv}.noise_const"] = (r, r)
            shapes[f"{conv}.noise_strength"] = ()
            shapes |= linear(f"{conv}.affine", self.w_dim, features)
        if self.has_torgb(r):
            shapes[f"{block}.torgb.weight"] = (3, out, 1, 1)
            shapes[f"{block}.torgb.bias"] = (3,)
            shapes |= linear(f"{block}.torgb.affine", self.w_dim, out)
        return shapes
