"""Palettes: a few colours that go well together, most of them on a dark ground.

Colours are chosen in OKLCH (Björn Ottosson, "A perceptual color space for image processing", 2020), where equal steps
look equal, so that a harmony of hues is one to the eye as well.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]

# Degrees between the hues of a palette: the harmonies that painters name.
HARMONIES = {
    "monochrome": (0.0, 8.0, -8.0),
    "analogous": (0.0, 30.0, -30.0),
    "complementary": (0.0, 180.0, 12.0),
    "split": (0.0, 150.0, 210.0),
    "triad": (0.0, 120.0, 240.0),
    "tetrad": (0.0, 90.0, 180.0, 270.0),
}
_STEPS = 256


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours in linear light.

    Attributes:
        ground: (3,), what is painted on.
        inks: (n, 3), what is painted with.
        ramp: (256, 3), from the ground over the inks to the lightest.
    """

    ground: Array
    inks: Array
    ramp: Array

    @property
    def is_dark(self) -> bool:
        """Whether the ground is darker than the inks."""
        return bool(self.ground.mean() < self.inks.mean())

    def at(self, level: npt.NDArray[np.floating]) -> Array:
        """Return the ramp's colours (…, 3) at levels in [0, 1] (…)."""
        place = np.clip(level, 0, 1).astype(np.float32) * (_STEPS - 1)
        low = np.minimum(place.astype(np.int32), _STEPS - 2)
        share = (place - low)[..., None]
        colours: Array = self.ramp[low] * (1 - share) + self.ramp[low + 1] * share
        return colours


def draw_palette(rng: np.random.Generator, *, dark: bool | None = None) -> Palette:
    """Return a palette, on a dark ground or not; None: on a dark one, nine times of ten."""
    harmony = list(HARMONIES.values())[rng.integers(len(HARMONIES))]
    hue = rng.uniform(0, 360)
    hues = [hue + turn + rng.normal(0, 6) for turn in harmony]
    chance = rng.random()
    dark = chance < 0.9 if dark is None else dark
    ground_lightness = rng.uniform(0.02, 0.16) if dark else rng.uniform(0.82, 0.94)
    ground = oklch(ground_lightness, rng.uniform(0.0, 0.05), hues[rng.integers(len(hues))])
    count = int(rng.integers(3, 6))
    lightness = np.sort(rng.uniform(0.32, 0.9, count) if dark else rng.uniform(0.2, 0.72, count))
    if not dark:
        lightness = lightness[::-1]
    chroma = rng.uniform(0.08, 0.2)
    inks = np.stack(
        [oklch(level, chroma * rng.uniform(0.6, 1.2), hues[i % len(hues)]) for i, level in enumerate(lightness)]
    )
    stops = np.concatenate([ground[None], inks])
    return Palette(ground, inks.astype(np.float32), _ramp(stops))


def oklch(lightness: float, chroma: float, hue_deg: float) -> Array:
    """Return a colour in linear sRGB (3,), within its gamut: chroma is lowered as far as need be."""
    for share in np.linspace(1.0, 0.0, 21):
        colour = _linear(lightness, share * chroma, hue_deg)
        if colour.min() >= -1e-3 and colour.max() <= 1 + 1e-3:
            return np.clip(colour, 0, 1).astype(np.float32)
    return np.full(3, lightness**3, np.float32)


def _linear(lightness: float, chroma: float, hue_deg: float) -> npt.NDArray[np.float64]:
    angle = math.radians(hue_deg)
    a, b = chroma * math.cos(angle), chroma * math.sin(angle)
    roots = np.array(
        [
            lightness + 0.3963377774 * a + 0.2158037573 * b,
            lightness - 0.1055613458 * a - 0.0638541728 * b,
            lightness - 0.0894841775 * a - 1.2914855480 * b,
        ]
    )
    cone = roots**3
    return np.array(
        [
            4.0767416621 * cone[0] - 3.3077115913 * cone[1] + 0.2309699292 * cone[2],
            -1.2684380046 * cone[0] + 2.6097574011 * cone[1] - 0.3413193965 * cone[2],
            -0.0041960863 * cone[0] - 0.7034186147 * cone[1] + 1.7076147010 * cone[2],
        ]
    )


def _ramp(stops: npt.NDArray[np.floating]) -> Array:
    """Return _STEPS colours through the stops, smooth, in linear light."""
    place = np.linspace(0, len(stops) - 1, _STEPS)
    low = np.minimum(place.astype(int), len(stops) - 2)
    share = (place - low)[:, None]
    share = share * share * (3 - 2 * share)
    return (stops[low] * (1 - share) + stops[low + 1] * share).astype(np.float32)
