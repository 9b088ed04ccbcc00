"""The parts of a plan: each becomes a step or two of a frame's bending, given the frame's numbers.

A part says how many numbers it takes and makes them of its slots' values on the host; in the program it prepares what
is the same for all features, and then makes the steps.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby
from typing import Any, Protocol

import numpy as np

from avserver.canvas import Canvas
from avserver.frame_spec import BendSlot
from avserver.generator.architecture import Layer
from avserver.generator.bending.bends import Move, Step
from avserver.generator.bending.geometry import (
    Matrix,
    Place,
    Places,
    centred,
    find_places,
    homography,
    in_samples,
    inverse_matrix,
)
from avserver.generator.bending.moves import make_move
from avserver.generator.bending.neighbourhood import make_acts
from avserver.generator.bending.pointwise import Prepare, make_act
from avserver.generator.bending.selection import Mask
from avserver.transforms import AFFINE, NEIGHBOURHOOD, TRANSFORMS

Tensor = Any
Slots = Sequence[BendSlot]
Amounts = Sequence[tuple[float, ...]]  # the values of every slot

MATRIX = 9  # numbers of a homography, row by row


class Part(Protocol):
    """What is done to a layer by one slot, or by several that make one warp. `count` is how many numbers it takes."""

    count: int

    def numbers(self, amounts: Amounts) -> list[float]:
        """Return the numbers of a frame."""

    def prepare(self, numbers: Tensor) -> Any:
        """Return what `steps` takes, of a frame's numbers in the program."""

    def steps(self, prepared: Any) -> list[Step]:
        """Return the steps of a frame."""


class Act:
    """A pointwise or neighbourhood bend."""

    def __init__(self, slots: Slots, index: int, layer: Layer, mask: Mask | None) -> None:
        self._index = index
        self._mask = mask
        slot = slots[index]
        self.count = len(TRANSFORMS[slot.transform])
        self._looks_around = slot.transform in NEIGHBOURHOOD
        self._prepare: Prepare
        self._acts: Sequence[Callable[[Tensor, Tensor], Tensor]]
        if self._looks_around:
            self._prepare, acts = make_acts(slot.transform)
            self._acts = [partial(act, edges=slot.edges) for act in acts]
        else:
            self._prepare, act = make_act(slot.transform, layer, str(slot))
            self._acts = [act]

    def numbers(self, amounts: Amounts) -> list[float]:
        """Return the values as they are."""
        return list(amounts[self._index])

    def prepare(self, numbers: Tensor) -> Tensor:
        """Return what the act takes of the numbers."""
        return self._prepare(numbers)

    def steps(self, prepared: Tensor) -> list[Step]:
        """Return the steps of a frame."""
        return [
            Step(lambda x, act=act: act(x, prepared), self._mask, looks_around=self._looks_around)  # type: ignore[misc]
            for act in self._acts
        ]


class Run:
    """Bends that take samples from elsewhere, one after the other, in one warp."""

    def __init__(self, slots: Slots, indices: Sequence[int], layer: Layer, mask: Mask | None) -> None:
        self._slots = slots
        self._layer = layer
        self._mask = mask
        self._edges = slots[indices[0]].edges
        self._moves: list[_Homography | _Other] = []
        for is_affine, group in groupby(indices, lambda i: slots[i].transform in AFFINE):
            if is_affine:
                self._moves.append(_Homography(slots, list(group), layer))
            else:
                self._moves += [_Other(slots[i], i, layer) for i in group]
        self.count = sum(move.count for move in self._moves)

    def numbers(self, amounts: Amounts) -> list[float]:
        """Return the numbers of all moves."""
        return [number for move in self._moves for number in move.numbers(amounts)]

    def prepare(self, numbers: Tensor) -> Places:
        """Return where every sample comes from."""
        place = centred(*self._layer.extent)
        stop = self.count
        # The last bend is the first to be undone.
        for move in reversed(self._moves):
            start = stop - move.count
            place = move.source(place, numbers[start:stop])
            stop = start
        return find_places(place, *self._layer.extent, self._edges)

    def steps(self, prepared: Places) -> list[Step]:
        """Return the step of a frame."""
        return [Move(prepared, self._mask)]


class _Homography:
    """Affine bends that follow each other: one matrix."""

    count = MATRIX

    def __init__(self, slots: Slots, indices: list[int], layer: Layer) -> None:
        self._slots, self._indices, self._layer = slots, indices, layer
        self._perspective = any(slots[i].transform == "perspective" for i in indices)

    def numbers(self, amounts: Amounts) -> list[float]:
        matrix = compose(self._slots, self._indices, amounts, self._layer.canvas)
        return in_samples(matrix, self._layer.picture).ravel().tolist()

    def source(self, place: Place, numbers: Tensor) -> Place:
        return homography(place, numbers, perspective=self._perspective)


class _Other:
    """A bend of the coordinate family."""

    def __init__(self, slot: BendSlot, index: int, layer: Layer) -> None:
        self._index = index
        self.count = len(TRANSFORMS[slot.transform])
        self.source = make_move(slot.transform, layer, str(slot))

    def numbers(self, amounts: Amounts) -> list[float]:
        return list(amounts[self._index])


def compose(slots: Slots, indices: Sequence[int], amounts: Amounts, canvas: Canvas) -> Matrix:
    """Return the inverse (3, 3) homography, in sides of the square, of the slots `indices`, applied in this order."""
    matrix = np.eye(3)
    for i in indices:
        matrix = matrix @ inverse_matrix(slots[i].transform, amounts[i], canvas)
    return matrix
