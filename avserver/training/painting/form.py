"""Paintings of form: edges, facets, figures and strokes."""

import cv2
import numpy as np
import numpy.typing as npt

from avserver.training.painting.fields import Array, blurred, clouds, grid, ranked, smooth
from avserver.training.painting.palette import Palette


def crystal(rng: np.random.Generator, palette: Palette, size: int) -> Array:
    """Facets around grown seeds: a Voronoi diagram whose cells lean to the light, glowing where they meet."""
    across, down = grid(size)
    bent = np.float32(rng.choice([0.0, 0.0, 0.06, 0.15]))
    x = across + bent * smooth(rng, size, 2.0)
    y = down + bent * smooth(rng, size, 2.0)
    stretch = float(rng.uniform(0.5, 2.0))
    picture = np.zeros((size, size, 3), np.float32)
    edges = np.zeros((size, size), np.float32)
    for depth, count in enumerate((int(rng.integers(6, 18)), int(rng.integers(30, 110)))):
        seeds = rng.uniform(-1.2, 1.2, (count, 2)).astype(np.float32)
        nearest, second, owner = _voronoi(x, y * np.float32(stretch), seeds * np.array([1, stretch], np.float32))
        tilt = rng.normal(0, 1, (count, 2)).astype(np.float32)
        dx, dy = x - seeds[owner, 0], y - seeds[owner, 1]
        facet = 0.5 + 0.5 * np.tanh(
            1.6 * (tilt[owner, 0] * dx + tilt[owner, 1] * dy) + 0.6 * rng.normal(0, 1, count)[owner]
        )
        share = np.float32(0.65 if depth == 0 else 0.35)
        tone = rng.uniform(0.05, 1.0, count).astype(np.float32) ** 2.2
        picture += share * palette.at(tone[owner] * 0.85 + 0.15 * facet) * (0.05 + 1.25 * facet**1.5)[..., None]
        width = np.float32(0.012 + 0.02 * rng.random())
        edges += share * np.exp(-(((second - nearest) / width) ** 2))
    glow = palette.inks[-1] * np.float32(rng.uniform(0.0, 0.8))
    light = edges + 2 * blurred(edges, size / 40)
    return picture + glow * light[..., None]


def figures(rng: np.random.Generator, palette: Palette, size: int) -> Array:
    """A composition of discs, rings, bars and wedges, some translucent, some shaded, on a tilted grid."""
    across, down = grid(size)
    wash = ranked(smooth(rng, size, 0.8))
    picture = palette.ground * (0.6 + 0.7 * wash)[..., None]
    main = rng.uniform(0, np.pi)
    soft = np.float32(2.0 / size)
    for i in range(int(rng.integers(9, 26))):
        centre = rng.normal(0, 0.45, 2)
        reach = float(np.exp(rng.normal(-1.5, 0.6))) * (1.6 if i < 3 else 1.0)
        turned = main + rng.choice([0, np.pi / 2, np.pi / 4, rng.uniform(0, np.pi)])
        cosine, sine = np.float32(np.cos(turned)), np.float32(np.sin(turned))
        dx, dy = across - np.float32(centre[0]), down - np.float32(centre[1])
        u, v = cosine * dx + sine * dy, -sine * dx + cosine * dy
        distance = _figure(rng, u, v, reach)
        cover = np.clip(0.5 - distance / (2 * soft), 0, 1)
        if rng.random() < 0.35:  # fades out along itself
            cover = cover * np.clip(0.5 + 0.5 * u / np.float32(reach), 0, 1)
        opacity = rng.uniform(0.35, 1.0)
        ink = palette.inks[rng.integers(len(palette.inks))]
        shade = 0.75 + 0.5 * ranked(v) if rng.random() < 0.5 else np.float32(1.0)
        shadow = blurred(cover.astype(np.float32), size / 50) * np.float32(0.35 * opacity)
        picture = picture * (1 - shadow[..., None] * (1 - cover[..., None]))
        alpha = (cover * opacity)[..., None]
        picture = picture * (1 - alpha) + ink * np.asarray(shade)[..., None] * alpha
    return picture


def strokes(rng: np.random.Generator, palette: Palette, size: int) -> Array:
    """Layers of brush strokes that follow a field, broad and dark below, fine and light above."""
    canvas = np.tile(palette.ground, (size, size, 1)).astype(np.float32)
    swing = clouds(rng, size, rng.uniform(0.7, 2.0), octaves=2)
    angle_at = np.float32(np.pi) * swing
    tone = ranked(clouds(rng, size, rng.uniform(0.8, 2.0), octaves=3))
    for layer, (count, width) in enumerate(((26, 0.16), (60, 0.08), (150, 0.035), (220, 0.015))):
        marks = np.zeros((size, size, 4), np.uint8)
        for _ in range(int(count * rng.uniform(0.5, 1.2))):
            x, y = rng.uniform(-1.1, 1.1, 2)
            level = float(tone[_pixel(y, size), _pixel(x, size)])
            if layer >= 2 and level < rng.uniform(0.1, 0.7):
                continue
            path = _path(angle_at, float(x), float(y), rng.uniform(0.2, 0.9), size)
            colour = palette.at(np.array(0.12 + 0.88 * (0.6 * level + 0.4 * layer / 3) * rng.uniform(0.6, 1.1)))
            _brush(rng, marks, path, width * rng.uniform(0.5, 1.3), colour, size)
        alpha = marks[..., 3:].astype(np.float32) / 255 * np.float32(0.92)
        paint = (marks[..., :3].astype(np.float32) / 255) ** np.float32(2.2)
        canvas = (canvas * (1 - alpha) + paint * alpha).astype(np.float32)
    return canvas


