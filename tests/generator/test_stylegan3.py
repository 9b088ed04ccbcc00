"""StyleGAN3 against the numbers of the official one, and what can be done to its input."""

import json
from pathlib import Path

import numpy as np
import pytest

from avserver.errors import ModelError
from avserver.frame_spec import Bend, BendSlot, FrameSpec, LatentTerm
from avserver.generator import checkpoint, load
from avserver.generator.architecture import StyleGAN3Config, from_plain, to_plain
from avserver.generator.backend import program, to_numpy
from avserver.generator.renderer import Renderer
from avserver.generator.stylegan3_initialisation import initialise
from avserver.generator.synthesis import make_synthesis

DATA = Path(__file__).parents[1] / "data"
REFERENCES = {kind: DATA / f"stylegan3_{kind}_64.npz" for kind in "tr"}
TOLERANCE = 1e-3
R = {"conv_kernel": 1, "use_radial_filters": True}
SMALL = {
    "resolution": 32,
    "z_dim": 8,
    "w_dim": 8,
    "channel_base": 256,
    "channel_max": 16,
    "mapping_layers": 2,
    "num_layers": 4,
}


@pytest.mark.parametrize("kind", "tr")
def test_official_ws_and_images(kind):
    with np.load(REFERENCES[kind], allow_pickle=False) as file:
        expected = {name: file[name] for name in ("z", "ws_psi1", "ws", "image")}
    generator = load(REFERENCES[kind])
    assert (generator.architecture, generator.resolution, generator.num_ws) == ("stylegan3", 64, 16)
    np.testing.assert_allclose(generator.mapping(expected["z"]), expected["ws_psi1"], atol=TOLERANCE)
    np.testing.assert_allclose(generator.mapping(expected["z"], truncation_psi=0.7), expected["ws"], atol=TOLERANCE)
    images = generator.synthesis(expected["ws"])
    np.testing.assert_allclose(images, expected["image"].transpose(0, 2, 3, 1), atol=TOLERANCE)


@pytest.mark.parametrize("kind", "tr")
def test_layers_have_the_official_names_rates_and_sizes(kind):
    with np.load(REFERENCES[kind], allow_pickle=False) as file:
        official = json.loads(str(file["meta"]))["layers"]
        parameters = {name.removeprefix("param/") for name in file.files if name.startswith("param/")}
    config = checkpoint.inspect(REFERENCES[kind])
    ours = [
        {
            "name": layer.name,
            "in_sampling_rate": layer.source.rate,
            "out_sampling_rate": layer.target.rate,
            "tmp_sampling_rate": layer.inner_rate,
            "in_size": [layer.source.size] * 2,
            "out_size": [layer.target.size] * 2,
            "up_factor": layer.up,
            "down_factor": layer.down,
            "conv_kernel": layer.kernel,
            "is_torgb": layer.is_torgb,
        }
        for layer in config.filtered_layers
    ]
    assert ours == [{key: layer[key] for key in ours[0]} for layer in official]
    assert [layer.lead for layer in config.filtered_layers] == [layer["padding"][0] for layer in official]
    assert set(config.parameter_shapes()) == parameters
    assert [layer.name for layer in config.layers] == ["input", *(layer["name"] for layer in official)]
    assert [layer.size - layer.picture for layer in config.layers[-4:]] == [20, 20, 0, 0]


@pytest.mark.parametrize(
    "change",
    [
        {"resolution": 8, "num_layers": 2, "num_critical": 1, "margin_size": 0, "conv_kernel": 2},
        {"lrelu_upsampling": 1, "filter_size": 3, "conv_clamp": 0.0, "output_scale": 1.0},
        {"lrelu_upsampling": 3, "filter_size": 5, "use_radial_filters": True, "num_layers": 3, "num_critical": 1},
    ],
)
def test_other_configurations_draw(change):
    config = StyleGAN3Config(**(SMALL | change))
    tensors = initialise(config, 0).tensors
    assert {name: tensor.shape for name, tensor in tensors.items()} == config.parameter_shapes()
    assert all(tensor.dtype == np.float32 for tensor in tensors.values())
    ws = np.random.default_rng(0).standard_normal((2, config.num_ws, 8)).astype("f")
    synthesis = make_synthesis(config, tensors)
    images = to_numpy(program(lambda ws: synthesis.draw(ws, {}))(ws))
    assert images.shape == (2, config.resolution, config.resolution, 3)
    assert np.isfinite(images).all()
    assert images.std() > 1e-3
    assert not np.allclose(images[0], images[1])


