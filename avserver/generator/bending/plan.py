"""The plan of bends that a program is compiled for: which there are is fixed then, how far they go is not."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt

from avserver.errors import ModelError, WireError, nearest
from avserver.frame_spec import Bend, BendSlot
from avserver.generator.architecture import Layer
from avserver.generator.backend import ops, stage
from avserver.generator.bending.bends import NO_BENDS, Bending, Step
from avserver.generator.bending.parts import Act, Part, Run, compose
from avserver.generator.bending.selection import select
from avserver.transforms import AFFINE, COORDINATE, TRANSFORMS

Tensor = Any
Array = npt.NDArray[np.float32]
# The activations (n, h, w, C) of some pictures at a layer and place, made small.
Activations = Callable[[str, str], Array]

FARTHEST = 1e6  # of a matrix's entries: many zooms on one layer must not leave what float32 can tell apart


class BendPlan:
    """The bends of a model, prepared.

    Args:
        slots: the bends that there are; those of a layer act in this order. Two may be alike.
        layers: of the model.
        activations: what the model draws at a layer and place, asked for slots that name a cluster of channels.

    Raises ModelError for a layer or channels that the model doesn't have.
    """

    def __init__(self, slots: Iterable[BendSlot], layers: Iterable[Layer], activations: Activations) -> None:
        self.slots = tuple(slots)
        self._layers = {layer.name: layer for layer in layers}
        self._activations = activations
        for slot in self.slots:
            if slot.layer not in self._layers:
                raise ModelError(f"the model has no layer {slot.layer!r}, {nearest(slot.layer, self._layers)}")
        self._exact: dict[str, list[int]] = {}
        self._parts: dict[tuple[str, str], list[Part]] = {}
        for i, slot in enumerate(self.slots):
            if self._is_exact(slot):
                self._exact.setdefault(slot.layer, []).append(i)
        for at in dict.fromkeys((slot.layer, slot.place) for slot in self.slots if not self._is_exact(slot)):
            self._parts[at] = list(self._make_parts(*at))

    def values(self, bends: Iterable[Bend]) -> Array:
        """Return what `begin` needs to know of a frame's bends, as one row of numbers.

        Each bend fills the first slot like it that is still empty; slots that stay empty do nothing. Values beyond
        their range are taken to its end.

        Raises ModelError for a bend without a slot, WireError for values that its transform cannot take.
        """
        amounts: list[tuple[float, ...] | None] = [None] * len(self.slots)
        for bend in bends:
            slot = self._free_slot(bend, amounts)
            amounts[slot] = _checked(bend)
        filled = [given or _neutral(slot) for slot, given in zip(self.slots, amounts, strict=True)]
        row = [number for part in self._all_parts() for number in part.numbers(filled)]
        for layer, indices in self._exact.items():
            row += compose(self.slots, indices, filled, self._layers[layer].canvas)[:2].ravel().tolist()
        return np.clip(np.array(row, np.float64), -FARTHEST, FARTHEST).astype(np.float32)

    def begin(self, values: Tensor) -> Bending:
        """Return the bends of a frame, in the program that draws it."""
        if not self.slots:
            return NO_BENDS
        rows, start = [], 0
        for part in self._all_parts():
            rows.append(values[start : start + part.count])
            start += part.count
        # What is the same for all features is found once, in a stage of its own.
        prepared = iter(stage(self._prepare)(rows) if rows else ())
        steps: dict[tuple[str, str], Sequence[Step]] = {
            at: [step for part in parts for step in part.steps(next(prepared))] for at, parts in self._parts.items()
        }
        matrices = {
            layer: ops.reshape(values[start + 6 * i : start + 6 * i + 6], (2, 3)) for i, layer in enumerate(self._exact)
        }
        return Bending(steps, matrices)

    def _prepare(self, rows: Sequence[Tensor]) -> list[Any]:
        return [part.prepare(row) for part, row in zip(self._all_parts(), rows, strict=True)]

    def _all_parts(self) -> Iterator[Part]:
        return (part for parts in self._parts.values() for part in parts)

    def _is_exact(self, slot: BendSlot) -> bool:
        """Return whether the network itself moves the layer by this bend."""
        is_matrix = slot.transform in AFFINE and slot.transform != "perspective"
        return is_matrix and self._layers[slot.layer].exact and slot.channels.strip() == "all"

    def _make_parts(self, layer: str, place: str) -> Iterator[Part]:
        """Return what is done at a place: one warp for moves that follow each other, all else by itself."""
        here = [
            i
            for i, slot in enumerate(self.slots)
            if (slot.layer, slot.place) == (layer, place) and not self._is_exact(slot)
        ]
        for key, indices in groupby(here, self._run_of):
            slots = list(indices)
            slot = self.slots[slots[0]]
            bent = self._layers[layer].at(place)
            mask = select(slot, bent, lambda: self._activations(layer, place))
            if isinstance(key, tuple):
                yield Run(self.slots, slots, bent, mask)
            else:
                yield Act(self.slots, slots[0], bent, mask)

    def _run_of(self, i: int) -> tuple[str, str] | int:
        """Return what bends of one warp have in common, or the number of a bend that has none."""
        slot = self.slots[i]
        moves = slot.transform in AFFINE or slot.transform in COORDINATE
        return (slot.edges, slot.channels) if moves else i

    def _free_slot(self, bend: Bend, amounts: Sequence[object]) -> int:
        wanted = bend.slot
        for i, slot in enumerate(self.slots):
            if slot == wanted and amounts[i] is None:
                return i
        prepared = ", ".join(map(str, self.slots)) or "none"
        raise ModelError(f"layer {bend.layer!r} was not prepared for bending by {wanted}, prepared: {prepared}")


def _neutral(slot: BendSlot) -> tuple[float, ...]:
    return tuple(value.neutral for value in TRANSFORMS[slot.transform])


def _checked(bend: Bend) -> tuple[float, ...]:
    expected = TRANSFORMS[bend.transform]
    if len(bend.values) != len(expected) or not all(math.isfinite(value) for value in bend.values):
        names = ", ".join(value.name for value in expected)
        raise WireError(f"{bend.transform} takes finite values ({names}), got {bend.values}")
    return tuple(
        min(max(value, allowed.minimum), allowed.maximum) for value, allowed in zip(bend.values, expected, strict=True)
    )
