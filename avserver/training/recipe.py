"""What a training run is made of: the networks, the losses and their weights."""

from dataclasses import dataclass
from typing import Any, Self

from avserver.errors import ConfigError, nearest
from avserver.generator.architecture import NetworkConfig, StyleGAN2Config, StyleGAN3Config
from avserver.generator.backend import PRECISIONS

# Sizes of StyleGAN2, by name: channel_base, channel_max, z and w, layers of the mapping network.
MODEL_SIZES = {
    "small": (2048, 128, 128, 3),  # the bundled one: 30 fps of 256 px on two CPU cores
    "medium": (8192, 256, 256, 4),
    "large": (16384, 512, 512, 8),  # the papers' for 256 px
    "full": (32768, 512, 512, 8),  # the papers' for 1024 px
}
ARCHITECTURES = ("stylegan2", "stylegan3-t", "stylegan3-r")
SYMMETRIES = {"none": 1, "mirror": 2, "square": 8}


def model_of_size(name: str, resolution: int, architecture: str = "stylegan2") -> NetworkConfig:
    """Return the network of a size's name; architectures are "stylegan2", "stylegan3-t" and "stylegan3-r".

    Raises ConfigError for an unknown name, ModelError for a resolution that it cannot have.
    """
    if name not in MODEL_SIZES:
        raise ConfigError(f"unknown model size {name!r}, {nearest(name, MODEL_SIZES)}")
    base, most, latent, layers = MODEL_SIZES[name]
    if architecture not in ARCHITECTURES:
        raise ConfigError(f"unknown architecture {architecture!r}, {nearest(architecture, ARCHITECTURES)}")
    common: dict[str, Any] = {"resolution": resolution, "z_dim": latent, "w_dim": latent, "mapping_layers": layers}
    if architecture == "stylegan2":
        return StyleGAN2Config(**common, channel_base=base, channel_max=most)
    if architecture == "stylegan3-t":
        return StyleGAN3Config(**common, channel_base=base, channel_max=most)
    # Config R of the paper: turning is harmless to kernels of one sample and round filters; twice the channels.
    return StyleGAN3Config(
        **common, channel_base=2 * base, channel_max=2 * most, conv_kernel=1, use_radial_filters=True
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a model is trained; two runs of one recipe on one dataset see and do the same.

    Attributes:
        model: the generator.
        seed: of all randomness.
        batch: pictures in a step.
        learning_rate: Adam's, of both networks.
        r1_gamma: weight of R1; 0 takes 0.0002 resolution² / batch, as "Training Generative Adversarial Networks with
            Limited Data" (arXiv:2006.06676) does.
        r1_every, path_every: in how many steps these are looked at once; 0: never.
        path_weight: of the path-length penalty.
        style_mixing: probability that a picture is drawn with two w.
        noise_from: resolution (px) from which on layers are given noise; what coarser layers draw is then the seed's
            alone, and no two seeds share a composition that came from the same noise.
        average_pictures: half-life of the averaged generator (pictures); 0 takes 10 000 batch / 32.
        symmetry: in which ways pictures may be turned and still be of their kind: "none", "mirror" or "square" (all
            eight turns and mirrorings of a square).
        ada_target: the mean sign of the discriminator on real pictures that augmentation aims at; 0: no augmentation.
        ada_pictures: in how many pictures the augmentation's probability may go from 0 to 1.
        frozen: so many of the discriminator's finest blocks learn nothing (freeze-D: arXiv:2002.10964).
        discriminator_share: of the generator's channels, the discriminator's.
        precision: of convolutions, "float32" or "bfloat16".

    Raises ConfigError for what cannot be.
    """

    model: NetworkConfig
    seed: int = 0
    batch: int = 32
    learning_rate: float = 0.002
    r1_gamma: float = 0.0
    r1_every: int = 16
    path_every: int = 8
    path_weight: float = 2.0
    style_mixing: float = 0.9
    noise_from: int = 4
    average_pictures: int = 0
    symmetry: str = "mirror"
    ada_target: float = 0.6
    ada_pictures: int = 500_000
    frozen: int = 0
    discriminator_share: float = 1.0
    precision: str = "float32"

    def __post_init__(self) -> None:
        if self.model.c_dim:
            raise ConfigError("models without classes can be trained, got one with classes")
        if not 2 <= self.batch <= 4096:
            raise ConfigError(f"a batch is 2 to 4096 pictures, got {self.batch}")
        if not 0 < self.learning_rate <= 0.1:
            raise ConfigError(f"a learning rate is above 0 and 0.1 at most, got {self.learning_rate}")
        if self.symmetry not in SYMMETRIES:
            raise ConfigError(f"unknown symmetry {self.symmetry!r}, {nearest(self.symmetry, SYMMETRIES)}")
        if self.precision not in PRECISIONS:
            raise ConfigError(f"unknown precision {self.precision!r}, {nearest(self.precision, PRECISIONS)}")
        for name in (
            "seed",
            "r1_gamma",
            "r1_every",
            "path_every",
            "path_weight",
            "noise_from",
            "average_pictures",
            "frozen",
        ):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} is 0 or more, got {getattr(self, name)}")
        if self.frozen > (blocks := self.model.resolution.bit_length() - 3):
            raise ConfigError(f"of this discriminator's {blocks} blocks as many can be frozen, got {self.frozen}")
        if not 0 <= self.style_mixing <= 1:
            raise ConfigError(f"style_mixing is a probability, got {self.style_mixing}")
        if not 0.1 <= self.discriminator_share <= 4:
            raise ConfigError(f"discriminator_share is 0.1 to 4, got {self.discriminator_share}")

    @classmethod
    def of(cls, model: NetworkConfig, **settings: Any) -> Self:
        """Return the usual recipe for a model, with these settings: StyleGAN3 knows no path lengths and no mixing."""
        usual = {"path_every": 0, "style_mixing": 0.0} if isinstance(model, StyleGAN3Config) else {}
        return cls(model=model, **{**usual, **settings})

    @property
    def gamma(self) -> float:
        """The weight of R1."""
        return self.r1_gamma or 0.0002 * self.model.resolution**2 / self.batch

    @property
    def half_life(self) -> float:
        """The averaged generator's half-life (pictures)."""
        return self.average_pictures or 10_000 * self.batch / 32
