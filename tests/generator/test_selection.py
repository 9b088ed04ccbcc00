"""Which channels a bend acts on."""

import numpy as np
import pytest

from avserver.errors import ModelError
from avserver.frame_spec import BendSlot
from avserver.generator.architecture import Layer
from avserver.generator.bending.selection import cluster, select, shrink

LAYER = Layer("b16", 16, 16, 40)


def chosen(channels, activations=None):
    mask = select(BendSlot("b16", "invert", channels=channels), LAYER, lambda: activations)
    return None if mask is None else np.flatnonzero(mask).tolist()


def drawn_alike(seed=0):
    """Maps of 40 channels that show three things, each with a strength, a sign of none, and some noise of its own."""
    rng = np.random.default_rng(seed)
    things = rng.standard_normal((6, 16, 16, 3))
    of = np.arange(40) % 8 // 3  # 0 0 0 1 1 1 2 2: 15, 15 and 10 of them
    strength = rng.uniform(0.1, 10, 40)
    return of, (strength * (things[..., of] + 0.5 * rng.standard_normal((6, 16, 16, 40)) + 3)).astype("f")


def test_ranges_and_random_shares():
    assert chosen("all") is None
    assert chosen("0-2, 39") == [0, 1, 2, 39]
    some = chosen("random 0.25 seed 7")
    assert len(some) == 10
    assert chosen("random 0.25 seed 7") == some
    assert chosen("random 0.25 seed 8") != some
    assert len(chosen("random 0.001 seed 1")) == 1


def test_clusters_are_the_channels_that_draw_alike_the_largest_first():
    of, activations = drawn_alike()
    groups = [chosen(f"cluster {number} of 3", activations) for number in (1, 2, 3)]
    assert sorted(map(tuple, groups)) == sorted(tuple(np.flatnonzero(of == thing)) for thing in range(3))
    assert len(groups[2]) == 10


def test_clusters_know_channels_that_say_nothing():
    _, activations = drawn_alike()
    activations[..., :4] = 1.0
    groups = cluster(activations, 5)
    assert set(groups) == set(range(5))
    assert np.bincount(groups).tolist() == sorted(np.bincount(groups), reverse=True)
    np.testing.assert_array_equal(groups, cluster(activations, 5))


def test_maps_are_made_small_by_averaging():
    x = np.random.default_rng(0).standard_normal((1, 52, 52, 3)).astype("f")
    small = shrink(x)
    assert small.shape == (1, 17, 17, 3)
    assert small[0, 0, 0] == pytest.approx(x[0, :3, :3].mean(axis=(0, 1)))
    assert shrink(x[:, :8, :8]).shape == (1, 8, 8, 3)


def test_more_than_a_layer_has_is_refused():
    with pytest.raises(ModelError, match="0 to 39, got 40"):
        chosen("3-40")
    with pytest.raises(ModelError, match="40 channels, too few for 41 clusters"):
        chosen("cluster 1 of 41", drawn_alike()[1])
