"""Every bend transform in plain numpy, the slow and obvious way: what the table's words mean.

x is (H, W, C); places are complex numbers in samples from the centre, the imaginary part pointing up.
"""

import numpy as np

PAD = {"reflect": "symmetric", "wrap": "wrap", "zero": "constant"}


def bent(x, transform, values, edges="reflect", *, picture=None, stored=None):
    """Return x bent. `stored` are the fields (and offsets) of the transforms that have some."""
    if transform in MOVES:
        source = MOVES[transform](places(len(x)), values, picture or len(x), len(x), stored)
        return sampled(x, source, edges)
    if transform in POINTWISE:
        return POINTWISE[transform](x, values, stored)
    return NEIGHBOURHOOD[transform](x, values, edges)


def places(size):
    steps = np.arange(size) - (size - 1) / 2
    return steps[None, :] - 1j * steps[:, None]


def sampled(x, source, edges):
    """Return x at complex places, bilinear."""
    size, far = len(x), 12 * len(x)
    padded = np.pad(x.astype(float), [(far, far), (far, far), (0, 0)], mode=PAD[edges])
    column, row = source.real + (size - 1) / 2 + far, -source.imag + (size - 1) / 2 + far
    column, row = (np.clip(axis, 0, len(padded) - 2) for axis in (column, row))
    left, upper = np.floor(column).astype(int), np.floor(row).astype(int)
    right_share, lower_share = (column - left)[..., None], (row - upper)[..., None]
    above = padded[upper, left] * (1 - right_share) + padded[upper, left + 1] * right_share
    below = padded[upper + 1, left] * (1 - right_share) + padded[upper + 1, left + 1] * right_share
    return above * (1 - lower_share) + below * lower_share


def by_matrix(z, forward):
    """Return where the content of places comes from, if `forward` moves (x, y downwards) to where it is seen."""
    (a, b), (c, d) = np.linalg.inv(forward)
    x, y = z.real, -z.imag
    return (a * x + b * y) - 1j * (c * x + d * y)


def polar(radius, degrees):
    return radius * np.exp(1j * np.radians(degrees))


def swirl(z, values, picture, size, stored):
    angle, radius = values
    share = np.clip(1 - abs(z) / (radius * picture), 0, None) ** 2
    return z * polar(1, -angle * share)


def kaleidoscope(z, values, picture, size, stored):
    amount, segments, begin = values
    segment = 360 / round(segments)
    turned = (np.degrees(np.angle(z)) - begin) % segment
    folded = np.where(turned > segment / 2, segment - turned, turned)
    return (1 - amount) * z + amount * polar(abs(z), begin + folded)


def mirror(z, values, picture, size, stored):
    def one(axis, pushed):
        stands = size / 2 * (1 - abs(pushed)) * (1 if pushed >= 0 else -1)
        behind = axis > stands if pushed >= 0 else axis < stands
        return np.where(behind, 2 * stands - axis, axis)

    return one(z.real, values[0]) - 1j * one(-z.imag, values[1])


def displace(z, values, picture, size, stored):
    amount, phase = values
    right, down = np.cos(phase) * stored[:2] + np.sin(phase) * stored[2:]
    return z - amount * picture * (right - 1j * down)


MOVES = {
    "zoom": lambda z, v, *_: z * v[0],
    "translate": lambda z, v, picture, *_: z - picture * (v[0] - 1j * v[1]),
    "rotate": lambda z, v, *_: z * polar(1, -v[0]),
    "shear": lambda z, v, *_: by_matrix(z, np.array([[1, 0], [v[1], 1]]) @ np.array([[1, v[0]], [0, 1]])),
    "flip": lambda z, v, *_: z.real * v[0] + 1j * z.imag * v[1],
    "perspective": lambda z, v, picture, *_: z / (1 + (v[0] * z.real - v[1] * z.imag) / picture),
    "swirl": swirl,
    "kaleidoscope": kaleidoscope,
    "mirror": mirror,
    "displace": displace,
}


def mixed(x, other, amount):
    return (1 - amount) * x + amount * other


def noise(x, values, stored):
    fields, offsets = stored
    turned = [np.cos(offset + values[1]) * fields[0] + np.sin(offset + values[1]) * fields[1] for offset in offsets]
    return x + values[0] * np.stack(turned, axis=-1)


POINTWISE = {
    "invert": lambda x, v, _: mixed(x, -x, v[0]),
    "scale": lambda x, v, _: x * v[0],
    "threshold": lambda x, v, _: mixed(x, np.where(x > v[1], 1.0, 0.0), v[0]),
    "ablate": lambda x, v, _: mixed(x, np.zeros_like(x), v[0]),
    "posterize": lambda x, v, _: mixed(x, np.floor(x * v[1] + 0.5) / v[1], v[0]),
    "fold": lambda x, v, _: mixed(x, np.sin(v[1] * x), v[0]),
    "noise": noise,
}


def windows(x, reach, edges):
    """Return the square of samples around every sample: (H, W, C, 2 reach + 1, 2 reach + 1)."""
    padded = np.pad(x.astype(float), [(reach, reach), (reach, reach), (0, 0)], mode=PAD[edges])
    return np.lib.stride_tricks.sliding_window_view(padded, (2 * reach + 1, 2 * reach + 1), axis=(0, 1))


def filtered(x, kernel, edges):
    return (windows(x, len(kernel) // 2, edges) * kernel).sum(axis=(-1, -2))


def blur(x, values, edges):
    offsets = np.arange(-6, 7)
    kernel = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * values[0] ** 2))
    return filtered(x, kernel / kernel.sum(), edges)


def spread(x, radius, edges, best):
    """Whole radii as squares of samples, between them in proportion."""
    at = [x, *(best(windows(x, reach, edges), axis=(-1, -2)) for reach in (1, 2))]
    lower = min(int(radius), 1)
    return mixed(at[lower], at[lower + 1], radius - lower)


def sobel(x, values, edges):
    across = np.outer([1, 2, 1], [-1, 0, 1]) / 8
    slope = np.hypot(filtered(x, across, edges), filtered(x, across.T, edges))
    return mixed(x, slope, values[0])


SMALL_BLUR = np.outer([1, 2, 1], [1, 2, 1]) / 16

NEIGHBOURHOOD = {
    "blur": blur,
    "sharpen": lambda x, v, edges: x + v[0] * (x - filtered(x, SMALL_BLUR, edges)),
    "erode": lambda x, v, edges: spread(x, v[0], edges, np.min),
    "dilate": lambda x, v, edges: spread(x, v[0], edges, np.max),
    "sobel": sobel,
}
