"""Mixing seeds in w and on the sphere of z, against plain formulas."""

import math
from itertools import pairwise

import numpy as np
import pytest

from avserver.errors import WireError
from avserver.frame_spec import FIRST_PICTURE, FrameSpec, LatentTerm, z_of_seed
from avserver.generator import checkpoint
from avserver.generator.mapping_network import MappingNetwork
from avserver.generator.seeds import SeedMixer, spherical_mean

LAYERS = 6  # ws of a network of 16 px


@pytest.fixture(scope="module")
def network(tiny_model):
    model = checkpoint.read(tiny_model)
    return MappingNetwork(model.config, model.tensors)


@pytest.fixture(scope="module")
def mixer(network):
    return SeedMixer(lambda z: np.asarray(network(z)), network)


def mixed(mixer, *terms):
    return mixer.mix(FrameSpec(index=0, t_s=0.0, latents=terms))


def slerp(a, b, t):
    """Spherical interpolation as it is always written (Shoemake 1985)."""
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    angle = math.acos(a @ b)
    return (math.sin((1 - t) * angle) * a + math.sin(t * angle) * b) / math.sin(angle)


@pytest.mark.parametrize("t", [0.0, 0.1, 0.5, 0.99, 1.2])
def test_two_seeds_in_z_are_interpolated_on_the_sphere(network, mixer, t):
    z = [z_of_seed(seed, network.config.z_dim)[0] for seed in (3, 4)]
    expected = np.asarray(network(slerp(*z, t)[None].astype("f")))[0]
    ws = mixed(mixer, LatentTerm((0, LAYERS), (3, 4), (1 - t, t), "z"))
    np.testing.assert_allclose(ws[0], np.tile(expected, (LAYERS, 1)), atol=1e-5)


def test_of_several_points_the_mean_lies_where_the_ways_to_them_cancel():
    points = np.random.default_rng(0).standard_normal((12, 128))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    shares = np.arange(1, 13) / 78
    mean = spherical_mean(points, shares)
    assert np.linalg.norm(mean) == pytest.approx(1)
    # The way to a point: as long as the angle, at a right angle to the mean.
    ways = [
        math.acos(point @ mean) * (point - (point @ mean) * mean) / math.sin(math.acos(point @ mean))
        for point in points
    ]
    np.testing.assert_allclose(shares @ np.array(ways), 0, atol=1e-6)


def test_a_small_change_of_weights_moves_the_mean_a_little():
    points = np.random.default_rng(1).standard_normal((4, 128))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    # A glide to a fourth seed from amid three, one of which it has swung past.
    begin, end = np.array([0.7, 0.5, -0.2, 0.0]), np.array([0.0, 0.0, 0.0, 1.0])
    means = [spherical_mean(points, begin + (end - begin) * t) for t in np.linspace(0, 1, 101)]
    angles = [math.acos(min(1.0, a @ b)) for a, b in pairwise(means)]
    assert max(angles) < 3 * np.mean(angles)


def test_terms_in_w_and_z_add_and_one_seed_is_the_same_in_both(mixer):
    in_w = mixed(mixer, LatentTerm((0, LAYERS), (3,), (1.0,)))
    np.testing.assert_array_equal(mixed(mixer, LatentTerm((0, LAYERS), (3, 4), (1.0, 0.0), "z")), in_w)
    halves = (LatentTerm((0, LAYERS), (3,), (0.5,)), LatentTerm((0, LAYERS), (3, 4), (0.25, 0.25), "z"))
    in_z = mixed(mixer, LatentTerm((0, LAYERS), (3, 4), (0.5, 0.5), "z"))
    np.testing.assert_allclose(mixed(mixer, *halves), (in_w + in_z) / 2, atol=1e-6)
    assert np.abs(in_z - mixed(mixer, LatentTerm((0, LAYERS), (3, 4), (0.5, 0.5)))).max() > 1e-2


@pytest.mark.parametrize(
    ("term", "words"),
    [
        (LatentTerm((0, LAYERS), (1,), (1.0,), "y"), "unknown space 'y' of a latent term, allowed: w, z"),
        (LatentTerm((0, LAYERS), (1, 2), (0.5, -0.5), "z"), "a sum other than 0"),
    ],
)
def test_a_term_that_makes_no_sense_is_refused(mixer, term, words):
    with pytest.raises(WireError, match=words):
        mixed(mixer, term)


def test_a_projected_picture_stands_among_the_seeds_with_a_w_for_every_layer(network):
    picture = np.random.default_rng(0).standard_normal((LAYERS, network.config.w_dim)).astype("f")
    mixer = SeedMixer(lambda z: np.asarray(network(z)), network, [picture])
    alone = mixed(mixer, LatentTerm((0, LAYERS), (FIRST_PICTURE,), (1.0,)))
    np.testing.assert_allclose(alone[0], picture, atol=1e-6)
    seed = mixed(mixer, LatentTerm((0, LAYERS), (3,), (1.0,)))
    both = mixed(mixer, LatentTerm((2, 5), (3, FIRST_PICTURE), (0.25, 0.75)))
    np.testing.assert_allclose(both[0, 2:5], 0.25 * seed[0, 2:5] + 0.75 * picture[2:5], atol=1e-5)
    for term in (
        LatentTerm((0, LAYERS), (FIRST_PICTURE + 1,), (1.0,)),
        LatentTerm((0, LAYERS), (3, FIRST_PICTURE), (0.5, 0.5), "z"),
    ):
        with pytest.raises(WireError, match="stands for a picture"):
            mixed(mixer, term)
