"""Paintings of matter: what folds, spreads and reacts."""

from dataclasses import dataclass

import cv2
import numpy as np

from avserver.training.painting.fields import Array, blurred, clouds, grid, look_up, ranked, smooth
from avserver.training.painting.palette import Palette


def folds(rng: np.random.Generator, palette: Palette, size: int) -> Array:
    """Noise whose place is moved by noise, and that again: silk, smoke, agate."""
    across, down = grid(size)
    base = rng.uniform(0.5, 1.8)
    source = clouds(rng, size, base * rng.uniform(1, 3), octaves=6, roughness=rng.uniform(0.4, 0.6))
    strength = rng.uniform(0.12, 0.5)
    x, y = across, down
    for _ in range(int(rng.integers(1, 4))):
        push_x = clouds(rng, size, base, octaves=3)
        push_y = clouds(rng, size, base, octaves=3)
        x, y = (
            x + np.float32(strength) * look_up(push_x, x, y),
            y + np.float32(strength) * look_up(push_y, x, y),
        )
    height = look_up(source, x, y)
    level = ranked(height)
    if rng.random() < 0.4:  # bands, as in agate
        level = 0.5 + 0.5 * np.sin(level * rng.uniform(8, 28) + 2 * ranked(smooth(rng, size, 1.0)))
    dark = rng.uniform(0.8, 2.2)
    light = _lit(height, rng, rng.uniform(0.1, 0.9))
    return palette.at(level**dark) * light[..., None]


def reaction(rng: np.random.Generator, palette: Palette, size: int) -> Array:
    """Two substances that feed on each other and spread (Gray and Scott 1984; Pearson 1993), seen as a relief."""
    cells = int(rng.choice([96, 128, 176]))
    feed, kill = _FOODS[rng.integers(len(_FOODS))]
    feed_map = np.float32(feed) + np.float32(0.004) * smooth(rng, cells, 1.5) * np.float32(rng.uniform(0, 1))
    u, v = np.ones((cells, cells), np.float32), np.zeros((cells, cells), np.float32)
    for x, y in rng.integers(0, cells, (int(rng.integers(6, 40)), 2)):
        cv2.circle(v, (int(x), int(y)), int(rng.integers(2, 6)), 0.5, -1)
    v += np.float32(0.02) * rng.random((cells, cells), np.float32)
    kernel = np.array([[0.05, 0.2, 0.05], [0.2, -1, 0.2], [0.05, 0.2, 0.05]], np.float32)
    for _ in range(int(rng.integers(1400, 3200))):
        eaten = u * v * v
        spread_u = np.asarray(cv2.filter2D(u, -1, kernel, borderType=cv2.BORDER_REFLECT), np.float32)
        spread_v = np.asarray(cv2.filter2D(v, -1, kernel, borderType=cv2.BORDER_REFLECT), np.float32)
        u += spread_u - eaten + feed_map * (1 - u)
        v += np.float32(0.5) * spread_v + eaten - (feed_map + np.float32(kill)) * v
    height = np.asarray(cv2.resize(v, (size, size), interpolation=cv2.INTER_CUBIC), np.float32)
    spread = float(height.std()) + 1e-6
    level = np.clip((height - height.min()) / (np.quantile(height, 0.99) - height.min() + 1e-6), 0, 1)
    region = ranked(smooth(rng, size, rng.uniform(0.8, 2.0)))
    colours = palette.at(level * (0.45 + 0.55 * region))
    return colours * _lit(height / spread, rng, 0.8)[..., None]


def ink(rng: np.random.Generator, palette: Palette, size: int) -> Array:
    """Marbling: drops push each other aside, combs are drawn through them (Jaffer's mathematics of it)."""
    across, down = grid(2 * size)  # and made smaller in the end, for edges without steps
    x, y = across * 1.05, down * 1.05
    moves = _marbling(rng, palette)
    colour = np.tile(palette.ground, (2 * size, 2 * size, 1)).astype(np.float32)
    free = np.ones((2 * size, 2 * size), bool)
    # Backwards: where was what lies here now, before the last move?
    for move in reversed(moves):
        if isinstance(move, _Drop):
            dx, dy = x - move.centre[0], y - move.centre[1]
            square = dx * dx + dy * dy
            inside = free & (square < move.radius**2)
            colour[inside] = move.colour
            free &= ~inside
            pull = np.sqrt(np.maximum(1 - move.radius**2 / np.maximum(square, 1e-9), 0))
            x, y = move.centre[0] + dx * pull, move.centre[1] + dy * pull
        else:
            cosine, sine = move.direction
            beside = sine * x - cosine * y - move.offset
            shift = move.drag * np.exp(
                -np.abs(_wrapped(beside.astype(np.float32), 0.5) if move.is_comb else beside) / 0.09
            )
            x, y = x - cosine * shift, y - sine * shift
    fine = clouds(rng, size, 6, octaves=4)
    colour = np.asarray(cv2.resize(colour, (size, size), interpolation=cv2.INTER_AREA), np.float32)
    return colour * (1 + np.float32(0.05) * fine)[..., None]


# Feed and kill rates with lasting patterns: spots, worms, mazes, holes, mitosis.
_FOODS = (
    (0.037, 0.06),
    (0.03, 0.0565),
    (0.029, 0.057),
    (0.039, 0.058),
    (0.0545, 0.062),
    (0.022, 0.051),
    (0.0367, 0.0649),
)


@dataclass(frozen=True, slots=True)
class _Drop:
    """A drop of ink: its centre, its radius, its colour (3,)."""

    centre: tuple[float, float]
    radius: float
    colour: Array


@dataclass(frozen=True, slots=True)
class _Line:
    """A stick drawn through the inks: its direction, how far it drags them, where it passes; combs have many teeth."""

    direction: tuple[float, float]
    drag: float
    offset: float
    is_comb: bool


def _marbling(rng: np.random.Generator, palette: Palette) -> list[_Drop | _Line]:
    """Return what is done in turn."""
    moves: list[_Drop | _Line] = []
    inks = [*palette.inks, palette.ground]
    for _ in range(int(rng.integers(25, 70))):
        place = (float(rng.normal(0, 0.55)), float(rng.normal(0, 0.55)))
        first = int(rng.integers(len(inks)))
        for ring in range(int(rng.integers(1, 5))):
            colour = inks[(first + ring) % len(inks)] * rng.uniform(0.85, 1.1)
            moves.append(_Drop(place, float(rng.uniform(0.06, 0.26)), colour.astype(np.float32)))
    for _ in range(int(rng.integers(0, 7))):
        angle = float(rng.uniform(0, 2 * np.pi))
        direction = (float(np.cos(angle)), float(np.sin(angle)))
        is_comb = rng.random() < 0.4
        moves.append(_Line(direction, float(rng.uniform(-0.5, 0.5)), float(rng.uniform(-0.8, 0.8)), is_comb))
    return moves


def _wrapped(value: Array, period: float) -> Array:
    return (value + period / 2) % period - period / 2


def _lit(height: Array, rng: np.random.Generator, amount: float) -> Array:
    """Return how bright a relief is under a light from the side, about 1."""
    size = height.shape[0]
    down, across = np.gradient(blurred(height, size / 256), 4 / size)
    angle = rng.uniform(0, 2 * np.pi)
    slope = (across * np.cos(angle) + down * np.sin(angle)).astype(np.float32)
    return 1 + np.float32(amount) * np.tanh(slope / (3 * slope.std() + 1e-6))
