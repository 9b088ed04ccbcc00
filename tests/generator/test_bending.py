"""Bends of a layer that stands by itself: against plain numpy, and against what one would see."""

import functools
import math

import numpy as np
import pytest

from avserver.errors import ModelError, WireError
from avserver.frame_spec import EDGES, Bend, BendSlot
from avserver.generator import backend
from avserver.generator.architecture import Layer
from avserver.generator.bending import BendPlan
from avserver.generator.bending.moves import displacement_fields
from avserver.generator.noise_fields import make_fields, seeded
from avserver.transforms import POINTWISE, TRANSFORMS
from tests.generator import bending_reference as reference

SIZE, CHANNELS = 16, 5
LAYER = Layer("b16", SIZE, SIZE, CHANNELS)

# Of every transform some values, beside the neutral ones.
CASES = {
    "zoom": [(0.5,), (0.83,), (2.0,)],
    "translate": [(0.13, -0.4), (-0.75, 0.0)],
    "rotate": [(30.0,), (-150.0,)],
    "shear": [(0.4, 0.0), (0.3, -0.7)],
    "flip": [(-1.0, 1.0), (0.4, -0.6)],
    "perspective": [(0.5, 0.0), (-0.3, 0.6)],
    "displace": [(0.1, 0.0), (0.2, 2.0)],
    "swirl": [(90.0, 0.5), (-300.0, 0.8)],
    "kaleidoscope": [(1.0, 6.0, 0.0), (1.0, 1.0, 40.0), (0.5, 3.4, -20.0)],
    "mirror": [(1.0, 0.0), (-1.0, 0.3), (0.5, -0.7)],
    "invert": [(1.0,), (0.3,)],
    "scale": [(-1.7,)],
    "threshold": [(1.0, 0.2), (0.5, -0.3)],
    "ablate": [(1.0,), (0.25,)],
    "posterize": [(1.0, 2.0), (0.5, 1.0)],
    "fold": [(1.0, 8.0), (0.4, 1.5)],
    "noise": [(1.0, 0.0), (0.5, 2.5)],
    "blur": [(0.7,), (3.0,)],
    "sharpen": [(1.5,)],
    "erode": [(1.0,), (0.4,), (1.7,)],
    "dilate": [(2.0,), (1.3,)],
    "sobel": [(1.0,), (0.5,)],
}
NEUTRAL = {name: tuple(value.neutral for value in values) for name, values in TRANSFORMS.items()}


def bent(x, *bends, layer=LAYER):
    """Return x (n, H, W, C) bent, its slots being those of the bends."""
    slots = tuple(bend.slot for bend in bends)
    with backend.eagerly():
        plan = BendPlan(slots, (layer,), lambda layer, place: x)
        return backend.to_numpy(plan.begin(plan.values(bends))(x, layer.name, slots[0].place))


def bend(transform, *values, **static):
    return Bend("b16", transform, values, **static)


def stored(transform, slot, layer=LAYER):
    """Return what a transform keeps of random numbers."""
    if transform == "displace":
        return displacement_fields(layer, str(slot))
    if transform == "noise":
        offsets = seeded(str(slot)).uniform(0, 2 * math.pi, layer.channels)
        return make_fields(str(slot), *layer.extent)[:2], offsets
    return None


@pytest.fixture
def noise():
    return np.random.default_rng(0).standard_normal((1, SIZE, SIZE, CHANNELS)).astype("f")


def mark(row, column):
    """A picture with one bright sample."""
    x = np.zeros((1, SIZE, SIZE, 1), "f")
    x[0, row, column] = 1
    return x


marked = functools.partial(bent, layer=Layer("b16", SIZE, SIZE, 1))


def brightest(x):
    return np.unravel_index(x[0, :, :, 0].argmax(), (SIZE, SIZE))


def test_every_transform_has_cases():
    assert set(CASES) == set(TRANSFORMS)


@pytest.mark.parametrize("edges", EDGES)
@pytest.mark.parametrize("transform", TRANSFORMS)
def test_neutral_values_change_nothing_at_all(noise, transform, edges):
    np.testing.assert_array_equal(bent(noise, bend(transform, *NEUTRAL[transform], edges=edges)), noise)


@pytest.mark.parametrize("size", [4, SIZE])
@pytest.mark.parametrize(
    ("transform", "edges"),
    [
        *((name, "reflect") for name in POINTWISE),
        *((name, edges) for name in TRANSFORMS if name not in POINTWISE for edges in EDGES),
    ],
)
def test_a_transform_is_what_plain_numpy_makes_of_it(transform, edges, size):
    layer = Layer("b16", size, size, CHANNELS)
    x = np.random.default_rng(1).standard_normal((1, size, size, CHANNELS)).astype("f")
    for values in CASES[transform]:
        one = bend(transform, *values, edges=edges)
        expected = reference.bent(x[0], transform, values, edges, stored=stored(transform, one.slot, layer))
        np.testing.assert_allclose(bent(x, one, layer=layer)[0], expected, atol=1e-4, err_msg=f"{values}")
        assert np.abs(expected - x[0]).max() > 0.1


