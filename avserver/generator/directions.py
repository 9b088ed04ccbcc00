"""Directions of w along which pictures change, found without anybody saying what they are for.

- "sefa": those that the styles answer to most, in closed form from the weights (Shen & Zhou 2021, arXiv:2007.06600);
- "ganspace": the principal components of w (Härkönen et al. 2020, arXiv:2004.02546).

Both know nothing of an architecture but the names of its parameters. Finding them takes a fraction of a second at
w_dim 512, and is done when a renderer is built, never in a frame.
"""

from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt

from avserver.errors import ModelError, WireError, nearest
from avserver.frame_spec import DIRECTION_KINDS, Direction
from avserver.generator.checkpoint import Tensors

Array = npt.NDArray[np.float32]

# Seeded z whose w is looked at: several for each dimension of w, so that a standard deviation is off by a percent.
SAMPLES = 4096


class Directions:
    """The directions of the kinds that a show asks for, each as long as the standard deviation of w along it.

    Args:
        kinds: of DIRECTION_KINDS.
        tensors: of the model, by their official names.
        sample_w: returns the w of many z, (n, w_dim), before truncation; called only if there are kinds.

    Raises ModelError for an unknown kind.
    """

    def __init__(self, kinds: Iterable[str], tensors: Tensors, sample_w: Callable[[], Array]) -> None:
        kinds = tuple(dict.fromkeys(kinds))
        for kind in kinds:
            if kind not in DIRECTION_KINDS:
                raise ModelError(f"unknown kind of directions {kind!r}, {nearest(kind, DIRECTION_KINDS)}")
        self._steps: dict[str, Array] = {}
        if kinds:
            w = sample_w()
            for kind in kinds:
                units = sefa(tensors) if kind == "sefa" else ganspace(w)
                self._steps[kind] = units * (w @ units.T).std(axis=0)[:, None]

    def __getitem__(self, kind: str) -> Array:
        """Return the directions of a kind, (w_dim, w_dim), the strongest first."""
        return self._steps[kind]

    def move(self, ws: Array, directions: Iterable[Direction]) -> Array:
        """Return ws (n, num_ws, w_dim) with directions added.

        Raises:
            ModelError: for a kind that was not prepared, or a number that there is not.
            WireError: for layers that the model doesn't have, or an amount that is not finite.
        """
        moved = ws.copy()
        for direction in directions:
            first, stop = self._checked(direction, layers=ws.shape[1])
            moved[:, first:stop] += np.float32(direction.amount) * self._steps[direction.kind][direction.number - 1]
        return moved

    def _checked(self, direction: Direction, layers: int) -> tuple[int, int]:
        """Return the layers of a direction that can be added."""
        if direction.kind not in self._steps:
            prepared = ", ".join(self._steps) or "none"
            raise ModelError(f"{direction.kind!r} directions were not prepared, prepared: {prepared}")
        count = len(self._steps[direction.kind])
        if direction.number not in range(1, count + 1):
            raise ModelError(f"the model has {direction.kind} directions 1 to {count}, got {direction.number!r}")
        first, stop = direction.layers
        if not 0 <= first < stop <= layers:
            raise WireError(f"a direction's layers lie in [0, {layers}), got [{first}, {stop})")
        if not np.isfinite(direction.amount):
            raise WireError(f"a direction's amount is a finite number, got {direction.amount!r}")
        return first, stop


def sample_z(z_dim: int) -> Array:
    """Return z (SAMPLES, z_dim), always the same."""
    return np.random.default_rng(0).standard_normal((SAMPLES, z_dim)).astype(np.float32)


def sefa(tensors: Tensors) -> Array:
    """Return the unit directions (w_dim, w_dim) that change the styles of all layers most, the strongest first.

    They are the eigenvectors of AᵀA, A being all affine maps from w to the styles, one below the other.
    """
    names = [name for name in tensors if name.startswith("synthesis.") and name.endswith(".affine.weight")]
    affine = np.concatenate([tensors[name] for name in sorted(names)]).astype(np.float64)
    return _principal(affine.T @ affine)


def ganspace(w: Array) -> Array:
    """Return the unit principal components (w_dim, w_dim) of samples w (n, w_dim), the strongest first."""
    centred = w - w.mean(axis=0, dtype=np.float64)
    return _principal(centred.T @ centred)


def _principal(square: npt.NDArray[np.float64]) -> Array:
    """Return the eigenvectors of a symmetric matrix as rows, those of the largest eigenvalues first.

    Either sign would do; the entry of the largest magnitude is made positive, so that a direction always means the
    same.
    """
    _, columns = np.linalg.eigh(square)
    vectors = columns.T[::-1]
    largest = np.abs(vectors).argmax(axis=1)
    signs = np.sign(vectors[np.arange(len(vectors)), largest])
    return (vectors * signs[:, None]).astype(np.float32)
