"""Network mixing: two networks of one shape drawn as one, each layer with its own share of the second.

Weights are interpolated, not pictures: with a share of 1 in the coarse layers and 0 in the fine ones, a picture has the
second network's composition and the first one's brushwork (layer swapping: Pinkney & Adler 2020, arXiv:2010.05334; with
shares between: Wang et al. 2019, arXiv:1811.10515). It makes most sense between a network and one that was trained on
from it. Shares change from frame to frame without compiling anything.
"""

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from avserver.canvas import SQUARE, Canvas
from avserver.frame_spec import Mix
from avserver.generator.architecture import check_alike
from avserver.generator.backend import ops, stage
from avserver.generator.bending import NO_BENDS, Bending
from avserver.generator.checkpoint import Checkpoint
from avserver.generator.synthesis import Noise, Synthesis, make_synthesis

Tensor = Any
Array = npt.NDArray[np.float32]


class MixedSynthesis:
    """Two synthesis networks as one.

    `one` is the first of them. A part of a network says what of it is learnt: `LEARNT` names its arrays, `PARTS` the
    attributes that hold further parts (one, a list, or None). A part with an `index` is a layer that takes the w of
    that number, and its share.

    Raises ModelError unless both are of the same configuration.
    """

    def __init__(self, one: Checkpoint, other: Checkpoint, *, precision: str, canvas: Canvas = SQUARE) -> None:
        check_alike(one.config, other.config)
        self.one = make_synthesis(one.config, one.tensors, precision=precision, canvas=canvas)
        self._other = make_synthesis(other.config, other.tensors, precision=precision, canvas=canvas)
        # The power of a mixture of kernels is quadratic in its share: it needs the product of the two as well.
        self._cross = [
            (first.kernel(one.tensors, first.name) * first.kernel(other.tensors, first.name)).sum(axis=(0, 1))
            for first in _convolutions(self.one)
        ]

    def noise_strengths(self, shares: Array) -> Array:
        """Return the strength of each noisy layer's noise, (layers,), for shares (num_ws,)."""
        one, other = (np.array([layer.noise_strength for layer in n.noisy]) for n in (self.one, self._other))
        strengths: Array = (one + shares[: len(one)] * (other - one)).astype(np.float32)
        return strengths

    def draw(
        self,
        ws: Tensor,
        noise: Mapping[str, Noise],
        bending: Bending = NO_BENDS,
        develop: Callable[[Tensor], Tensor] = lambda image: image,
        *,
        shares: Tensor,
    ) -> Tensor:
        """Do what `Synthesis.draw` does; shares (num_ws,) are those of the second network."""
        learnt, powers = stage(self._mixed)(shares)
        network: Synthesis = _rebuilt(self.one, iter(learnt))
        for conv, power in zip(_convolutions(network), powers, strict=True):
            conv.power = power
        return network.draw(ws, noise, bending, develop)

    def _mixed(self, shares: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Return all that is learnt, mixed, and the power of every convolution's kernel."""
        pairs = zip(_learnt(self.one, 0), _learnt(self._other, 0), strict=True)
        learnt = [one + shares[i] * (two - one) for (one, i), (two, _) in pairs]
        powers = []
        convolutions = zip(_convolutions(self.one), _convolutions(self._other), self._cross, strict=True)
        for one, two, cross in convolutions:
            share = shares[one.index]
            rest = 1 - share
            powers.append(rest * rest * one.power + 2 * rest * share * cross + share * share * two.power)
        return learnt, powers


def layer_shares(mix: Mix, num_ws: int) -> Array:
    """Return the second network's share of each layer, (num_ws,)."""
    shares = np.zeros(num_ws, np.float32)
    shares[mix.layers[0] : mix.layers[1]] = mix.amount
    return shares


def _parts(part: Any) -> Iterator[tuple[str, int | None, Any]]:
    """Yield the parts of a part: the attribute, the place if that is a list, and the part."""
    for name in getattr(part, "PARTS", ()):
        held = getattr(part, name)
        if isinstance(held, list):
            yield from ((name, place, child) for place, child in enumerate(held))
        elif held is not None:
            yield name, None, held


def _learnt(part: Any, index: int) -> Iterator[tuple[Tensor, int]]:
    """Yield every learnt array with the number of its layer."""
    index = getattr(part, "index", index)
    for name in getattr(part, "LEARNT", ()):
        yield ops.convert_to_tensor(np.asarray(getattr(part, name), np.float32)), index
    for _, _, child in _parts(part):
        yield from _learnt(child, index)


def _rebuilt(part: Any, values: Iterator[Tensor]) -> Any:
    """Return a copy of a part with other values for what is learnt, in the order of `_learnt`."""
    new = copy.copy(part)
    for name in getattr(part, "LEARNT", ()):
        setattr(new, name, next(values))
    for name, place, child in list(_parts(part)):
        if place is None:
            setattr(new, name, _rebuilt(child, values))
        else:
            if place == 0:
                setattr(new, name, list(getattr(part, name)))
            getattr(new, name)[place] = _rebuilt(child, values)
    return new


def _convolutions(part: Any) -> list[Any]:
    """Return all parts that demodulate, in order."""
    found = [part] if hasattr(part, "power") else []
    for _, _, child in _parts(part):
        found += _convolutions(child)
    return found