@pytest.mark.parametrize("transform", ["translate", "rotate", "perspective", "swirl", "displace", "mirror"])
def test_lengths_are_those_of_the_picture_where_a_layer_has_a_margin(transform):
    layer = Layer("b16", SIZE, 10, CHANNELS)
    x = np.random.default_rng(1).standard_normal((1, SIZE, SIZE, CHANNELS)).astype("f")
    for values in (NEUTRAL[transform], *CASES[transform]):
        one = bend(transform, *values)
        expected = reference.bent(x[0], transform, values, picture=10, stored=stored(transform, one.slot, layer))
        np.testing.assert_allclose(bent(x, one, layer=layer)[0], expected, atol=1e-4)


def test_translate_moves_right_and_down():
    assert brightest(marked(mark(4, 4), bend("translate", 2 / 16, 0.0))) == (4, 6)
    assert brightest(marked(mark(8, 4), bend("translate", 0.0, 5 / 16))) == (13, 4)


def test_zoom_below_one_moves_away_from_the_centre():
    # The centre of sample 9 lies 1.5 to the right of the middle; at half the view it is seen twice as far, at 10.5.
    near = marked(mark(9, 9), bend("zoom", 0.5))
    assert near[0, 10:12, 10:12, 0].min() > 0.5
    assert marked(mark(9, 9), bend("zoom", 2.0))[0, 8, 8, 0] > 0.2


def test_quarter_turns_are_exact_pictures_and_anticlockwise(noise):
    np.testing.assert_allclose(bent(noise, bend("rotate", 90.0)), np.rot90(noise, 1, axes=(1, 2)), atol=1e-4)


def test_flips_and_mirrors_are_exact_pictures(noise):
    np.testing.assert_array_equal(bent(noise, bend("flip", -1.0, 1.0)), noise[:, :, ::-1])
    mirrored = bent(noise, bend("mirror", 0.0, -1.0))
    np.testing.assert_array_equal(mirrored, np.concatenate([noise[:, :7:-1], noise[:, 8:]], axis=1))


def test_perspective_brings_the_named_side_nearer():
    tilted = marked(np.concatenate([mark(8, 3), mark(8, 12)]), bend("perspective", 0.6, 0.0))
    left, right = (brightest(picture[None])[1] for picture in tilted)
    assert 7.5 - left < 4.5 < right - 7.5


def test_edges():
    x = np.arange(SIZE, dtype="f").reshape(1, 1, SIZE, 1).repeat(SIZE, axis=1)
    first = {edges: marked(x, bend("translate", 3 / 16, 0.0, edges=edges))[0, 0, :4, 0].tolist() for edges in EDGES}
    assert first == {"reflect": [2, 1, 0, 0], "wrap": [13, 14, 15, 0], "zero": [0, 0, 0, 0]}


def test_bends_act_in_the_order_of_the_slots():
    turn, move = bend("rotate", 90.0), bend("translate", 2 / 16, 0.0)
    assert brightest(marked(mark(8, 12), turn, move)) == (3, 10)
    assert brightest(marked(mark(8, 12), move, turn)) == (1, 8)
    # Whatever the order in which a frame names them.
    plan = BendPlan((turn.slot, move.slot), (LAYER,), None)
    np.testing.assert_array_equal(plan.values((turn, move)), plan.values((move, turn)))


@pytest.mark.parametrize("edges", EDGES)
def test_moves_that_follow_each_other_are_one_warp_as_of_the_whole_way(edges):
    """On a smooth picture, two warps and one warp agree but for what the second interpolates anew."""
    steps = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    x = (np.sin(steps)[:, None] * np.cos(steps))[None, :, :, None].astype("f")
    layer = Layer("b16", 64, 64, 1)
    bends = [
        bend("zoom", 0.7, edges=edges),
        bend("swirl", 60.0, 0.4, edges=edges),
        bend("shear", 0.2, 0.0, edges=edges),
        bend("rotate", 20.0, edges=edges),
    ]
    one_by_one = functools.reduce(lambda x, one: bent(x, one, layer=layer), bends, x)
    inside = np.s_[:, 16:48, 16:48]
    np.testing.assert_allclose(bent(x, *bends, layer=layer)[inside], one_by_one[inside], atol=0.02)


def test_all_kinds_in_a_row(noise):
    bends = [bend("blur", 0.8), bend("rotate", 90.0), bend("invert", 1.0), bend("flip", -1.0, 1.0)]
    expected = -np.rot90(bent(noise, bends[0]), axes=(1, 2))[:, :, ::-1]
    np.testing.assert_allclose(bent(noise, *bends), expected, atol=1e-4)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_channels_that_are_not_meant_stay_as_they_are(noise, transform):
    values = CASES[transform][0]
    some, every = bent(noise, bend(transform, *values, channels="1-2")), bent(noise, bend(transform, *values))
    np.testing.assert_array_equal(some[..., [0, 3, 4]], noise[..., [0, 3, 4]])
    if transform not in ("displace", "noise"):  # whose fields are others in another slot
        np.testing.assert_array_equal(some[..., 1:3], every[..., 1:3])
    assert np.abs(some[..., 1:3] - noise[..., 1:3]).max() > 0.1


