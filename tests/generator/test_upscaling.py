import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file, save_file

from avserver.bundled import bundled
from avserver.errors import ModelError, WireError
from avserver.frame_spec import FrameSpec, Grade, LatentTerm, Upscale
from avserver.generator.backend import to_numpy
from avserver.generator.renderer import Renderer
from avserver.generator.upscaling import FACTORS, Upscaler, factor_for, lanczos, match
from avserver.training.painting.painter import FAMILIES, paint
from avserver.training.upscaler import HELD_OUT, psnr, reduced, silken

NETWORK, FILTER = Upscale("network"), Upscale("lanczos")


@pytest.fixture(scope="module", params=FACTORS)
def upscaler(request):
    return request.param, Upscaler(request.param)


def enlarged(upscaler, upscale, pixels):
    return to_numpy(upscaler(upscale, pixels[None]))[0]


def held_out():
    """Pictures that nothing was learnt from: one of every family that is quickly painted, and silk."""
    slow = {"flame", "attractor"}
    paintings = {name: paint(HELD_OUT + i, 256, name) for i, name in enumerate(FAMILIES) if name not in slow}
    return {**paintings, "silk": silken(HELD_OUT, 256), "other silk": silken(HELD_OUT + 1, 256)}


def bicubic(pixels, factor):
    return np.asarray(
        Image.fromarray(pixels).resize([side * factor for side in pixels.shape[1::-1]], Image.Resampling.BICUBIC)
    )


def test_it_beats_bicubic_on_pictures_it_has_never_seen(upscaler):
    factor, upscale = upscaler
    gains = {}
    for name, truth in held_out().items():
        small = reduced(truth, factor, "area")
        gains[name] = psnr(enlarged(upscale, NETWORK, small), truth) - psnr(bicubic(small, factor), truth)
    assert min(gains.values()) > 0, gains
    assert np.mean(list(gains.values())) > 0.3, gains


def test_the_filter_is_lanczos(upscaler):
    factor, upscale = upscaler
    pixels = np.random.default_rng(0).integers(0, 256, (12, 16, 3)).astype(np.uint8)
    places = (np.arange(16 * factor) + 0.5) / factor - 0.5
    taps = places[:, None] - np.arange(-3, 19)
    weights = np.where(np.abs(taps) < 3, np.sinc(taps) * np.sinc(taps / 3), 0)
    weights /= weights.sum(axis=1, keepdims=True)
    mirrored = np.pad(pixels.astype(float), ((3, 3), (3, 3), (0, 0)), mode="symmetric")
    rows = np.einsum("oi,ijc->ojc", weights[: 12 * factor, :18], mirrored)
    expected = np.einsum("pj,ojc->opc", weights, rows)
    np.testing.assert_allclose(to_numpy(lanczos(pixels[None], factor))[0], expected, atol=1e-3)
    got = enlarged(upscale, FILTER, pixels)
    assert np.abs(got - np.clip(expected, 0, 255)).max() <= 1


