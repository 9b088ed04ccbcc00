"""Pictures that are not square, out of the network itself."""

from fractions import Fraction

import numpy as np
import pytest

from avserver.canvas import Canvas
from avserver.frame_spec import Bend, Feedback, FrameSpec, LatentTerm, NoiseLevel
from avserver.generator import backend, checkpoint
from avserver.generator.architecture import Layer, StyleGAN3Config
from avserver.generator.bending import BendPlan
from avserver.generator.feedback import feedback_values, mix_in
from avserver.generator.noise_fields import make_fields
from avserver.generator.renderer import Renderer
from avserver.generator.stylegan3_initialisation import initialise
from avserver.generator.widening import widened
from avserver.transforms import TRANSFORMS

SIDE = 16  # px, of the tiny model
CANVASES = [Canvas(Fraction(7, 4), wide="tile"), Canvas(down=Fraction(7, 4), wide="tile")]
NOISE = tuple(NoiseLevel(px, 1.0, 1.0, 0.5) for px in (4, 8, 16))


def spec(**changes):
    return FrameSpec(index=0, t_s=0.0, latents=(LatentTerm((0, 6), (1,), (1.0,)),), **changes)


def render(model, size, wide="stretch", **changes):
    """Draw without compiling, which is the same but for rounding, and sooner."""
    slots = [bend.slot for bend in changes.get("bends", ())]
    renderer = Renderer(model, size=size, wide=wide, bends=slots, precision="float32")
    renderer._draw = renderer._picture
    with backend.eagerly():
        return renderer.render(spec(**changes)).astype(int)


@pytest.fixture(scope="module")
def stylegan3(tmp_path_factory):
    """The file of a StyleGAN3 of 32 px, whose coarsest layer has a rate of 16."""
    config = StyleGAN3Config(
        resolution=32,
        z_dim=8,
        w_dim=8,
        channel_base=256,
        channel_max=16,
        mapping_layers=2,
        num_layers=4,
        output_scale=4.0,
    )
    path = tmp_path_factory.mktemp("model") / "small.safetensors"
    checkpoint.write(path, initialise(config, 0))
    return path


class TestPictures:
    @pytest.mark.parametrize("wide", ["tile", "mirror", "stretch"])
    @pytest.mark.parametrize("size", [(28, 16), (16, 28)])
    def test_the_network_draws_the_whole_picture(self, tiny_model, size, wide):
        drawn = render(tiny_model, size, wide, noise=NOISE)
        assert drawn.shape == (size[1], size[0], 3)
        scaled = render(tiny_model, size, "off", noise=NOISE)
        assert np.abs(drawn - scaled).mean() > 5

    def test_a_square_show_is_the_same_to_the_byte(self, tiny_model):
        square = render(tiny_model, (SIDE, SIDE), "off", noise=NOISE)
        for wide in ("tile", "mirror", "stretch"):
            np.testing.assert_array_equal(render(tiny_model, (SIDE, SIDE), wide, noise=NOISE), square)

    def test_a_tiled_picture_repeats_itself_away_from_the_borders_until_there_is_noise(self, tiny_model):
        # Of a network that convolves, whose borders are seen from 0.75 sides away.
        def halves(**changes):
            drawn = render(tiny_model, (6 * SIDE, SIDE), **changes)[:, 2 * SIDE : 4 * SIDE]
            return drawn[:, :SIDE], drawn[:, SIDE:]

        left, right = halves(wide="tile")
        assert np.abs(left - right).max() <= 1
        assert left.std() > 10
        for changes in ({"wide": "tile", "noise": NOISE}, {"wide": "mirror"}, {"wide": "stretch"}):
            left, right = halves(**changes)
            assert np.abs(left - right).mean() > 5

    @pytest.mark.parametrize(("size", "top", "left"), [((56, 32), 0, 12), ((32, 56), 12, 0)])
    def test_stylegan3_goes_on_beyond_its_square(self, stylegan3, size, top, left):
        square = render(stylegan3, (32, 32))
        drawn = render(stylegan3, size)
        # But for what is seen of the zeros beyond the margins.
        middle = drawn[top : top + 32, left : left + 32]
        assert np.abs(middle - square)[8:-8, 8:-8].max() <= 2
        assert square.std() > 10
        assert drawn.std(axis=(0, 1)).min() > 10

    def test_stylegan3_is_shifted_exactly_by_shares_of_the_whole_width(self, stylegan3):
        still, moved = (render(stylegan3, (64, 32), bends=(Bend("input", "translate", (x, 0.0)),)) for x in (0.0, 0.25))
        assert np.abs(moved - np.roll(still, 16, axis=1))[8:-8, 24:-8].max() <= 2

    def test_models_of_all_kinds_draw_the_same_shape(self, tiny_model, stylegan3):
        assert {render(model, (90, 50)).shape for model in (tiny_model, stylegan3)} == {(50, 90, 3)}

    def test_clusters_are_found_in_what_is_drawn(self, tiny_model):
        bend = Bend("b8", "ablate", (1.0,), channels="cluster 1 of 3")
        plain, bent = render(tiny_model, (28, 16)), render(tiny_model, (28, 16), bends=(bend,))
        assert np.abs(plain - bent).mean() > 1


