"""Silk: a painter whose picture is a smooth function of z, for a generator to learn from.

Where pictures are found, as those of `avserver.training.painting` are, nobody knows which z is to be which, and an
adversary has to find out; on a CPU that takes weeks. Here z says what is painted, so that a generator is shown its
mistakes point by point, and learns in hours. Smooth means that every z has its picture, no two the same, and that
what lies between two of them is one as well.

A picture is made of four fields, waves whose sizes z says. Point by point they are folded, which makes the forms, and
lit from above, which makes the silk. Form, figure and colours are said by different directions of z.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]

Z_DIM = 128
# Directions of z that each part has; not all are used.
SIZES = {"form": 20, "figure": 28, "colour": 12}
SAID = sum(SIZES.values())
# How much the fields are folded where nothing else is said: between bold shapes and fine ones.
FOLD = 0.7

# Waves across and down, in units of 0.4 of a picture's side.
_WIDE = ((1, 0), (0, 1), (1, 1), (1, -1))
_NARROW = ((2, 0), (0, 2), (2, 1), (1, 2), (2, -1), (1, -2))
# Where the light comes from, and where it is mirrored to the eye: across, down, towards the eye.
_LIGHT = (-0.45, -0.55, 0.7)
_MIRROR = (-0.25, -0.3, 0.92)
_RELIEF = 0.245  # height of the folds, in sides of the picture
_GLOSS = 14


@dataclass(frozen=True, slots=True)
class Sayings:
    """What is to be painted: the same number of rows each, about normally distributed.

    Attributes:
        form: (n, 20), how the picture is laid out.
        figure: (n, 28), what goes on in it.
        colour: (n, 12).
    """

    form: Array
    figure: Array
    colour: Array


@dataclass(frozen=True, slots=True)
class Crumple:
    """What noise does to the fields, each (n, R, R): it moves the two wide ones, and roughens the cloth."""

    across: Array
    down: Array
    grain: Array


def directions() -> Array:
    """Return the directions of z, (SAID, Z_DIM), orthonormal: drawn by chance once and for all."""
    drawn, _ = np.linalg.qr(np.random.default_rng(77).standard_normal((Z_DIM, 64)))
    found: Array = drawn.T[:SAID].astype(np.float32)
    return found


def said_by(z: Array) -> Array:
    """Return what z (…, Z_DIM) says, (…, SAID): its length says nothing, as to a mapping network."""
    length = np.sqrt(np.mean(z * z, axis=-1, keepdims=True) + 1e-8)
    said: Array = (z / length) @ directions().T
    return said


def parted(said: Array) -> Sayings:
    """Return what is said, (n, SAID), by its parts."""
    ends = np.cumsum(list(SIZES.values()))[:-1]
    return Sayings(*np.split(said, ends, axis=1))


def shares(num_ws: int) -> dict[str, Array]:
    """Return how much each w of a picture says of each part, (num_ws,): the first of the form, the last of colour."""
    place = np.arange(num_ws)
    chosen = {
        "form": place <= 2,
        "figure": (place >= 2) & (place <= 6),
        "colour": place >= min(6, num_ws - 2),
    }
    return {part: (held / held.sum()).astype(np.float32) for part, held in chosen.items()}


def said_by_ws(said: Array) -> Sayings:
    """Return what is to be painted where each w of a picture says something else: (n, num_ws, SAID)."""
    parts = [parted(said[:, i]) for i in range(said.shape[1])]
    return Sayings(
        *(
            sum(weight * getattr(part, name) for weight, part in zip(weights, parts, strict=True))
            for name, weights in shares(said.shape[1]).items()
        )
    )


def paint(sayings: Sayings, resolution: int, *, fold: float = FOLD, crumple: Crumple | None = None) -> Array:
    """Return pictures (n, resolution, resolution, 3) in [-1, 1].

    Args:
        sayings: n of them.
        resolution: their side (px).
        fold: how often the fields are folded; what is folded little is learnt first.
        crumple: what noise does.
    """
    form, figure, colour = sayings.form, sayings.figure, sayings.colour
    manners = figure[:, 20:28, None, None]
    wide, narrow = (_waves(counts, resolution) for counts in (_WIDE, _NARROW))

    def field(sizes: Array, waves: Array) -> Array:
        laid: Array = (sizes @ waves[: sizes.shape[1]]).reshape(-1, resolution, resolution)
        return laid

    a = 0.5 * field(form[:, 0:8], wide) + 0.4 * _each(form[:, 8])
    b = 0.5 * field(form[:, 9:17], wide) + 0.6 * _each(form[:, 17])
    c = 0.34 * field(figure[:, 0:12], narrow)
    d = 0.4 * field(figure[:, 12:20], narrow)
    if crumple:
        a, b = a + crumple.across, b + crumple.down
    detail = _logistic(1.5 * manners[:, 0])
    height = a * (1.5 + 0.35 * manners[:, 1]) + c * (0.35 + 0.7 * detail)
    height += 0.8 / np.sqrt(fold) * np.sin(fold * (1.6 * b + d * (0.3 + 0.5 * detail)))
    if crumple:
        height += crumple.grain
    folded = np.sin(1.9 * fold * height + 0.8 * manners[:, 2])
    lit, gloss = _light(folded)
    softness = 1.0 - 0.6 * _logistic(1.2 * manners[:, 3] - 0.2)
    cloth = _step((folded - 0.25 * manners[:, 4]) / softness)
    change = 0.5 + 0.5 * np.sin(fold * (1.5 * b + 0.7 * c + 0.5 * height))
    stripes = 0.5 + 0.5 * np.sin(5.0 * fold * height)
    lit_cloth = 0.25 + 0.95 * lit - 0.35 * _logistic(1.5 * manners[:, 5]) * stripes * cloth
    inks = _inks(colour)
    of_cloth = (inks.body + (inks.other - inks.body) * change[..., None]) * lit_cloth[..., None]
    of_ground = inks.ground * (0.6 + 0.6 * lit[..., None])
    light = of_ground + (of_cloth - inks.ground) * cloth[..., None] + 0.3 * (gloss * cloth)[..., None] * inks.shine
    return _encoded(light)


def _each(values: Array) -> Array:
    return values[:, None, None]


def _waves(counts: tuple[tuple[int, int], ...], resolution: int) -> Array:
    """Return cosines and sines, (2 len(counts), resolution²)."""
    place = (np.arange(resolution, dtype=np.float32) + 0.5) / resolution * 2 - 1
    y, x = np.meshgrid(place, place, indexing="ij")
    angles = [0.8 * np.pi * (across * x + down * y) for across, down in counts]
    return np.stack([wave(angle).ravel() for angle in angles for wave in (np.cos, np.sin)]).astype(np.float32)


def _light(height: Array) -> tuple[Array, Array]:
    """Return how brightly a relief (n, R, R) is lit, and how it shines."""
    resolution = height.shape[1]
    down = -_RELIEF * resolution / 2 * np.gradient(height, axis=1)
    across = -_RELIEF * resolution / 2 * np.gradient(height, axis=2)
    length = np.sqrt(1 + across * across + down * down)

    def towards(direction: tuple[float, float, float]) -> Array:
        faced: Array = np.clip((across * direction[0] + down * direction[1] + direction[2]) / length, 0, 1)
        return faced

    return towards(_LIGHT), towards(_MIRROR) ** _GLOSS


@dataclass(frozen=True, slots=True)
class _Inks:
    """Colours in linear light, (n, 1, 1, 3) each."""

    ground: Array
    body: Array
    other: Array
    shine: Array


def _inks(colour: Array) -> _Inks:
    """Return a dark ground, two inks that go together, and a light one, in Oklab."""
    body = _hue(colour[:, 0:2], 0.17)
    other: Array = 0.75 * body + 0.9 * _hue(colour[:, 2:4], 0.13)
    ground: Array = _hue(colour[:, 4:6], 0.05) - 0.3 * body
    return _Inks(
        ground=_linear(0.17 + 0.04 * np.tanh(colour[:, 8]), _at_most(ground, 0.06)),
        body=_linear(0.66 + 0.06 * np.tanh(colour[:, 6]), _at_most(body, 0.2)),
        other=_linear(0.52 + 0.1 * np.tanh(colour[:, 7]), _at_most(other, 0.19)),
        shine=_linear(np.full(len(colour), 0.93, np.float32), 0.25 * other),
    )


def _hue(said: Array, chroma: float) -> Array:
    """Return a and b of Oklab, (n, 2): as colourful for a small saying as, nearly, for a large one."""
    hue: Array = chroma * said / (np.sum(said * said, axis=1, keepdims=True) + 0.02) ** 0.25
    return hue


def _at_most(hue: Array, chroma: float) -> Array:
    held: Array = hue * np.minimum(1, chroma / np.sqrt(np.sum(hue * hue, axis=1, keepdims=True) + 1e-6))
    return held


def _linear(lightness: npt.NDArray[np.floating], hue: Array) -> Array:
    """Return Oklab in linear light (Björn Ottosson, "A perceptual color space for image processing", 2020)."""
    a, b = hue[:, 0], hue[:, 1]
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    rgb = (
        4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short,
    )
    return np.clip(np.stack(rgb, axis=-1), 0, 1).astype(np.float32)[:, None, None, :]


def _encoded(light: Array) -> Array:
    """Return linear light as sRGB (IEC 61966-2-1), in [-1, 1]."""
    light = np.clip(light, 0, 1)
    curved = 1.055 * np.maximum(light, 1e-6) ** (1 / 2.4) - 0.055
    coded: Array = np.where(light <= 0.0031308, 12.92 * light, curved) * 2 - 1
    return coded.astype(np.float32)


def _logistic(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-x)), np.float32)


def _step(x: Array) -> Array:
    """Return 0 below -1, 1 above 1, and what is smooth between."""
    t = np.clip(0.5 + 0.5 * x, 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)
