"""Looks: the look-up tables of a show, ready to be applied to any picture, one at a time.

A cube is interpolated between the four corners of a tetrahedron (Kasson, Plouffe & Nin 1993): half of what a trilinear
interpolation looks up, and greys stay on the diagonal. Curves are interpolated linearly. What is beyond a table's ends
is taken for its ends, and its entries are clipped to what can be shown, 0 to 1.

XLA computes a whole sum again for every channel that is woven into a picture. So the picture is taken apart into
planes, looked up, its bytes packed into one number, and woven together again, each in a stage by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from avserver.errors import ConfigError
from avserver.generator.backend import ops, stage
from avserver.generator.grading import WHITE, to_shares
from avserver.lut_file import Lut, Table

Tensor = Any
Array = npt.NDArray[np.float32]

# An entry of a cube is one number: bits of red, green and blue, from the lowest. 1/8 of a level of 255 is lost at most.
BITS = (10, 11, 11)
MOST_ENTRIES = 2**24  # of all tables together: float32 counts no further
# A table's numbers: where it begins, its side, its low ends and one over its ranges.
_NUMBERS = 8
VALUES = 1 + 2 * _NUMBERS

_LOW, _HIGH = np.zeros(3, np.float32), np.ones(3, np.float32)
_UNCHANGED = Table(np.stack([_LOW, _HIGH]), _LOW, _HIGH)


class Looks:
    """Tables, numbered from 1.

    Raises ConfigError if together they are too large.
    """

    def __init__(self, luts: Sequence[Lut]) -> None:
        curves = [lut.curves for lut in luts]
        cubes = [lut.cube for lut in luts]
        self._curves = _Tables(curves, _UNCHANGED) if any(curves) else None
        self._cubes = _Tables(cubes, _corners()) if any(cubes) else None

    def values(self, number: int, amount: float) -> Array:
        """Return a look as `apply` takes it, (VALUES,): the amount, and the numbers of its curves and its cube.

        A number that no table has stands for none.
        """
        tables = (self._curves, self._cubes)
        count = max(len(held.numbers) for held in tables if held)
        known = 1 <= number <= count
        rows = [held.numbers[number - 1 if known else 0] if held else [0.0] * _NUMBERS for held in tables]
        return np.concatenate([[amount if known else 0.0], *rows]).astype(np.float32)

    def apply(self, levels: Tensor, values: Tensor, opacity: Tensor) -> Tensor:
        """Return levels (n, H, W, 3), half a one above, looked up, as uint8; without an amount they stay."""
        planes = stage(lambda x: ops.transpose(ops.reshape(x, (-1, 3))))(levels)
        packed = stage(self._packed)(planes, values, opacity)
        return stage(lambda x: ops.reshape(_woven(x), levels.shape))(packed)

    def _packed(self, planes: Tensor, values: Tensor, opacity: Tensor) -> Tensor:
        """Return the bytes of planes (3, pixels) as one number a pixel."""
        shown = [to_shares(planes[i]) for i in range(3)]
        looked = shown
        if self._curves:
            looked = self._curves.curved(looked, values[1 : 1 + _NUMBERS])
        if self._cubes:
            looked = self._cubes.mapped(looked, values[1 + _NUMBERS :])
        # A difference that is added: without an amount it vanishes exactly.
        changed = [planes[i] + values[0] * WHITE * (looked[i] - shown[i]) for i in range(3)]
        red, green, blue = (ops.cast(ops.clip(x, 0, WHITE) * opacity, "int32") for x in changed)
        return red + 2**8 * green + 2**16 * blue


@dataclass(frozen=True, slots=True)
class _Place:
    """Where planes lie in a table: the entry before, and the share of the next one; one of each a colour."""

    before: list[Tensor]
    share: list[Tensor]


class _Tables:
    """Tables of one kind, one after the other; those that are missing are the same one."""

    def __init__(self, tables: Sequence[Table | None], otherwise: Table) -> None:
        held = [table or otherwise for table in tables]
        self.is_cube = held[0].values.ndim == 4
        entries = [np.clip(table.values, 0, 1).reshape(-1, 3) for table in held]
        begins = np.cumsum([0, *map(len, entries)])
        if begins[-1] > MOST_ENTRIES:
            raise ConfigError(f"look-up tables have {MOST_ENTRIES} entries together at most, got {begins[-1]}")
        self._entries = np.concatenate(entries)
        self.numbers = [
            [begin, table.values.shape[0], *table.low, *(1 / (table.high - table.low))]
            for begin, table in zip(begins, held, strict=False)
        ]

    def curved(self, planes: list[Tensor], numbers: Tensor) -> list[Tensor]:
        """Return planes behind the curves, every colour by its own."""
        begin, _, place = _placed(planes, numbers)
        found = []
        for colour, (before, share) in enumerate(zip(place.before, place.share, strict=True)):
            curve = ops.convert_to_tensor(np.ascontiguousarray(self._entries[:, colour]))
            one, other = (ops.take(curve, begin + before + i) for i in (0, 1))
            found.append(one + share * (other - one))
        return found

    def mapped(self, planes: list[Tensor], numbers: Tensor) -> list[Tensor]:
        """Return planes behind the cube."""
        begin, side, place = _placed(planes, numbers)
        r, g, b = place.share
        steps = (1, side, side * side)
        base = begin + sum(before * step for before, step in zip(place.before, steps, strict=True))
        # From the first corner to the last, along the colour that is farthest from its entry first.
        most, least = ops.maximum(ops.maximum(r, g), b), ops.minimum(ops.minimum(r, g), b)
        middle = r + g + b - most - least
        first = ops.where((r >= g) & (r >= b), steps[0], ops.where(g >= b, steps[1], steps[2]))
        last = ops.where((b <= g) & (b <= r), steps[2], ops.where(g <= r, steps[1], steps[0]))
        across = sum(steps)
        corners = (base, base + first, base + across - last, base + across)
        weights = (1 - most, most - middle, middle - least, least)
        packed = ops.convert_to_tensor(_packed_entries(self._entries))
        sums: list[Tensor] = [0.0, 0.0, 0.0]
        for corner, weight in zip(corners, weights, strict=True):
            entry = ops.take(packed, corner)
            for colour, (bits, shift) in enumerate(zip(BITS, _SHIFTS, strict=True)):
                level = ops.bitwise_and(ops.right_shift(entry, shift), 2**bits - 1)
                sums[colour] = sums[colour] + weight * ops.cast(level, "float32")
        return [total * (1 / (2**bits - 1)) for total, bits in zip(sums, BITS, strict=True)]


_SHIFTS = (0, BITS[0], BITS[0] + BITS[1])


def _placed(planes: list[Tensor], numbers: Tensor) -> tuple[Tensor, Tensor, _Place]:
    """Return where a table begins, how many entries it has a side, and where planes lie in it."""
    begin, side = ops.cast(numbers[0], "int32"), ops.cast(numbers[1], "int32")
    before, share = [], []
    for colour, plane in enumerate(planes):
        place = ops.clip((plane - numbers[2 + colour]) * numbers[5 + colour], 0, 1) * (numbers[1] - 1)
        entry = ops.minimum(ops.cast(place, "int32"), side - 2)
        before.append(entry)
        share.append(place - ops.cast(entry, "float32"))
    return begin, side, _Place(before, share)


def _packed_entries(entries: Array) -> npt.NDArray[np.int32]:
    packed = np.zeros(len(entries), np.uint32)
    for colour, (bits, shift) in enumerate(zip(BITS, _SHIFTS, strict=True)):
        packed |= np.round(entries[:, colour] * (2**bits - 1)).astype(np.uint32) << np.uint32(shift)
    return packed.view(np.int32)


def _woven(packed: Tensor) -> Tensor:
    """Return packed bytes (pixels,) as (pixels, 3), uint8."""
    return ops.cast(ops.stack([ops.bitwise_and(ops.right_shift(packed, 8 * i), 255) for i in range(3)], -1), "uint8")


def _corners() -> Table:
    """Return the smallest cube that changes nothing."""
    blue, green, red = np.meshgrid(*[np.arange(2, dtype=np.float32)] * 3, indexing="ij")
    return Table(np.stack([red, green, blue], axis=-1), _LOW, _HIGH)
