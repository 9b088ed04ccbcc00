"""The bends of one picture, as a network applies them: asked at each of its layers."""

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any, Literal

from avserver.generator.backend import ops
from avserver.generator.bending.geometry import Places, warp
from avserver.generator.bending.selection import Mask

Tensor = Any
Place = Literal["before", "after"]  # the nonlinearity


class Step:
    """One thing that is done to a layer's activations x (n, H, W, C); `act` returns them done.

    Attributes:
        looks_around: a sample depends on others, so that it should be a stage by itself (see `passage`).
    """

    def __init__(self, act: Callable[[Tensor], Tensor], mask: Mask | None, *, looks_around: bool) -> None:
        self._act = act
        self._mask = mask
        self.looks_around = looks_around

    def __call__(self, x: Tensor) -> Tensor:
        """Return the activations with the chosen channels bent, and the others as they were."""
        done = self._act(x)
        return done if self._mask is None else ops.where(ops.convert_to_tensor(self._mask), done, x)

    def picture(self, image: Tensor) -> Tensor:
        """Return what becomes of the picture so far when a whole block is bent: nothing, but see `Move`."""
        return image


class Move(Step):
    """Samples that come from elsewhere. If all features move, the picture so far goes with them."""

    def __init__(self, places: Places, mask: Mask | None) -> None:
        super().__init__(lambda x: warp(x, places), mask, looks_around=True)

    def picture(self, image: Tensor) -> Tensor:
        """Return the picture so far, moved like the activations."""
        return self._act(image) if self._mask is None else image


class Bending:
    """The bends of one picture.

    Args:
        steps: by layer and place, in order.
        matrices: by layer, see `matrix`.
    """

    def __init__(
        self, steps: Mapping[tuple[str, str], Sequence[Step]], matrices: Mapping[str, Tensor] | None = None
    ) -> None:
        self._steps = steps
        self._matrices = matrices or {}

    def touches(self, layer: str, place: Place = "after") -> bool:
        """Return whether anything is done to the layer's activations before or after its nonlinearity."""
        return (layer, place) in self._steps

    def steps(self, layer: str, place: Place = "after") -> Sequence[Step]:
        """Return what is done to a layer's activations, one after the other."""
        return self._steps.get((layer, place), ())

    def __call__(self, x: Tensor, layer: str, place: Place = "after") -> Tensor:
        """Return the activations x (n, H, W, C), bent, all `steps` at once; a stage for each is faster."""
        return reduce(lambda x, step: step(x), self.steps(layer, place), x)

    def picture(self, image: Tensor, block: str) -> Tensor:
        """Return the picture so far (n, H, W, 3), moved as the activations of `block` are."""
        return reduce(lambda image, step: step.picture(image), self.steps(block), image)

    def matrix(self, layer: str) -> Tensor | None:
        """Return how a layer that can be moved exactly (`Layer.exact`) shall be, None for not at all.

        It is a (2, 3) matrix from a place in the layer, from the centre, rightwards and downwards in sides of the
        square, to where its content comes from. What else is done to the layer comes after it, in `steps`.
        """
        return self._matrices.get(layer)


NO_BENDS = Bending({})


class Probe(Bending):
    """Bends nothing and keeps the activations of one layer, for a network that is drawn step by step."""

    def __init__(self, layer: str, place: str) -> None:
        self.seen: Tensor = None
        super().__init__({(layer, place): [Step(self._see, None, looks_around=False)]})

    def _see(self, x: Tensor) -> Tensor:
        self.seen = x
        return x
