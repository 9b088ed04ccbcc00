"""What every architecture says about itself, without a framework: its sizes, its parameters, its bendable layers."""

import dataclasses
from abc import ABC, abstractmethod
from dataclasses import dataclass

from avserver.canvas import SQUARE, Canvas
from avserver.errors import ModelError
from avserver.frame_spec import ModelShape

Shapes = dict[str, tuple[int, ...]]

MAPPING_LAYERS = 64  # at most, for a file may claim a billion; official networks have 2 and 8


@dataclass(frozen=True, slots=True)
class Layer:
    """A place in a network whose activations may be bent.

    Attributes:
        name: the official one without `synthesis.`: `b64.conv0`, `L3_52_64`.
        size: samples a side, of the square that the network was trained on.
        picture: how many of them the picture spans; StyleGAN3 computes a margin around it.
        channels: of the activations.
        exact: the network moves it by a matrix itself, without a warp (StyleGAN3's input, a sum of waves).
        before: size and picture before the nonlinearity, where they are others.
        canvas: how far the layer goes beyond the square.
    """

    name: str
    size: int
    picture: int
    channels: int
    exact: bool = False
    before: tuple[int, int] | None = None
    canvas: Canvas = SQUARE

    @property
    def extent(self) -> tuple[int, int]:
        """Width and height (samples)."""
        return self.canvas.samples(self.picture, self.size)

    def at(self, place: str) -> "Layer":
        """Return the layer as it is "before" its nonlinearity or "after" it."""
        if place == "after" or self.before is None:
            return self
        size, picture = self.before
        return dataclasses.replace(self, size=size, picture=picture)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkConfig(ABC):
    """A generator's configuration: what a model file's metadata says.

    Attributes:
        resolution: of the square picture (px).
        z_dim, w_dim, c_dim: sizes of the latents and of the class label (0: unconditional).
        channel_base, channel_max: a layer has at most channel_max channels, and fewer the finer it is.
        mapping_layers: fully connected layers of the mapping network.
    """

    resolution: int
    z_dim: int
    w_dim: int
    c_dim: int = 0
    channel_base: int
    channel_max: int
    mapping_layers: int

    @property
    @abstractmethod
    def num_ws(self) -> int:
        """How many w one picture takes."""

    @property
    @abstractmethod
    def layers(self) -> tuple[Layer, ...]:
        """The layers that may be bent, from coarse to fine."""

    @property
    @abstractmethod
    def grid(self) -> int:
        """How many samples the picture spans a side in the coarsest layer; a canvas grows by whole ones."""

    @property
    @abstractmethod
    def noise_resolutions(self) -> tuple[int, ...]:
        """The resolutions (px) at which the network takes noise; empty for one that takes none."""

    @abstractmethod
    def synthesis_shapes(self) -> Shapes:
        """Return the shape of every parameter and buffer of the synthesis network, by official name."""

    def parameter_shapes(self) -> Shapes:
        """Return the shape of every parameter and buffer that the network needs, by official name."""
        shapes: Shapes = {"mapping.w_avg": (self.w_dim,)}
        features = self.z_dim
        if self.c_dim:
            shapes |= linear("mapping.embed", self.c_dim, self.w_dim)
            features += self.w_dim
        for i in range(self.mapping_layers):
            shapes |= linear(f"mapping.fc{i}", features, self.w_dim)
            features = self.w_dim
        return shapes | self.synthesis_shapes()

    @property
    def shape(self) -> ModelShape:
        """What whoever decides frames has to know of the network."""
        return ModelShape(self.num_ws, self.noise_resolutions, tuple(layer.name for layer in self.layers))

    def check_positive(self, *names: str) -> None:
        """Raise ModelError for fields that are not 1 or more, a mapping that never ends, and a negative c_dim."""
        for name in names:
            if getattr(self, name) < 1:
                raise ModelError(f"a network's {name} is 1 or more, got {getattr(self, name)}")
        if self.mapping_layers > MAPPING_LAYERS:
            raise ModelError(f"a network's mapping_layers are {MAPPING_LAYERS} at most, got {self.mapping_layers}")
        if self.c_dim < 0:
            raise ModelError(f"a network's c_dim is 0 or more, got {self.c_dim}")


SIZES = tuple(field.name for field in dataclasses.fields(NetworkConfig) if field.name not in ("resolution", "c_dim"))


def linear(name: str, features: int, out: int) -> Shapes:
    """Return the shapes of a fully connected layer."""
    return {f"{name}.weight": (out, features), f"{name}.bias": (out,)}
