"""Two networks drawn as one, against a network whose tensors were interpolated by hand."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from avserver.errors import ModelError
from avserver.frame_spec import FrameSpec, LatentTerm, Mix, NoiseLevel
from avserver.generator import checkpoint
from avserver.generator.architecture import StyleGAN2Config, StyleGAN3Config, check_alike
from avserver.generator.checkpoint import Checkpoint
from avserver.generator.renderer import Renderer

SMALL = {"resolution": 16, "z_dim": 8, "w_dim": 8, "channel_base": 256, "channel_max": 16, "mapping_layers": 2}
STYLEGAN3 = {**SMALL, "num_layers": 5, "margin_size": 4}


def random_network(config, seed: int) -> Checkpoint:
    """Return a network of random numbers; its filters and the like as they must be."""
    from avserver.generator.initialisation import initialise
    from avserver.generator.stylegan3_initialisation import initialise as initialise3

    rng = np.random.default_rng(seed)
    if isinstance(config, StyleGAN3Config):
        model = initialise3(config, seed)
    else:
        drawn = initialise(dataclasses.replace(config, block_architecture="skip"), seed).tensors
        shapes = config.parameter_shapes().items()
        tensors = {name: drawn.get(name, rng.standard_normal(shape).astype("f")) for name, shape in shapes}
        model = Checkpoint(config, tensors)
    for name, tensor in model.tensors.items():
        if name.endswith(("magnitude_ema", "noise_strength")):
            model.tensors[name] = np.full(tensor.shape, rng.uniform(0.5, 1.5), np.float32)
        elif name.endswith("bias"):
            model.tensors[name] = tensor + rng.standard_normal(tensor.shape).astype("f") * 0.1
    return model


@pytest.fixture(params=["skip", "resnet", "stylegan3"])
def pair(request, tmp_path: Path) -> tuple[Path, Path]:
    if request.param == "stylegan3":
        config = StyleGAN3Config(**STYLEGAN3)
    else:
        config = StyleGAN2Config(**SMALL, block_architecture=request.param)
    paths = (tmp_path / "one.safetensors", tmp_path / "two.safetensors")
    for seed, path in enumerate(paths):
        checkpoint.write(path, random_network(config, seed))
    return paths


def spec(renderer: Renderer, amount: float = 0.0, layers: tuple[int, int] | None = None) -> FrameSpec:
    everything = (0, renderer.config.num_ws)
    noise = tuple(NoiseLevel(px, 0.3, 1.0, 0.5) for px in renderer.config.noise_resolutions)
    latents = (LatentTerm(everything, (3,), (1.0,)),)
    return FrameSpec(index=0, t_s=0.0, latents=latents, noise=noise, mix=Mix(amount, layers or everything))


def difference(a: np.ndarray, b: np.ndarray) -> int:
    return int(np.abs(a.astype(int) - b).max())


def test_the_ends_are_the_two_networks(pair: tuple[Path, Path]) -> None:
    one, two = (Renderer(path) for path in pair)
    mixed = Renderer(pair[0], partner=pair[1])
    first, second = one.render(spec(one)), two.render(spec(two))
    assert difference(first, second) > 20
    assert difference(mixed.render(spec(mixed)), first) <= 1
    assert difference(mixed.render(spec(mixed, 1.0)), second) <= 1
    between = mixed.render(spec(mixed, 0.5))
    assert min(difference(between, first), difference(between, second)) > 3


def test_layers_have_their_own_shares(pair: tuple[Path, Path]) -> None:
    mixed = Renderer(pair[0], partner=pair[1])
    half = mixed.config.num_ws // 2
    pictures = [mixed.render(spec(mixed, 1.0, layers)) for layers in ((0, half), (half, mixed.config.num_ws), (0, 0))]
    assert difference(pictures[0], pictures[1]) > 5
    assert difference(pictures[2], mixed.render(spec(mixed))) == 0


def test_a_share_interpolates_the_weights(tmp_path: Path) -> None:
    config = StyleGAN2Config(**SMALL)
    one, two = random_network(config, 1), random_network(config, 2)
    # One mapping network for both, so that w is the same: what is left is the synthesis network.
    two.tensors.update({name: tensor for name, tensor in one.tensors.items() if name.startswith("mapping.")})
    by_hand = {
        name: np.asarray(tensor + np.float32(0.3) * (two.tensors[name] - tensor))
        for name, tensor in one.tensors.items()
    }
    paths = [tmp_path / f"{number}.safetensors" for number in range(3)]
    for path, model in zip(paths, (one, two, Checkpoint(config, by_hand)), strict=True):
        checkpoint.write(path, model)
    mixed, expected = Renderer(paths[0], partner=paths[1]), Renderer(paths[2])
    assert difference(mixed.render(spec(mixed, 0.3)), expected.render(spec(expected))) <= 1


def test_networks_of_different_shapes_are_refused() -> None:
    with pytest.raises(ModelError, match="channel_max is 16 in one and 8 in the other"):
        check_alike(StyleGAN2Config(**SMALL), StyleGAN2Config(**{**SMALL, "channel_max": 8}))
    with pytest.raises(ModelError, match="got StyleGAN2Config, StyleGAN3Config"):
        check_alike(StyleGAN2Config(**SMALL), StyleGAN3Config(**STYLEGAN3))


def test_a_spec_that_mixes_needs_a_partner(tiny_model: Path) -> None:
    renderer = Renderer(tiny_model)
    with pytest.raises(ModelError, match="given none"):
        renderer.render(spec(renderer, 0.5))
