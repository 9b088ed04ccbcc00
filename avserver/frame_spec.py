"""FrameSpec: what to draw, decided but not drawn. Plain data of a few kilobytes.

It is what the scene hands to the generator's process, and says everything that the picture depends on beside the
model itself: the same FrameSpec and the same model give the same picture. Two things look back, if they are switched
on: with feedback, and with the strobe limiter, the picture depends on the frames before too.
"""

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from avserver.channels import ALL, parse_channels
from avserver.errors import ModelError, WireError, nearest
from avserver.transforms import TRANSFORMS

PLACES = ("after", "before")  # the nonlinearity
EDGES = ("reflect", "wrap", "zero")  # what lies beyond a layer's borders
ENLARGERS = ("bicubic", "lanczos", "network")


# Where seeds may be mixed, and how directions of w may be found without anybody saying what they are for.
SPACES = ("w", "z")
DIRECTION_KINDS = ("sefa", "ganspace")


@dataclass(frozen=True, slots=True)
class LatentTerm:
    """Seeds and their weights for the layers `layers[0] <= i < layers[1]` of ws; terms on the same layer add.

    Attributes:
        layers: half-open.
        seeds, weights: as many of the one as of the other. A number from FIRST_PICTURE on is no seed but one of the
            pictures, counted from there, whose ws the renderer was given; those are mixed in w only.
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
class BendSlot:
    """What of a bend cannot change while a program draws: a renderer is prepared for slots, in their order.

    Attributes:
        layer: NVIDIA's name of a block (`b32`) or of a layer (`b32.conv0`, `b32.torgb`, `input`).
        transform: see TRANSFORMS.
        place: "after" the layer's nonlinearity or "before" it; only convolutions have one.
        edges: what lies beyond the borders: the layer mirrored ("reflect"), repeated ("wrap"), or zeros.
        channels: which features are bent, see avserver.channels.

    Raises ModelError for what does not exist. Whether a model has the layer is another question.
    """

    layer: str
    transform: str
    place: str = "after"
    edges: str = "reflect"
    channels: str = ALL

    def __post_init__(self) -> None:
        if self.transform not in TRANSFORMS:
            raise ModelError(f"unknown transform {self.transform!r}, {nearest(self.transform, TRANSFORMS)}")
        if self.place not in PLACES:
            raise ModelError(f"unknown place {self.place!r}, {nearest(self.place, PLACES)}")
        if self.edges not in EDGES:
            raise ModelError(f"unknown edges {self.edges!r}, {nearest(self.edges, EDGES)}")
        parse_channels(self.channels)
        if self.place == "before" and not has_nonlinearity(self.layer):
            raise ModelError(f"layer {self.layer!r} has no nonlinearity to be bent before; convolutions have one")

    def __str__(self) -> str:
        """Return it in words, those that are not the usual ones included."""
        words = [f"{self.transform} of {self.layer}"]
        words += ["before the nonlinearity"] if self.place == "before" else []
        words += [f"with edges {self.edges}"] if self.edges != "reflect" else []
        words += [f"on channels {self.channels}"] if self.channels != ALL else []
        return " ".join(words)


def has_nonlinearity(layer: str) -> bool:
    """Return whether a layer of that name is a convolution with a nonlinearity (StyleGAN2's convs, StyleGAN3's L…)."""
    return layer.endswith((".conv0", ".conv1")) or layer.startswith("L")


@dataclass(frozen=True, slots=True)
class Bend:
    """A bend and how far it goes: `values` as TRANSFORMS orders them, the rest is a BendSlot's."""

    layer: str
    transform: str
    values: tuple[float, ...]
    place: str = "after"
    edges: str = "reflect"
    channels: str = ALL

    @property
    def slot(self) -> BendSlot:
        """What a renderer must be prepared for to draw it. Raises ModelError for what does not exist."""
        return BendSlot(self.layer, self.transform, self.place, self.edges, self.channels)


@dataclass(frozen=True, slots=True)
class Grade:
    """What is done to the colours of the finished picture; the defaults leave it as it is.

    Attributes:
        opacity: brightness; 0 is black.
        contrast: distance from mid-grey, 1 as it is.
        saturation: distance from grey of the same luma, 1 as it is.
        hue: turn of all hues (deg); 120 makes red green, green blue, and blue red.
        lift: what black becomes, of red, green and blue; white stays.
        gamma: of red, green and blue: above 1 lifts what lies between black and white, which stay.
        gain: of red, green and blue: what white becomes; black stays.
        temperature: -1 is blue, 1 orange.
        tint: -1 is green, 1 magenta.
        lut: the number of a look-up table that the renderer was given, from 1; 0: none.
        lut_amount: its share.
    """

    opacity: float = 1.0
    contrast: float = 1.0
    saturation: float = 1.0
    hue: float = 0.0
    lift: tuple[float, float, float] = (0.0, 0.0, 0.0)
    gamma: tuple[float, float, float] = (1.0, 1.0, 1.0)
    gain: tuple[float, float, float] = (1.0, 1.0, 1.0)
    temperature: float = 0.0
    tint: float = 0.0
    lut: int = 0
    lut_amount: float = 1.0


