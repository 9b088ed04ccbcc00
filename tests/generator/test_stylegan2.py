"""The network against the numbers of the official one."""

from pathlib import Path

import numpy as np
import pytest

from avserver.errors import ModelError, UserError
from avserver.generator import load

REFERENCE = Path(__file__).parents[1] / "data" / "stylegan2_64.npz"
TOLERANCE = 1e-3


@pytest.fixture(scope="module")
def expected():
    with np.load(REFERENCE, allow_pickle=False) as file:
        return {name: file[name] for name in file.files if not name.startswith("param/")}


@pytest.fixture(scope="module")
def generator():
    return load(REFERENCE)


def test_attributes_say_what_the_file_says(generator):
    assert (generator.resolution, generator.num_ws, generator.architecture) == (64, 10, "stylegan2")
    assert (generator.z_dim, generator.w_dim, generator.c_dim) == (64, 64, 0)


def test_mapping_gives_the_official_ws(generator, expected):
    np.testing.assert_allclose(generator.mapping(expected["z"]), expected["ws_psi1"], atol=TOLERANCE)
    truncated = generator.mapping(expected["z"], truncation_psi=0.7)
    np.testing.assert_allclose(truncated, expected["ws"], atol=TOLERANCE)
    assert truncated.dtype == np.float32


def test_truncation_stops_at_the_cutoff(generator, expected):
    ws = generator.mapping(expected["z"], truncation_psi=0.7, truncation_cutoff=4)
    np.testing.assert_allclose(ws[:, :4], expected["ws"][:, :4], atol=TOLERANCE)
    np.testing.assert_allclose(ws[:, 4:], expected["ws_psi1"][:, 4:], atol=TOLERANCE)


@pytest.mark.parametrize("noise", ["const", "none"])
def test_synthesis_gives_the_official_images(generator, expected, noise):
    images = generator.synthesis(expected["ws"], noise=noise)
    official = expected[f"image_noise_{noise}"].transpose(0, 2, 3, 1)
    assert images.dtype == np.float32
    np.testing.assert_allclose(images, official, atol=TOLERANCE)


def test_random_noise_is_another_for_each_image_and_the_same_for_a_seed(generator, expected):
    ws = np.repeat(expected["ws"][:1], 2, axis=0)
    first, second = generator.synthesis(ws, noise="random", noise_seed=5)
    assert np.abs(first - second).max() > 0.05
    np.testing.assert_array_equal(generator.synthesis(ws[:1], noise="random", noise_seed=5)[0], first)
    still = expected["image_noise_const"][0].transpose(1, 2, 0)
    assert np.abs(first - still).std() < still.std()


def test_combined_upsampling_gives_the_same_images_as_blurring(expected):
    """The form for bfloat16, evaluated in float32, where it can be told from rounding."""
    from avserver.generator import backend, checkpoint
    from avserver.generator.layers import Convolution

    model = checkpoint.read(REFERENCE)
    name = "synthesis.b16.conv0"
    blurred = Convolution(model.tensors, name, precision="float32")
    combined = Convolution(model.tensors, name, precision="bfloat16")
    combined.precision = "float32"
    rng = np.random.default_rng(0)
    x, demodulation = rng.standard_normal((2, 8, 8, 64)).astype("f"), np.ones((2, 64), "f")
    drawn = [backend.to_numpy(conv.level(conv.convolve(x), demodulation, None)) for conv in (blurred, combined)]
    assert combined.combined
    assert not blurred.combined
    np.testing.assert_allclose(drawn[0], drawn[1], atol=1e-4)


def test_a_conditional_network_hears_its_label():
    from avserver.generator.architecture import StyleGAN2Config
    from avserver.generator.initialisation import initialise
    from avserver.generator.mapping_network import MappingNetwork

    config = StyleGAN2Config(resolution=8, z_dim=8, w_dim=8, c_dim=3, channel_base=64, channel_max=8, mapping_layers=2)
    mapping = MappingNetwork(config, initialise(config, 0).tensors)
    z, labels = np.ones((3, 8), "f"), np.eye(3, dtype="f")
    w = np.asarray(mapping(z, labels))
    assert w.shape == (3, 8)
    assert not np.allclose(w[0], w[1])


def test_wrong_arguments_are_named(generator):
    with pytest.raises(ModelError, match=r"z of shape \(n, 64\), got \(2, 3\)"):
        generator.mapping(np.zeros((2, 3)))
    with pytest.raises(ModelError, match=r"ws of shape \(n, 10, 64\), got \(10, 64\)"):
        generator.synthesis(np.zeros((10, 64)))
    with pytest.raises(ModelError, match=r"c of shape \(n, 0\), got \(1, 2\)"):
        generator.mapping(np.zeros((1, 64)), c=np.zeros((1, 2)))
    with pytest.raises(UserError, match="unknown noise 'pink'"):
        generator.synthesis(np.zeros((1, 10, 64)), noise="pink")
    assert generator.synthesis(np.zeros((0, 10, 64))).shape == (0, 64, 64, 3)
