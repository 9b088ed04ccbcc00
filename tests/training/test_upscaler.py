import numpy as np
import pytest
from PIL import Image

from avserver.frame_spec import Upscale
from avserver.generator.backend import to_numpy
from avserver.generator.checkpoint import write_tensors
from avserver.generator.upscaling import Upscaler, lanczos
from avserver.training import upscaler


@pytest.fixture(scope="module")
def whole():
    return [upscaler.silken(seed, 64) for seed in range(3)]


def test_small_and_large_patches_are_the_same_picture(whole):
    small, large = upscaler.Patches(whole, np.random.default_rng(0)).batch()
    assert small.shape == (upscaler.BATCH, 32, 32, 3)
    assert large.shape == (upscaler.BATCH, 64, 64, 3)
    for one, other in zip(small, large, strict=True):
        again = np.asarray(Image.fromarray(other).resize((32, 32), Image.Resampling.BOX))
        assert np.abs(one.astype(int) - again).mean() < 4


@pytest.mark.parametrize("way", upscaler.WAYS)
def test_every_way_to_reduce_keeps_the_mean(way, whole):
    small = upscaler.reduced(whole[0], 4, way)
    assert small.shape == (16, 16, 3)
    assert small.mean() == pytest.approx(whole[0].mean(), abs=1)


def test_it_begins_near_the_filter_and_learns(whole, tmp_path):
    rng = np.random.default_rng(0)
    begun = upscaler.begin(rng)
    small, large = upscaler.Patches(whole, rng).batch()
    filtered = to_numpy(lanczos(small, 2))

    def error(kernels):
        return np.square(to_numpy(upscaler.enlarged(kernels, small)) - large).mean()

    first = np.square(filtered - large).mean()
    assert error(begun) == pytest.approx(first, rel=0.1)
    learnt = upscaler.train(whole, 60, rng)
    assert error(learnt) < 0.97 * first
    # What is written is what is drawn with.
    write_tensors(tmp_path / "up.safetensors", learnt, {})
    drawn = to_numpy(Upscaler(2, tmp_path / "up.safetensors")(Upscale("network"), small))
    assert np.abs(drawn - np.clip(to_numpy(upscaler.enlarged(learnt, small)), 0, 255)).max() <= 1


def test_its_pictures_are_paintings_silk_and_a_models(tiny_model):
    pictures = list(upscaler.pictures(4, tiny_model, size=16))
    assert [picture.shape for picture in pictures] == [(16, 16, 3)] * 7
    assert all(picture.dtype == np.uint8 for picture in pictures)
    assert all(picture.std() > 1 for picture in pictures)
