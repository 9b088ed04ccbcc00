"""Selection: the features of a layer that a bend acts on, and the groups that look alike among them.

Broad et al. 2021 (doi:10.3390/e24010028, section 4) cluster the features of a layer by what they draw: a small network
trained for it embeds each map, and k-means groups the embeddings. Here k-means groups the maps themselves, made small
and compared by correlation: simpler, without training, the same at every start, and blind to where in the picture
things may be moved.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from avserver.channels import Cluster, Random, parse_channels
from avserver.errors import ModelError
from avserver.frame_spec import BendSlot
from avserver.generator.architecture import Layer

Mask = npt.NDArray[np.bool_]
Array = npt.NDArray[np.float32]

CLUSTER_MAP_PX = 16  # of a feature's map as it is compared: enough to tell shapes, and quick
CLUSTER_ROUNDS = 50  # k-means has long come to rest


def select(slot: BendSlot, layer: Layer, activations: Callable[[], Array]) -> Mask | None:
    """Return which channels of a layer a bend acts on, (channels,), or None for all.

    Args:
        slot: of the bend.
        layer: its layer.
        activations: (n, h, w, channels) of some pictures at the slot's layer and place, made small by `shrink`; asked
            for clusters only.

    Raises ModelError if the layer has not the channels that are meant.
    """
    chosen = parse_channels(slot.channels)
    mask = np.zeros(layer.channels, bool)
    if isinstance(chosen, Cluster):
        if chosen.count > layer.channels:
            raise ModelError(f"{slot}: the layer has {layer.channels} channels, too few for {chosen.count} clusters")
        return cluster(activations(), chosen.count) == chosen.number - 1
    if isinstance(chosen, Random):
        count = max(1, round(chosen.share * layer.channels))
        mask[np.random.default_rng(chosen.seed).permutation(layer.channels)[:count]] = True
        return mask
    if not chosen.pairs:
        return None
    for first, last in chosen.pairs:
        if last >= layer.channels:
            raise ModelError(f"{slot}: the layer's channels are 0 to {layer.channels - 1}, got {last}")
        mask[first : last + 1] = True
    return mask


def cluster(activations: Array, count: int) -> npt.NDArray[np.int64]:
    """Return for each channel of activations (n, h, w, channels) its group, from 0, the largest, to `count` - 1.

    Maps that rise and fall together are of one group, however strong they are.
    """
    maps = _normalised(activations.reshape(-1, activations.shape[-1]).T.astype(np.float64))
    centres = _apart(maps, count)
    for _ in range(CLUSTER_ROUNDS):
        groups = (maps @ centres.T).argmax(axis=1)
        sums = np.stack([maps[groups == group].sum(axis=0) for group in range(count)])
        # A group that lost all its members stays where it was.
        moved = np.where(np.any(sums != 0, axis=1, keepdims=True), _normalised(sums, centre=False), centres)
        if np.array_equal(moved, centres):
            break
        centres = moved
    sizes = np.bincount(groups, minlength=count)
    rank = np.empty(count, np.int64)
    rank[np.argsort(-sizes, kind="stable")] = np.arange(count)
    return rank[groups]


def shrink(activations: Array) -> Array:
    """Return activations (n, H, W, channels) averaged down to about CLUSTER_MAP_PX: (n, h, w, channels)."""
    n, height, width, channels = activations.shape
    step = max(1, min(height, width) // CLUSTER_MAP_PX)
    h, w = height // step, width // step
    blocks = activations[:, : h * step, : w * step].reshape(n, h, step, w, step, channels)
    return blocks.mean(axis=(2, 4))


def _normalised(rows: npt.NDArray[np.float64], *, centre: bool = True) -> npt.NDArray[np.float64]:
    """Return rows of length 1, whose products are correlations; one that says nothing stays 0."""
    if centre:
        rows = rows - rows.mean(axis=1, keepdims=True)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, length, out=np.zeros_like(rows), where=length > 1e-9)


def _apart(maps: npt.NDArray[np.float64], count: int) -> npt.NDArray[np.float64]:
    """Return maps to begin with: the most usual one, then ever the one least like those before; none that is empty."""
    empty = ~maps.any(axis=1)
    chosen = [int((maps @ maps.sum(axis=0)).argmax())]
    while len(chosen) < count:
        likeness = (maps @ maps[chosen].T).max(axis=1)
        likeness[chosen] = likeness[empty] = np.inf
        chosen.append(int(likeness.argmin()))
    return maps[chosen]
