"""The painter: a seed to a finished picture."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from avserver.training.painting.fields import Array, blurred, grid
from avserver.training.painting.form import contours, crystal, figures, strokes
from avserver.training.painting.light import attractor, flame, flow
from avserver.training.painting.matter import folds, ink, reaction
from avserver.training.painting.palette import Palette, draw_palette

Family = Callable[[np.random.Generator, Palette, int], Array]

# Each differs from the others in structure, not in colour.
FAMILIES: dict[str, Family] = {
    "flow": flow,
    "flame": flame,
    "attractor": attractor,
    "folds": folds,
    "reaction": reaction,
    "ink": ink,
    "crystal": crystal,
    "figures": figures,
    "strokes": strokes,
    "contours": contours,
}
# What is made of light alone is lost on a light ground.
LUMINOUS = frozenset({"flow", "flame", "attractor", "contours"})


def family_of(seed: int, among: Sequence[str] = ()) -> str:
    """Return the family that a seed is of; `among` are those that it may be of, all if there are none."""
    names = tuple(among) or tuple(FAMILIES)
    return names[np.random.default_rng((seed, len(names))).integers(len(names))]


def paint(seed: int, size: int, family: str) -> npt.NDArray[np.uint8]:
    """Return the picture of a seed: (size, size, 3), RGB; `family` is one of FAMILIES."""
    rng = np.random.default_rng(seed)
    palette = draw_palette(rng, dark=True if family in LUMINOUS else None)
    light = FAMILIES[family](rng, palette, size)
    if palette.is_dark:
        light = _deepened(light, rng.uniform(0.01, 0.06))
    return _finished(light, rng)


def _deepened(light: Array, middle: float) -> Array:
    """Return light whose darks are so much darker that half of the picture is below `middle`, the lights as before."""
    level = light.mean(axis=-1)
    top = float(np.quantile(level, 0.99)) + 1e-6
    now = float(np.median(level)) / top
    if not middle / top < now < 1:
        return light
    steeper = min(np.log(middle / top) / np.log(now), 3.0) - 1
    return light * (np.clip(level / top, 1e-4, 1) ** np.float32(steeper))[..., None]


def _finished(light: Array, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Return light as a picture: what is bright blooms, corners are darker, there is a little grain."""
    size = light.shape[0]
    light = np.maximum(np.nan_to_num(light, nan=0.0, posinf=4.0), 0).astype(np.float32)
    bloom = blurred(np.maximum(light - 0.7, 0), size / 35)
    light = light + np.float32(0.5) * bloom
    across, down = grid(size)
    corner = 1 - np.float32(rng.uniform(0.05, 0.45)) * np.clip((across**2 + down**2) / 2, 0, 1)
    light = (light * corner[..., None]).astype(np.float32)
    shown = 1.6 * light * (1 + light / 4) / (1 + light)  # a shoulder, for a white of 2 (Reinhard et al. 2002)
    encoded = np.where(shown <= 0.0031308, 12.92 * shown, 1.055 * np.maximum(shown, 1e-6) ** (1 / 2.4) - 0.055)
    grain = rng.normal(0, 0.008, (size, size, 1)).astype(np.float32)
    return np.clip((encoded + grain) * 255 + 0.5, 0, 255).astype(np.uint8)