def test_even_colours_stay_and_dark_pictures_are_drawn_as_light_ones(upscaler):
    factor, upscale = upscaler
    even = np.full((16, 20, 3), (200, 30, 90), np.uint8)
    assert np.abs(enlarged(upscale, NETWORK, even).astype(int) - even[0, 0]).max() <= 1
    picture = reduced(paint(HELD_OUT, 128, "folds"), 4, "area") // 2 * 2
    whole, half = (enlarged(upscale, NETWORK, pixels).astype(float) for pixels in (picture, picture // 2))
    assert half.shape == (32 * factor, 32 * factor, 3)
    assert np.abs(whole / 2 - half).max() <= 2


def test_borders_are_drawn_as_well_as_the_rest(upscaler):
    factor, upscale = upscaler
    truth = silken(HELD_OUT, 256)
    error = np.square(enlarged(upscale, NETWORK, reduced(truth, factor, "area")).astype(float) - truth).mean(axis=-1)
    edge = np.ones_like(error, bool)
    edge[8:-8, 8:-8] = False
    assert error[edge].mean() < 6 * error[~edge].mean() + 1


def test_mean_and_deviation_are_matched():
    rng = np.random.default_rng(0)
    source = np.clip(rng.normal((90, 120, 150), (10, 20, 30), (16, 16, 3)), 0, 255).astype(np.uint8)
    pixels = np.clip(rng.normal((150, 120, 100), (30, 20, 15), (32, 32, 3)), 0, 255).astype(np.uint8)

    def moments(picture):
        return np.stack([picture.mean(axis=(0, 1)), picture.std(axis=(0, 1))])

    def matched(share):
        return to_numpy(match(pixels[None], source[None], np.array([share], np.float32)))[0]

    np.testing.assert_array_equal(matched(0.0), pixels)
    np.testing.assert_allclose(moments(matched(1.0)), moments(source), atol=0.5)
    np.testing.assert_allclose(moments(matched(0.5))[0], (moments(source)[0] + moments(pixels)[0]) / 2, atol=0.5)
    # What has no contrast is given none.
    flat = np.full((8, 8, 3), 77, np.uint8)
    assert not np.ptp(to_numpy(match(flat[None], source[None], np.array([1.0], np.float32))), axis=(0, 1, 2)).any()


@pytest.mark.parametrize(
    ("picture", "frame", "factor"),
    [
        ((256, 256), (256, 256), None),
        ((256, 256), (128, 64), None),
        ((256, 256), (512, 512), 2),
        ((256, 256), (257, 64), 2),
        ((256, 256), (640, 640), 2),
        ((256, 256), (1024, 1024), 4),
        ((448, 256), (1920, 1080), 4),
        ((64, 64), (1024, 1024), 4),
    ],
)
def test_what_is_left_to_resample_is_little(picture, frame, factor):
    assert factor_for(picture, frame) == factor


def test_a_renderer_enlarges_as_the_spec_says_and_changes_live(tiny_model):
    renderer = Renderer(tiny_model, size=(64, 64))
    plain = FrameSpec(index=0, t_s=0.0, latents=(LatentTerm((0, 6), (1,), (1.0,)),))

    def drawn(*upscale, **changes):
        return renderer.render(FrameSpec(index=0, t_s=0.0, latents=plain.latents, upscale=Upscale(*upscale), **changes))

    small = Renderer(tiny_model).render(plain)
    pictures = {name: drawn(name) for name in ("bicubic", "lanczos", "network")}
    for name in ("lanczos", "network"):
        expected = to_numpy(Upscaler(4, precision=renderer.precision)(Upscale(name), small[None]))[0]
        np.testing.assert_array_equal(pictures[name], expected)
    assert len({picture.tobytes() for picture in pictures.values()}) == 3
    np.testing.assert_array_equal(drawn("bicubic"), pictures["bicubic"])
    matched = drawn("network", 1.0)
    np.testing.assert_allclose(matched.mean(axis=(0, 1)), small.mean(axis=(0, 1)), atol=0.5)
    assert not drawn("network", grade=Grade(opacity=0.0)).any()
    with pytest.raises(WireError, match="nothing called 'netwrok' enlarges pictures; did you mean 'network'"):
        drawn("netwrok")
    # Another size is resampled from there.
    assert Renderer(tiny_model, size=(50, 40)).render(plain).shape == (40, 50, 3)


def test_weights_that_are_none_are_refused(tmp_path):
    with pytest.raises(ModelError, match=r"cannot read the weights .*none"):
        Upscaler(2, tmp_path / "none")
    stored = load_file(bundled("models", "upscale.safetensors"))
    save_file({**stored, "conv1": stored["conv1"][:2]}, tmp_path / "other")
    with pytest.raises(ModelError, match=r"conv1 has the shape \(3, 3, 32, 32\), got \(2, 3, 32, 32\)"):
        Upscaler(2, tmp_path / "other")
    save_file({"conv0": stored["conv0"]}, tmp_path / "half")
    with pytest.raises(ModelError, match=r"conv1 has the shape .* got none"):
        Upscaler(4, tmp_path / "half")