def test_a_configuration_survives_as_plain_data():
    config = StyleGAN3Config(**SMALL, **R, first_cutoff=1.5, c_dim=3)
    assert from_plain(json.loads(json.dumps(to_plain(config)))) == config


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"resolution": 48}, "power of two from 8"),
        ({"resolution": 2**40}, "power of two from 8 to 8192"),
        ({"num_layers": 10**9}, "num_layers is 2 to 64"),
        ({"margin_size": -1}, "margin_size is 0 to 256, got -1"),
        ({"filter_size": 0}, "filter_size is 1 to 32, got 0"),
        ({"conv_kernel": 10**6}, "conv_kernel is 1 to 15"),
        ({"num_layers": 2}, "more layers than critically sampled ones"),
        ({"num_critical": 0}, "num_critical is 1 to 63"),
        ({"first_cutoff": 0.0}, "first_cutoff lies between 0.5 and half"),
        ({"first_cutoff": 17.0}, "first_cutoff lies between"),
        ({"first_stopband": 2.0}, "first_stopband lies between"),
        ({"last_stopband_rel": 0.5}, "last_stopband_rel lies between 1 and 2"),
        ({"channel_base": 8}, "channel_base > resolution / 2"),
        ({"conv_clamp": -1.0}, "conv_clamp is 0 or more"),
        ({"output_scale": float("inf")}, "output_scale is finite"),
    ],
)
def test_impossible_networks_are_refused(change, words):
    with pytest.raises(ModelError, match=words):
        StyleGAN3Config(**(SMALL | change))


@pytest.fixture(scope="module", params=["t", "r"])
def playing(request, tmp_path_factory):
    """A small network on the stage: its kind, its renderer, and how to draw it with some bends."""
    config = StyleGAN3Config(**SMALL, **(R if request.param == "r" else {}), output_scale=4.0)
    path = tmp_path_factory.mktemp("model") / "small.safetensors"
    checkpoint.write(path, initialise(config, 0))
    inner = config.layers[2].name
    slots = [BendSlot("input", transform) for transform in ("rotate", "translate", "zoom", "zoom", "zoom", "ablate")]
    slots += [BendSlot(inner, "translate", place) for place in ("before", "after")]
    renderer = Renderer(path, bends=slots, precision="float32")

    def draw(*bends):
        term = LatentTerm((0, config.num_ws), (1,), (1.0,))
        return renderer.render(FrameSpec(index=0, t_s=0.0, latents=(term,), bends=bends)).astype(float)

    return request.param, inner, draw


def difference(a, b):
    """The mean difference away from the borders, where zeros behind the margin are felt."""
    return np.abs(a - b)[8:-8, 8:-8].mean()


def test_moving_the_input_moves_the_picture(playing):
    _, _, draw = playing
    still = draw()
    moved = draw(Bend("input", "translate", (0.25, -0.125)))
    assert difference(moved, np.roll(still, (-4, 8), axis=(0, 1))) < 1
    assert difference(moved, still) > 10


@pytest.mark.parametrize("place", ["before", "after"])
def test_moving_a_layer_moves_it_by_the_same_share_of_the_picture(playing, place):
    _, inner, draw = playing
    still = draw()
    moved = draw(Bend(inner, "translate", (0.25, -0.125), place))
    assert difference(moved, np.roll(still, (-4, 8), axis=(0, 1))) < 1


def test_turning_the_input_turns_the_picture_of_r(playing):
    kind, _, draw = playing
    turned = draw(Bend("input", "rotate", (90.0,)))
    if kind == "r":
        assert difference(turned, np.rot90(draw())) < 1
    else:  # its filters have an orientation, which stays
        assert difference(turned, np.rot90(draw())) > 5


def test_bends_of_the_input_follow_one_another(playing):
    kind, _, draw = playing
    still = draw()
    move = Bend("input", "translate", (0.25, 0.0))
    if kind == "t":  # it does not turn with its input
        in_and_out = Bend("input", "zoom", (0.8,)), Bend("input", "zoom", (1.25,))
        assert difference(draw(move, *in_and_out), np.roll(still, 8, axis=1)) < 1
    else:
        assert difference(draw(Bend("input", "rotate", (90.0,)), move), np.roll(np.rot90(still), 8, axis=1)) < 1


def test_what_moves_nothing_is_done_to_the_waves_themselves(playing):
    _, _, draw = playing
    silent = draw(Bend("input", "ablate", (1.0,)))
    assert silent[12:-12, 12:-12].std(axis=(0, 1)).max() < 1


def test_the_input_is_scaled_around_the_centre(playing):
    _, _, draw = playing
    assert not np.array_equal(draw(Bend("input", "zoom", (0.5,))), draw())
    # Seen from so far that no wave is left, all is one colour.
    far = draw(*[Bend("input", "zoom", (4.0,))] * 3)
    assert far[12:-12, 12:-12].std(axis=(0, 1)).max() < 1
    np.testing.assert_array_equal(draw(Bend("input", "zoom", (1.0,))), draw())
