"""What a model file says about its network: the configuration, and from it the name and shape of every parameter.

Names and shapes are those of the official PyTorch networks, so that a converted file needs no renaming.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from avserver.errors import ModelError, nearest

FILTER_SHAPE = (4, 4)  # the [1, 3, 3, 1] resampling filter of StyleGAN2, as its outer product


@dataclass(frozen=True, slots=True, kw_only=True)
class StyleGAN2Config:
    """StyleGAN2 with the skip architecture (Karras et al. 2020, arXiv:1912.04958).

    Attributes:
        resolution: of the square picture (px), a power of two from 8 on.
        z_dim, w_dim, c_dim: sizes of the latents and of the class label (0: unconditional).
        channel_base, channel_max: a layer at resolution r has min(channel_base / r, channel_max) channels.
        mapping_layers: fully connected layers of the mapping network.
    """

    resolution: int
    z_dim: int
    w_dim: int
    c_dim: int = 0
    channel_base: int
    channel_max: int
    mapping_layers: int

    def __post_init__(self) -> None:
        r = self.resolution
        if r < 8 or r & (r - 1):
            raise ModelError(f"a StyleGAN2's resolution is a power of two from 8 on, got {r}")
        for name in ("z_dim", "w_dim", "channel_base", "channel_max", "mapping_layers"):
            if getattr(self, name) < 1:
                raise ModelError(f"a StyleGAN2's {name} is 1 or more, got {getattr(self, name)}")
        if self.c_dim < 0 or self.channels(r) < 1:
            raise ModelError(
                f"a StyleGAN2 needs c_dim >= 0 and channel_base >= resolution, "
                f"got c_dim {self.c_dim}, channel_base {self.channel_base}, resolution {r}"
            )

    @property
    def resolutions(self) -> tuple[int, ...]:
        """The blocks' resolutions: 4, 8, … (px)."""
        return tuple(2**i for i in range(2, self.resolution.bit_length()))

    @property
    def blocks(self) -> tuple[str, ...]:
        """The blocks' names: b4, b8, …."""
        return tuple(f"b{r}" for r in self.resolutions)

    @property
    def num_ws(self) -> int:
        """How many w one picture takes: one per convolution, and one for the last block's colours."""
        return 2 * len(self.resolutions)

    def channels(self, resolution: int) -> int:
        """Return how many channels the layers at `resolution` have."""
        return min(self.channel_base // resolution, self.channel_max)

    def convolutions(self, resolution: int) -> tuple[str, ...]:
        """Return the names of a block's convolutions, in order."""
        block = f"synthesis.b{resolution}"
        return (f"{block}.conv1",) if resolution == 4 else (f"{block}.conv0", f"{block}.conv1")

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every parameter and buffer that the network needs, by official name."""
        shapes: dict[str, tuple[int, ...]] = {"mapping.w_avg": (self.w_dim,)}
        features = self.z_dim
        if self.c_dim:
            shapes |= _linear("mapping.embed", self.c_dim, self.w_dim)
            features += self.w_dim
        for i in range(self.mapping_layers):
            shapes |= _linear(f"mapping.fc{i}", features, self.w_dim)
            features = self.w_dim
        for r in self.resolutions:
            shapes |= self._block_shapes(r)
        return shapes

    def _block_shapes(self, r: int) -> dict[str, tuple[int, ...]]:
        block, out = f"synthesis.b{r}", self.channels(r)
        shapes: dict[str, tuple[int, ...]] = {}
        if r == 4:
            shapes[f"{block}.const"] = (out, 4, 4)
        else:
            shapes[f"{block}.resample_filter"] = FILTER_SHAPE
            shapes[f"{block}.conv0.resample_filter"] = FILTER_SHAPE
        for conv in self.convolutions(r):
            features = self.channels(r // 2) if conv.endswith("conv0") else out
            shapes[f"{conv}.weight"] = (out, features, 3, 3)
            shapes[f"{conv}.bias"] = (out,)
            shapes[f"{conv}.noise_const"] = (r, r)
            shapes[f"{conv}.noise_strength"] = ()
            shapes |= _linear(f"{conv}.affine", self.w_dim, features)
        shapes[f"{block}.torgb.weight"] = (3, out, 1, 1)
        shapes[f"{block}.torgb.bias"] = (3,)
        return shapes | _linear(f"{block}.torgb.affine", self.w_dim, out)


ARCHITECTURES: dict[str, type[StyleGAN2Config]] = {"stylegan2": StyleGAN2Config}


def _linear(name: str, features: int, out: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (out, features), f"{name}.bias": (out,)}


def architecture_of(config: StyleGAN2Config) -> str:
    """Return the name that a configuration goes by in a model file."""
    return next(name for name, kind in ARCHITECTURES.items() if isinstance(config, kind))


def to_plain(config: StyleGAN2Config) -> dict[str, Any]:
    """Return a configuration as plain data; `from_plain` gives it back."""
    return {"architecture": architecture_of(config), **dataclasses.asdict(config)}


def from_plain(plain: Mapping[str, Any]) -> StyleGAN2Config:
    """Read a configuration. Raises ModelError if it is not one of ours, naming what is wrong."""
    name = plain.get("architecture")
    if name not in ARCHITECTURES:
        raise ModelError(f"unknown architecture {name!r}, {nearest(str(name), ARCHITECTURES)}")
    kind = ARCHITECTURES[name]
    values = {key: value for key, value in plain.items() if key != "architecture"}
    fields = {field.name: field for field in dataclasses.fields(kind)}
    for key, value in values.items():
        if key not in fields:
            raise ModelError(f"unknown key {key!r} in a {name} configuration, {nearest(key, fields)}")
        if not isinstance(value, int) or isinstance(value, bool):
            raise ModelError(f"{key} of a {name} configuration is a whole number, got {value!r}")
    missing = [key for key, f in fields.items() if f.default is dataclasses.MISSING and key not in values]
    if missing:
        raise ModelError(f"a {name} configuration lacks {', '.join(missing)}")
    return kind(**values)
