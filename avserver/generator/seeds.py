"""From the latent terms of a FrameSpec to the ws of a picture."""

from collections.abc import Callable, Iterable
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from avserver.errors import WireError
from avserver.frame_spec import FrameSpec, LatentTerm, z_of_seed
from avserver.generator.mapping_network import MappingNetwork

Array = npt.NDArray[np.float32]

REMEMBERED = 1024  # seeds whose w is kept; 2 MB at w_dim 512
SEEDS = 2**32


class SeedMixer:
    """Weighs the w of seeds into ws, layer by layer.

    Args:
        map_z: z (1, z_dim) float32 to w (1, w_dim) numpy, before truncation.
        network: for its dimensions and w_avg.
    """

    def __init__(self, map_z: Callable[[Array], Array], network: MappingNetwork) -> None:
        self._map_z = map_z
        self._config = network.config
        self._w_avg = network.w_avg
        self._w_of_seed = lru_cache(maxsize=REMEMBERED)(self._map_seed)

    def _map_seed(self, seed: int) -> Array:
        return self._map_z(z_of_seed(seed, self._config.z_dim).astype(np.float32))[0]

    def mix(self, spec: FrameSpec) -> Array:
        """Return ws (1, num_ws, w_dim), truncated. Layers that no term names show w_avg.

        Raises WireError for a term with a seed that is none, with layers that the model doesn't have, or whose
        weights don't match.
        """
        layers = self._config.num_ws
        ws = np.zeros((layers, self._config.w_dim), np.float32)
        named = np.zeros(layers, bool)
        for term in spec.latents:
            self._check(term)
            first, stop = term.layers
            weights = np.asarray(term.weights, np.float32)
            ws[first:stop] += weights @ np.stack([self._w_of_seed(seed) for seed in term.seeds])
            named[first:stop] = True
        ws[~named] = self._w_avg
        return truncate(ws[None], self._w_avg, spec.truncation_psi, spec.truncation_cutoff)

    def _check(self, term: LatentTerm) -> None:
        first, stop = term.layers
        if not 0 <= first < stop <= self._config.num_ws:
            raise WireError(f"a latent term's layers lie in [0, {self._config.num_ws}), got [{first}, {stop})")
        if not term.seeds or len(term.seeds) != len(term.weights):
            raise WireError(
                f"a latent term has one weight per seed, got {len(term.seeds)} seeds and {len(term.weights)} weights"
            )
        bad = _first_bad(term.seeds)
        if bad is not None:
            raise WireError(f"a seed is a whole number from 0 to {SEEDS - 1}, got {bad!r}")
        if not np.isfinite(term.weights).all():
            raise WireError(f"a latent term's weights are finite numbers, got {term.weights}")


def _first_bad(seeds: Iterable[object]) -> object | None:
    for seed in seeds:
        if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < SEEDS:
            return seed
    return None


def truncate(ws: Array, w_avg: Array, psi: float, cutoff: int | None) -> Array:
    """Return ws (n, num_ws, w_dim) pulled towards w_avg: w_avg + psi (w - w_avg), in the layers below `cutoff`."""
    if psi == 1:
        return ws
    truncated = ws.copy()
    truncated[:, :cutoff] = w_avg + np.float32(psi) * (ws[:, :cutoff] - w_avg)
    return truncated