class TestConstant:
    CONST = np.arange(16, dtype="f").reshape(4, 4, 1)

    @pytest.mark.parametrize(
        ("wide", "columns"),
        [
            ("tile", [3, 0, 1, 2, 3, 0, 1]),
            ("mirror", [0, 0, 1, 2, 3, 3, 2]),
            ("stretch", [0, 0.5, 1, 1.5, 2, 2.5, 3]),
        ],
    )
    def test_it_fills_rows_or_columns(self, wide, columns):
        across = widened(self.CONST, Canvas(Fraction(7, 4), wide=wide))[..., 0]
        np.testing.assert_allclose(across, np.add.outer(4 * np.arange(4), columns))
        down = widened(self.CONST.transpose(1, 0, 2), Canvas(down=Fraction(7, 4), wide=wide))[..., 0]
        np.testing.assert_array_equal(down, across.T)


def bent(x, canvas, transform, *values, edges="zero"):
    """Return x (H, W, C) bent, as a layer of SIDE samples a side on a canvas."""
    layer = Layer("here", SIDE, SIDE, x.shape[-1], canvas=canvas)
    bend = Bend("here", transform, values, edges=edges)
    with backend.eagerly():
        plan = BendPlan((bend.slot,), (layer,), lambda layer, place: x[None])
        return backend.to_numpy(plan.begin(plan.values((bend,)))(x[None], "here"))[0]


@pytest.mark.parametrize("canvas", CANVASES, ids=["wide", "high"])
class TestBends:
    def blank(self, canvas):
        width, height = canvas.samples(SIDE)
        return np.zeros((height, width, 2), "f"), (slice((height - SIDE) // 2, None), slice((width - SIDE) // 2, None))

    @pytest.mark.parametrize(
        ("transform", "values"),
        [
            ("rotate", (90.0,)),
            ("rotate", (33.0,)),
            ("zoom", (1.7,)),
            ("shear", (0.3, -0.5)),
            ("swirl", (200.0, 0.4)),
            ("kaleidoscope", (1.0, 5.0, 20.0)),
        ],
    )
    def test_what_turns_and_zooms_is_what_it_is_in_a_square(self, canvas, transform, values):
        x, (rows, columns) = self.blank(canvas)
        square = np.random.default_rng(0).standard_normal((SIDE, SIDE, 2)).astype("f")
        x[rows, columns][:SIDE, :SIDE] = square
        moved = bent(x, canvas, transform, *values)[rows, columns][:SIDE, :SIDE]
        np.testing.assert_allclose(moved, bent(square, Canvas(), transform, *values), atol=1e-4)

    @pytest.mark.parametrize("transform", TRANSFORMS)
    def test_neutral_values_change_nothing_and_others_do(self, canvas, transform):
        x = np.random.default_rng(1).standard_normal(self.blank(canvas)[0].shape).astype("f")
        values = TRANSFORMS[transform]
        neutral = bent(x, canvas, transform, *(value.neutral for value in values), edges="reflect")
        np.testing.assert_array_equal(neutral, x)
        ends = [v.maximum if v.maximum > v.neutral else v.minimum for v in values]
        middling = [v.neutral + 0.4 * (end - v.neutral) for v, end in zip(values, ends, strict=True)]
        done = bent(x, canvas, transform, *middling, edges="reflect")
        assert done.shape == x.shape
        assert np.abs(done - x).max() > 0.02

    def test_shifts_and_mirrors_go_by_the_whole_picture(self, canvas):
        x = np.random.default_rng(2).standard_normal(self.blank(canvas)[0].shape).astype("f")
        height, width, _ = x.shape
        moved = bent(x, canvas, "translate", 0.5, 0.5, edges="wrap")
        np.testing.assert_allclose(moved, np.roll(x, (height // 2, width // 2), (0, 1)), atol=1e-4)
        mirrored = bent(x, canvas, "mirror", 1.0, 1.0)
        np.testing.assert_allclose(mirrored, mirrored[::-1, ::-1], atol=1e-4)
        np.testing.assert_allclose(mirrored[: height // 2, : width // 2], x[: height // 2, : width // 2], atol=1e-4)

    def test_feedback_turns_the_whole_picture(self, canvas):
        old = np.random.default_rng(3).integers(0, 256, (1, *self.blank(canvas)[0].shape[:2], 3)).astype("f")
        new = np.zeros(old.shape, np.uint8)
        kept, _ = mix_in(new, old, feedback_values(Feedback(amount=0.5, rotate=180.0), SIDE))
        np.testing.assert_allclose(backend.to_numpy(kept), 0.5 * old[:, ::-1, ::-1], atol=1e-2)


def test_noise_does_not_repeat():
    fields = make_fields("synthesis.b16.conv0", 7 * 16, 4 * 16)
    assert fields.shape == (4, 64, 112)
    flat = fields.reshape(4, -1)
    np.testing.assert_allclose(flat @ flat.T / flat.shape[1], np.eye(4), atol=1e-5)
    for field in fields:
        likeness = [np.mean(field[:, shift:] * field[:, : -shift or None]) for shift in range(8, 100)]
        assert np.abs(likeness).max() < 0.15
    np.testing.assert_allclose(make_fields("a", 28, 16).std(axis=(1, 2)), 1, atol=1e-5)
