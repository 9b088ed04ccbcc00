"""Paintings of light: what many points leave behind, added up on a dark ground."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from avserver.training.painting.fields import Array, blurred, clouds, look_up
from avserver.training.painting.palette import Palette

_VARIATIONS = 8


def flow(rng: np.random.Generator, palette: Palette, size: int) -> Array:
    """Trails of particles that drift along a curl of noise, which flows without piling up (Bridson et al. 2007)."""
    potential = clouds(rng, size, rng.uniform(0.8, 3.0), octaves=3, roughness=0.45)
    down, across = np.gradient(potential)
    speed = np.sqrt(across**2 + down**2).mean() + 1e-6
    field = np.stack([down / speed, -across / speed], axis=-1).astype(np.float32)
    count, steps = int(rng.integers(700, 2600)), int(rng.integers(90, 260))
    place = rng.uniform(-1.15, 1.15, (count, 2)).astype(np.float32)
    if rng.random() < 0.4:  # they rise in a few places only
        springs = rng.uniform(-0.8, 0.8, (int(rng.integers(2, 7)), 2))
        place = (springs[rng.integers(len(springs), size=count)] + rng.normal(0, 0.18, (count, 2))).astype(np.float32)
    ink = palette.inks[rng.integers(len(palette.inks), size=count)] * rng.gamma(1.2, 1.0, (count, 1))
    step = np.float32(1.1 / size)
    trail: list[Array] = []
    for _ in range(steps):
        wind = look_up(field, place[None, :, 0], place[None, :, 1])[0]
        place = place + step * wind
        trail.append(place)
    fade = np.sin(np.linspace(0.05, np.pi - 0.05, steps))
    where = np.concatenate(trail)
    colour = (ink[None] * fade[:, None, None]).reshape(-1, 3)
    seen = splatted(where, colour, size)
    return (
        palette.ground * np.float32(0.6) + exposed(seen, 0.93) + np.float32(0.35) * blurred(seen_soft(seen), size / 60)
    )


def flame(rng: np.random.Generator, palette: Palette, size: int) -> Array:
    """A fractal flame: where a random walk between bent affine maps goes, on a logarithmic scale (Draves 1992)."""
    best, most = _draw_maps(rng), 0
    for _ in range(24):
        maps = _draw_maps(rng)
        where, _ = _walk(np.random.default_rng(0), maps, 1500, 30)
        covered = _cells(where)
        if covered > most:
            best, most = maps, covered
        if covered > 1500:
            break
    where, shades = _walk(rng, best, _walkers(size), 46)
    turns = int(rng.choice([1, 1, 1, 2, 3, 5]))
    angle = 2 * np.pi * rng.integers(turns, size=len(where)) / turns
    cosine, sine = np.cos(angle), np.sin(angle)
    x, y = where.T
    turned = np.stack([x * cosine - y * sine, x * sine + y * cosine], axis=1)
    return _dense(turned, shades, palette, size)


@dataclass(frozen=True, slots=True)
class _Map:
    """One map of a flame: affine (2, 3), two ways to bend what it gives, how much of the first, its shade."""

    affine: npt.NDArray[np.floating]
    bends: tuple[int, int]
    blend: float
    shade: float


def _draw_maps(rng: np.random.Generator) -> list[_Map]:
    count = int(rng.integers(2, 5))
    return [
        _Map(
            affine=rng.uniform(-1, 1, (2, 3)) * np.array([1.0, 1.0, 0.8]),
            bends=(int(rng.integers(_VARIATIONS)), int(rng.integers(_VARIATIONS))),
            blend=float(rng.uniform(0.2, 0.8)),
            shade=0.1 + 0.9 * i / (count - 1),
        )
        for i in range(count)
    ]


def _walk(
    rng: np.random.Generator, maps: list[_Map], count: int, steps: int
) -> tuple[npt.NDArray[np.floating], npt.NDArray[np.floating]]:
    """Return where `count` walkers have been, (n, 2), and their shades (n,), but for the way from where they began."""
    place, shade = rng.uniform(-1, 1, (count, 2)), rng.uniform(0, 1, count)
    where, shades = [], []
    for step in range(steps):
        chosen = rng.integers(len(maps), size=count)
        for number, one in enumerate(maps):
            mine = chosen == number
            moved = place[mine] @ one.affine[:, :2].T + one.affine[:, 2]
            place[mine] = one.blend * _bend(one.bends[0], moved) + (1 - one.blend) * _bend(one.bends[1], moved)
            shade[mine] = (shade[mine] + one.shade) / 2
        lost = ~np.isfinite(place).all(axis=1) | (np.abs(place).max(axis=1) > 50)
        place[lost] = rng.uniform(-1, 1, (int(lost.sum()), 2))
        if step > 12:
            where.append(place.copy())
            shades.append(shade.copy())
    return np.concatenate(where), np.concatenate(shades)


def _walkers(size: int) -> int:
    """Return how many points walk at once: some ten marks a pixel in the end."""
    return max(3000, int(0.4 * size * size))


def _cells(where: npt.NDArray[np.floating]) -> int:
    """Return how many of 64 x 64 cells around most of the places have something in them."""
    low, high = np.quantile(where, 0.01, axis=0), np.quantile(where, 0.99, axis=0)
    cells = ((where - low) / (high - low + 1e-9) * 64).astype(np.int64)
    inside = ((cells >= 0) & (cells < 64)).all(axis=1)
    return len(np.unique(cells[inside] @ np.array([64, 1])))


def attractor(rng: np.random.Generator, palette: Palette, size: int) -> Array:
    """A strange attractor of Clifford's or Peter de Jong's, chosen so that it fills a surface."""
    count = _walkers(size)
    for _ in range(40):
        a, b, c, d = rng.uniform(-2.4, 2.4, 4)
        clifford = rng.random() < 0.5
        x, y = rng.uniform(-1, 1, (2, count))
        where, shades = [], []
        for i in range(44):
            if clifford:
                nx, ny = np.sin(a * y) + c * np.cos(a * x), np.sin(b * x) + d * np.cos(b * y)
            else:
                nx, ny = np.sin(a * y) - np.cos(b * x), np.sin(c * x) - np.cos(d * y)
            if i > 8:
                where.append(np.stack([nx, ny], axis=1))
                shades.append(0.5 + 0.5 * np.tanh(1.5 * np.hypot(nx - x, ny - y) - 1.5))
            x, y = nx, ny
        if _cells(where[-1]) > 1100:
            break
    return _dense(np.concatenate(where), np.concatenate(shades), palette, size)


def splatted(where: npt.NDArray[np.floating], colour: npt.NDArray[np.floating], size: int) -> Array:
    """Return what points at `where` (n, 2) in [-1, 1] leave, (size, size, 3), each spread over four pixels."""
    spot = (where + 1) / 2 * size - 0.5
    low = np.floor(spot).astype(np.int64)
    share = spot - low
    picture = np.zeros((size * size, 3))
    for right in (0, 1):
        for below in (0, 1):
            x, y = low[:, 0] + right, low[:, 1] + below
            weight = np.abs(1 - right - share[:, 0]) * np.abs(1 - below - share[:, 1])
            inside = (x >= 0) & (x < size) & (y >= 0) & (y < size)
            index = y[inside] * size + x[inside]
            for channel in range(3):
                weights = weight[inside] * colour[inside, channel]
                picture[:, channel] += np.bincount(index, weights, size * size)
    return picture.reshape(size, size, 3).astype(np.float32)


def exposed(light: Array, target: float) -> Array:
    """Return light scaled so that its brightest hundredth is at `target`, with a soft shoulder."""
    bright = float(np.quantile(light.max(axis=-1), 0.985)) + 1e-6
    scaled = light / np.float32(bright)
    return np.float32(target) * scaled * (1 + 0.15 * scaled) / (1 + 0.6 * scaled * scaled**0.5)


def seen_soft(light: Array) -> Array:
    """Return what of the light is so bright that it blooms."""
    bright = float(np.quantile(light.max(axis=-1), 0.985)) + 1e-6
    return np.minimum(light / np.float32(bright), 1.5) ** 2


def _dense(where: npt.NDArray[np.floating], shades: npt.NDArray[np.floating], palette: Palette, size: int) -> Array:
    """Return points as a picture: how many there are is how bright, on a logarithmic scale, their shade the colour."""
    low, high = np.quantile(where[::7], 0.01, axis=0), np.quantile(where[::7], 0.99, axis=0)
    centre, reach = (low + high) / 2, float((high - low).max()) / 2 + 1e-6
    colours = palette.at(0.25 + 0.75 * shades)
    seen = splatted((where - centre) / (reach * 1.05), np.concatenate([colours], axis=1), size)
    mass = seen.max(axis=-1)
    level = np.log1p(mass * (60 / (np.quantile(mass, 0.97) + 1e-6)))
    level = level / (np.quantile(level, 0.995) + 1e-6)
    hue = seen / (mass[..., None] + 1e-6)
    light = hue * np.clip(level, 0, 1.3)[..., None] ** 1.5
    return (palette.ground * (1 - np.clip(level, 0, 1))[..., None] + light).astype(np.float32)


def _bend(kind: int, place: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Return places bent by one of the flame's variations: linear, sinusoidal, spherical, swirl and so on."""
    x, y = place[:, 0], place[:, 1]
    square = x * x + y * y + 1e-9
    radius, angle = np.sqrt(square), np.arctan2(x, y)
    match kind:
        case 0:
            pair = x, y
        case 1:
            pair = np.sin(x), np.sin(y)
        case 2:
            pair = x / square, y / square
        case 3:
            pair = x * np.sin(square) - y * np.cos(square), x * np.cos(square) + y * np.sin(square)
        case 4:
            pair = (x - y) * (x + y) / radius, 2 * x * y / radius
        case 5:
            pair = angle / np.pi, radius - 1
        case 6:
            pair = radius * np.sin(angle + radius), radius * np.cos(angle - radius)
        case _:
            half = angle / 2
            pair = np.sqrt(radius) * np.cos(half), np.sqrt(radius) * np.sin(half)
    return np.stack(pair, axis=1)
