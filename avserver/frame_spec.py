"""FrameSpec: what to draw, decided but not drawn. Plain data of a few kilobytes.

It is what the scene hands to the generator's process, and says everything that the picture depends on beside the
model itself: the same FrameSpec and the same model give the same picture.
"""

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from avserver.errors import WireError


@dataclass(frozen=True, slots=True)
class TransformValue:
    """One value of a bend transform: its name, the value that leaves the picture as it is, its range."""

    name: str
    neutral: float
    minimum: float
    maximum: float
    unit: str
    description: str


# What a bend can do to the activations of a layer. The scene makes parameters of these, the generator draws them.
# A bend's `values` stand in the order given here.
TRANSFORMS: dict[str, tuple[TransformValue, ...]] = {
    "zoom": (
        TransformValue("amount", 1.0, 0.25, 4.0, "", "share of the layer in view: below 1 zooms in, above 1 out"),
    ),
    "translate": (
        TransformValue("x", 0.0, -1.0, 1.0, "widths", "shift of the picture to the right"),
        TransformValue("y", 0.0, -1.0, 1.0, "heights", "shift of the picture downwards"),
    ),
    "rotate": (TransformValue("angle", 0.0, -180.0, 180.0, "deg", "turn of the picture, anticlockwise"),),
}


# Where seeds may be mixed, and how directions of w may be found without anybody saying what they are for.
SPACES = ("w", "z")
DIRECTION_KINDS = ("sefa", "ganspace")


@dataclass(frozen=True, slots=True)
class LatentTerm:
    """Seeds and their weights for the layers `layers[0] <= i < layers[1]` of ws; terms on the same layer add.

    Attributes:
        layers: half-open.
        seeds, weights: as many of the one as of the other.
        space: "w": the term is the sum of weight · mapping(z(seed)).
            "z": the seeds meet on the sphere of all z before they are mapped: the term is
            W · mapping(spherical mean of the z(seed), each with the share weight / W), W being the sum of the weights
            (not 0). Two seeds with shares 1 - t and t are the spherical interpolation (slerp) between them at t.
    """

    layers: tuple[int, int]
    seeds: tuple[int, ...]
    weights: tuple[float, ...]
    space: str = "w"


@dataclass(frozen=True, slots=True)
class Direction:
    """A step along a direction of w, after truncation, for the layers `layers[0] <= i < layers[1]` of ws.

    Attributes:
        kind: how the directions were found, see DIRECTION_KINDS.
        number: which of them, from 1, the strongest first.
        layers: half-open.
        amount: in standard deviations of w along the direction; 0 changes nothing.
    """

    kind: str
    number: int
    layers: tuple[int, int]
    amount: float


@dataclass(frozen=True, slots=True)
class NoiseLevel:
    """The noise of every layer at one resolution.

    Attributes:
        resolution: of the layers concerned (px).
        phase: where the moving fields stand (rad); it only ever moves smoothly.
        strength: standard deviation of the field, before the model's own strength of noise.
        grain: 0 is the smooth field, 1 the rough one.
    """

    resolution: int
    phase: float
    strength: float
    grain: float


@dataclass(frozen=True, slots=True)
class Bend:
    """A transform of one layer's activations; `layer` is NVIDIA's name of a block (`b32`), see TRANSFORMS."""

    layer: str
    transform: str
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Grade:
    """What is done to the finished picture; 1 everywhere leaves it as it is."""

    opacity: float = 1.0
    contrast: float = 1.0
    saturation: float = 1.0


@dataclass(frozen=True, slots=True)
class ModelShape:
    """What whoever decides frames has to know of a model.

    Attributes:
        num_ws: how many w a picture takes.
        noise_resolutions: the resolutions (px) of the layers that take noise; none in StyleGAN3.
        layers: names of the layers that may be bent.
    """

    num_ws: int
    noise_resolutions: tuple[int, ...]
    layers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameSpec:
    """One frame, decided.

    Attributes:
        index: the tick.
        t_s: show time of the tick (s).
        latents: the w of a layer is the sum of these terms.
        truncation_psi: how far w may stray from the average w: w_avg + psi * (w - w_avg).
        truncation_cutoff: layers below it are truncated; None truncates all.
        directions: added to what has been truncated.
        noise: one entry per resolution; layers of a resolution that is not named get none.
        bends: applied in this order.
        grade: what is done to the finished picture.
    """

    index: int
    t_s: float
    latents: tuple[LatentTerm, ...]
    truncation_psi: float = 1.0
    truncation_cutoff: int | None = None
    directions: tuple[Direction, ...] = ()
    noise: tuple[NoiseLevel, ...] = ()
    bends: tuple[Bend, ...] = ()
    grade: Grade = Grade()

    def to_bytes(self) -> bytes:
        """Return the spec as UTF-8 JSON; `from_bytes` gives back an equal spec."""
        return json.dumps(dataclasses.asdict(self), separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "FrameSpec":
        """Read what `to_bytes` wrote. Raises WireError for anything else."""
        try:
            return cls._from_plain(json.loads(data))
        except (ValueError, TypeError, KeyError, AttributeError) as err:
            raise WireError(f"expected a FrameSpec as JSON, got {data[:40]!r}: {err}") from err

    @classmethod
    def _from_plain(cls, plain: dict[str, Any]) -> "FrameSpec":
        plain["latents"] = tuple(
            LatentTerm((first, stop), tuple(term["seeds"]), tuple(term["weights"]), term.get("space", "w"))
            for term in plain["latents"]
            for first, stop in [term["layers"]]
        )
        plain["directions"] = tuple(
            Direction(step["kind"], step["number"], (first, stop), step["amount"])
            for step in plain.get("directions", ())
            for first, stop in [step["layers"]]
        )
        plain["noise"] = tuple(NoiseLevel(**level) for level in plain["noise"])
        plain["bends"] = tuple(Bend(bend["layer"], bend["transform"], tuple(bend["values"])) for bend in plain["bends"])
        plain["grade"] = Grade(**plain["grade"])
        return cls(**plain)


MAX_SEED = 2**32 - 1


def z_of_seed(seed: int, z_dim: int) -> npt.NDArray[np.float64]:
    """Return the (1, z_dim) latent of a seed, 0 <= seed <= MAX_SEED, as the official tools draw it."""
    return np.random.RandomState(seed).randn(1, z_dim)
