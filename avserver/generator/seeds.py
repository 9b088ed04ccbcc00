"""From the latent terms of a FrameSpec to the ws of a picture."""

import math
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from avserver.errors import WireError, nearest
from avserver.frame_spec import FIRST_PICTURE, MAX_SEED, SPACES, FrameSpec, LatentTerm, z_of_seed
from avserver.generator.mapping_network import MappingNetwork

Array = npt.NDArray[np.float32]

REMEMBERED = 1024  # seeds whose w is kept; 2 MB at w_dim 512
# The mean of a dozen seeds is found in about fifteen steps; the rest is for weights of both signs.
STEPS_ON_SPHERE = 50
ARRIVED = 1e-6  # rad; float32 tells no less apart
LEAST_SUM = 1e-6  # of weights in z: they are shares of it


class SeedMixer:
    """Weighs the w of seeds into ws, layer by layer.

    Args:
        map_z: z (1, z_dim) float32 to w (1, w_dim) numpy, before truncation.
        network: for its dimensions and w_avg.
        pictures: the ws (num_ws, w_dim) that the numbers from FIRST_PICTURE on stand for.
    """

    def __init__(
        self, map_z: Callable[[Array], Array], network: MappingNetwork, pictures: Sequence[Array] = ()
    ) -> None:
        self._map_z = map_z
        self._pictures = pictures
        self._config = network.config
        self._w_avg = network.w_avg
        self._w_of_seed = lru_cache(maxsize=REMEMBERED)(self._map_seed)
        self._point_of_seed = lru_cache(maxsize=REMEMBERED)(self._place_seed)

    def _map_seed(self, seed: int) -> Array:
        return self._map_z(z_of_seed(seed, self._config.z_dim).astype(np.float32))[0]

    def _place_seed(self, seed: int) -> npt.NDArray[np.float64]:
        """Return the z of a seed on the unit sphere; the mapping network knows no other difference between z."""
        z = z_of_seed(seed, self._config.z_dim)[0]
        return z / np.linalg.norm(z)

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
            ws[first:stop] += self._mix_in_z(term) if term.space == "z" else self._mix_in_w(term)
            named[first:stop] = True
        ws[~named] = self._w_avg
        return truncate(ws[None], self._w_avg, spec.truncation_psi, spec.truncation_cutoff)

    def _mix_in_w(self, term: LatentTerm) -> Array:
        """Return the w of a term: (w_dim,), or (layers, w_dim) with a picture among its seeds."""
        weights = np.asarray(term.weights, np.float32)
        if max(term.seeds) < FIRST_PICTURE:
            mixed: Array = weights @ np.stack([self._w_of_seed(seed) for seed in term.seeds])
            return mixed
        rows = [
            self._w_of_seed(seed) if seed < FIRST_PICTURE else self._pictures[seed - FIRST_PICTURE][slice(*term.layers)]
            for seed in term.seeds
        ]
        layered: Array = sum((w * row for w, row in zip(weights, rows, strict=True)), np.zeros((), np.float32))
        return layered

    def _mix_in_z(self, term: LatentTerm) -> Array:
        if np.count_nonzero(term.weights) == 1:
            return self._mix_in_w(term)  # the same, and known already
        total = math.fsum(term.weights)
        points = np.stack([self._point_of_seed(seed) for seed in term.seeds])
        z = spherical_mean(points, np.asarray(term.weights) / total) * math.sqrt(self._config.z_dim)
        return np.float32(total) * self._map_z(z[None].astype(np.float32))[0]

    def _check(self, term: LatentTerm) -> None:
        if term.space not in SPACES:
            raise WireError(f"unknown space {term.space!r} of a latent term, {nearest(str(term.space), SPACES)}")
        first, stop = term.layers
        if not 0 <= first < stop <= self._config.num_ws:
            raise WireError(f"a latent term's layers lie in [0, {self._config.num_ws}), got [{first}, {stop})")
        if not term.seeds or len(term.seeds) != len(term.weights):
            raise WireError(
                f"a latent term has one weight per seed, got {len(term.seeds)} seeds and {len(term.weights)} weights"
            )
        bad = _first_bad(term.seeds, FIRST_PICTURE + (len(self._pictures) if term.space == "w" else 0))
        if bad is not None:
            raise WireError(f"a seed is a whole number from 0 to {MAX_SEED}, or stands for a picture, got {bad!r}")
        if not np.isfinite(term.weights).all():
            raise WireError(f"a latent term's weights are finite numbers, got {term.weights}")
        if term.space == "z" and abs(math.fsum(term.weights)) < LEAST_SUM:
            raise WireError(f"the weights of a latent term in z have a sum other than 0, got {term.weights}")


def _first_bad(seeds: Iterable[object], stop: int) -> object | None:
    for seed in seeds:
        if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < stop:
            return seed
    return None


def spherical_mean(points: npt.NDArray[np.float64], shares: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the mean (dims,) of points on the unit sphere (n, dims) with shares (n,) that sum to 1.

    It is where the ways to the points along the sphere, weighed by the shares, cancel out (Buss & Fillmore 2001,
    doi:10.1145/502122.502124); of two points with shares 1 - t and t it is the spherical interpolation at t.
    """
    mean = shares @ points
    mean = mean / np.linalg.norm(mean)
    for _ in range(STEPS_ON_SPHERE):
        cosines = np.clip(points @ mean, -1.0, 1.0)
        # sinc(x) is sin(πx) / (πx): the points' distances from the mean along the sphere and along the chord's plane.
        stretches = shares / np.sinc(np.arccos(cosines) / np.pi)
        way = stretches @ points - (stretches @ cosines) * mean
        length = float(np.linalg.norm(way))
        mean = math.cos(length) * mean + np.sinc(length / np.pi) * way
        mean = mean / np.linalg.norm(mean)
        if length < ARRIVED:
            break
    return mean


def truncate(ws: Array, w_avg: Array, psi: float, cutoff: int | None) -> Array:
    """Return ws (n, num_ws, w_dim) pulled towards w_avg: w_avg + psi (w - w_avg), in the layers below `cutoff`."""
    if psi == 1:
        return ws
    truncated = ws.copy()
    truncated[:, :cutoff] = w_avg + np.float32(psi) * (ws[:, :cutoff] - w_avg)
    return truncated