@dataclass(frozen=True, slots=True)
class Upscale:
    """How a picture that is smaller than the frame is enlarged.

    Attributes:
        by: one of ENLARGERS.
        match: how far each colour's mean and deviation are made what they were before, 0 to 1; not with bicubic.
    """

    by: str = "bicubic"
    match: float = 0.0


@dataclass(frozen=True, slots=True)
class Feedback:
    """The frame before, moved and mixed in.

    Attributes:
        amount: its share of the picture, 0 to below 1.
        zoom: share of it in view: below 1 zooms in.
        rotate: its turn (deg), anticlockwise.
    """

    amount: float = 0.0
    zoom: float = 1.0
    rotate: float = 0.0


@dataclass(frozen=True, slots=True)
class Mix:
    """How much of a second network there is in the layers `layers[0] <= i < layers[1]`, counted as ws are.

    Attributes:
        amount: 0 is the model alone, 1 its partner alone.
        layers: half-open; the others are the model's alone.
    """

    amount: float = 0.0
    layers: tuple[int, int] = (0, 0)


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
        bends: those of one layer are applied in the order that the renderer was prepared for.
        grade: what is done to the finished picture.
        feedback: how much of the frame before stays.
        mix: how much of the model's partner is in which layer.
        upscale: how the picture is enlarged, if the frame is larger.
        strobe_safe: no part of the picture flashes more than three times a second.
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
    feedback: Feedback = Feedback()
    mix: Mix = Mix()
    upscale: Upscale = Upscale()
    strobe_safe: bool = False

    def looks_back(self, before: "FrameSpec | None") -> bool:
        """Return whether its picture depends on that of `before`, the spec that is drawn before it."""
        if before is None:
            return False
        feeds_back = self.feedback.amount > 0 and before.feedback.amount > 0
        return feeds_back or (self.strobe_safe and before.strobe_safe)

    def to_bytes(self) -> bytes:
        """Return the spec as UTF-8 JSON; `from_bytes` gives back an equal spec."""
        return json.dumps(self.to_plain(), separators=(",", ":")).encode()

    def to_plain(self) -> dict[str, Any]:
        """Return the spec as JSON has it: dicts, lists and scalars; `from_plain` gives back an equal spec."""
        return {field.name: _plain(getattr(self, field.name)) for field in dataclasses.fields(self)}

    @classmethod
    def from_bytes(cls, data: bytes) -> "FrameSpec":
        """Read what `to_bytes` wrote. Raises WireError for anything else."""
        try:
            return cls.from_plain(json.loads(data))
        except (ValueError, AttributeError) as err:
            raise WireError(f"expected a FrameSpec as JSON, got {data[:40]!r}: {err}") from err

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> "FrameSpec":
        """Read what `to_plain` returned; fields that were not known then have their defaults.

        Raises WireError for anything else.
        """
        try:
            return cls._from_plain({**plain})
        except (ValueError, TypeError, KeyError, AttributeError) as err:
            raise WireError(f"expected a FrameSpec as plain data, got {plain!r:.40}: {err}") from err

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
        plain["bends"] = tuple(Bend(**{**bend, "values": tuple(bend["values"])}) for bend in plain["bends"])
        plain["grade"] = Grade(**{name: _fixed(value) for name, value in plain["grade"].items()})
        plain["upscale"] = Upscale(**plain.get("upscale", {}))
        plain["feedback"] = Feedback(**plain.get("feedback", {}))
        mix = plain.get("mix", {"amount": 0.0, "layers": (0, 0)})
        plain["mix"] = Mix(mix["amount"], (mix["layers"][0], mix["layers"][1]))
        return cls(**plain)


def _fixed(value: Any) -> Any:
    """Return JSON's lists as the tuples that they were."""
    return tuple(value) if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    """Return a value of a spec as JSON has it. In half the time of `dataclasses.asdict`."""
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if dataclasses.is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return value


MAX_SEED = 2**32 - 1
FIRST_PICTURE = MAX_SEED + 1


def z_of_seed(seed: int, z_dim: int) -> npt.NDArray[np.float64]:
    """Return the (1, z_dim) latent of a seed, 0 <= seed <= MAX_SEED, as the official tools draw it."""
    return np.random.RandomState(seed).randn(1, z_dim)