def contours(rng: np.random.Generator, palette: Palette, size: int) -> Array:
    """Level lines of a landscape, lit from within, as on a map at night."""
    height = clouds(rng, size, rng.uniform(0.8, 2.4), octaves=int(rng.integers(2, 5)), roughness=0.45)
    across, down = grid(size)
    if rng.random() < 0.5:
        around = np.hypot(across - rng.normal(0, 0.4), down - rng.normal(0, 0.4)).astype(np.float32)
        height = height * np.float32(0.5) + around * np.float32(rng.uniform(1, 3))
    lines = rng.uniform(5, 16)
    level = ranked(height)
    slope = np.hypot(*np.gradient(level)) * lines + 1e-6
    wave = level * lines
    off = np.abs(wave - np.round(wave)) / slope
    line = np.exp(-((off / rng.uniform(0.5, 1.6)) ** 2)).astype(np.float32)
    bands = palette.at((np.floor(wave) / lines) ** rng.uniform(1.2, 3.0) * 0.6)
    colour = palette.at(0.5 + 0.5 * ranked(smooth(rng, size, 1.2)))
    light = line + np.float32(0.9) * blurred(line, size / 90)
    return bands * np.float32(rng.uniform(0.15, 0.9)) + colour * light[..., None]


def _voronoi(x: Array, y: Array, seeds: Array) -> tuple[Array, Array, npt.NDArray[np.int64]]:
    """Return the distances to the nearest and the second nearest seed, and which is the nearest."""
    nearest = np.full(x.shape, np.inf, np.float32)
    second = nearest.copy()
    owner = np.zeros(x.shape, np.int64)
    for i, (sx, sy) in enumerate(seeds):
        distance = np.hypot(x - sx, y - sy)
        closer = distance < nearest
        second = np.where(closer, nearest, np.minimum(second, distance))
        owner[closer] = i
        nearest = np.minimum(nearest, distance)
    return nearest, second, owner


def _figure(rng: np.random.Generator, u: Array, v: Array, reach: float) -> Array:
    """Return the distance to the border of a figure, negative inside."""
    radius = np.hypot(u, v)
    match int(rng.integers(6)):
        case 0:
            return radius - np.float32(reach)
        case 1:
            return np.abs(radius - np.float32(reach)) - np.float32(reach * rng.uniform(0.03, 0.3))
        case 2:  # a bar
            thin = np.float32(reach * rng.uniform(0.04, 0.3))
            return np.maximum(np.abs(u) - np.float32(reach * 2.2), np.abs(v) - thin)
        case 3:
            return np.maximum(np.abs(u), np.abs(v)) - np.float32(reach * 0.8)
        case 4:  # a wedge
            return np.maximum(np.abs(v) * 0.9 - (np.float32(reach) - u) * 0.4, np.float32(-reach) - u)
        case _:  # an arc
            ring = np.abs(radius - np.float32(reach * 1.4)) - np.float32(reach * rng.uniform(0.04, 0.15))
            return np.maximum(ring, -v)


def _pixel(place: float, size: int) -> int:
    return int(np.clip((place + 1) / 2 * size, 0, size - 1))


def _path(angle_at: Array, x: float, y: float, length: float, size: int) -> npt.NDArray[np.float64]:
    """Return places (n, 2) along the field of angles."""
    steps = 14
    path = np.empty((steps, 2))
    for i in range(steps):
        path[i] = x, y
        angle = float(angle_at[_pixel(y, size), _pixel(x, size)])
        x, y = x + length / steps * np.cos(angle), y + length / steps * np.sin(angle)
    return path


def _brush(
    rng: np.random.Generator,
    marks: npt.NDArray[np.uint8],
    path: npt.NDArray[np.float64],
    width: float,
    colour: Array,
    size: int,
) -> None:
    """Draw a stroke of many bristles, each of which has a little more or less paint."""
    way = np.gradient(path, axis=0)
    aside = np.stack([-way[:, 1], way[:, 0]], axis=1) / (np.linalg.norm(way, axis=1, keepdims=True) + 1e-9)
    bristles = max(3, int(width * size * 0.55))
    thick = max(1, round(width * size / bristles * 1.2))
    press = np.sin(np.linspace(0.25, np.pi - 0.1, len(path))) ** 0.5
    drift = np.cumsum(rng.normal(0, 0.08, bristles))
    for i, place in enumerate(np.linspace(-0.5, 0.5, bristles)):
        amount = np.clip(1 + 0.35 * np.sin(drift[i] * 3) + rng.normal(0, 0.12), 0.3, 1.6)
        rgb = np.clip(255 * (colour * amount) ** (1 / 2.2), 0, 255)
        line = path + aside * (place * width * press)[:, None]
        end = len(line) - int(rng.integers(0, 4))
        points = np.round((line[:end] + 1) / 2 * size * 8).astype(np.int32)
        cv2.polylines(marks, [points], False, (*rgb.tolist(), 255), thick, cv2.LINE_AA, 3)