def test_bends_of_different_channels_and_edges_are_warps_of_their_own(noise):
    both = bent(noise, bend("flip", -1.0, 1.0, channels="0"), bend("translate", 0.5, 0.0, channels="0-1", edges="wrap"))
    np.testing.assert_allclose(both[..., 0], np.roll(noise[:, :, ::-1, 0], 8, axis=2), atol=1e-6)
    np.testing.assert_allclose(both[..., 1], np.roll(noise[..., 1], 8, axis=2), atol=1e-6)


def test_pictures_of_a_batch_move_alike(noise):
    moved = bent(np.concatenate([noise, -noise]), bend("rotate", 33.0), bend("zoom", 0.7))
    np.testing.assert_allclose(moved[0], -moved[1])


def test_whatever_is_asked_stays_finite(noise):
    ends = [
        bend(transform, *values)
        for transform in TRANSFORMS
        for values in ([v.minimum for v in TRANSFORMS[transform]], [v.maximum for v in TRANSFORMS[transform]])
    ]
    assert np.isfinite(bent(noise, *ends)).all()
    assert np.isfinite(bent(noise, *[bend("zoom", 4.0)] * 40)).all()


def test_values_beyond_their_range_are_taken_to_its_end(noise):
    np.testing.assert_array_equal(bent(noise, bend("zoom", 1e9)), bent(noise, bend("zoom", 4.0)))


def test_a_phase_moves_smoothly_and_comes_round(noise):
    for transform in ("displace", "noise"):
        at = [bent(noise, bend(transform, 0.3, phase)) for phase in (0.0, 0.05, 1.0, 2 * math.pi)]
        near, far = (np.abs(at[i] - at[0]).mean() for i in (1, 2))
        assert 0 < 3 * near < far
        np.testing.assert_allclose(at[3], at[0], atol=1e-4)


def test_displacement_is_smooth_and_of_a_known_size():
    fields = displacement_fields(Layer("b64", 64, 64, 8), "one")
    assert fields.mean(axis=(1, 2)) == pytest.approx([0] * 4, abs=1e-5)
    assert fields.std(axis=(1, 2)) == pytest.approx([1] * 4, abs=1e-5)
    assert np.abs(np.diff(fields, axis=2)).max() < 0.8
    assert np.abs(fields - displacement_fields(Layer("b64", 64, 64, 8), "two")).max() > 1


def test_a_layer_that_moves_itself_is_given_its_matrix(noise):
    layer = Layer("input", SIZE, 10, CHANNELS, exact=True)
    bends = [
        Bend("input", "rotate", (90.0,)),
        Bend("input", "invert", (1.0,)),
        Bend("input", "translate", (0.25, 0.5)),
        Bend("input", "zoom", (0.5,), channels="0"),
    ]
    with backend.eagerly():
        plan = BendPlan([one.slot for one in bends], (layer,), None)
        bending = plan.begin(plan.values(bends))
    # Seen at (0, 0) is what stood at (-0.25, -0.5) after the turn, at (0.5, -0.25) before it.
    np.testing.assert_allclose(backend.to_numpy(bending.matrix("input")) @ [0, 0, 1], [0.5, -0.25], atol=1e-6)
    rest = backend.to_numpy(bending(noise, "input"))
    np.testing.assert_array_equal(rest[..., 1:], -noise[..., 1:])
    assert bending.matrix("b16") is None


def test_errors_name_what_was_got():
    zoom = BendSlot("b16", "zoom")

    def values(*bends, slots=(zoom,)):
        return BendPlan(slots, (LAYER,), None).values(bends)

    with pytest.raises(
        ModelError, match="layer 'b32' was not prepared for bending by zoom of b32, prepared: zoom of b16"
    ):
        values(Bend("b32", "zoom", (1.0,)))
    with pytest.raises(ModelError, match="by zoom of b16 with edges wrap, prepared: none"):
        values(bend("zoom", 1.0, edges="wrap"), slots=())
    with pytest.raises(ModelError, match="by zoom of b16, prepared: zoom of b16"):
        values(bend("zoom", 1.0), bend("zoom", 1.0))
    with pytest.raises(ModelError, match="unknown transform 'zom', did you mean 'zoom'"):
        values(bend("zom", 1.0))
    with pytest.raises(WireError, match=r"zoom takes finite values \(amount\), got \(\)"):
        values(bend("zoom"))
    with pytest.raises(WireError, match="zoom takes finite values"):
        values(bend("zoom", float("nan")))
    with pytest.raises(ModelError, match=r"zoom of b16 on channels 3-5: the layer's channels are 0 to 4, got 5"):
        values(slots=(BendSlot("b16", "zoom", channels="3-5"),))
