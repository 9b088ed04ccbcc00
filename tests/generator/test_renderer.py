"""The renderer with a network of 16 px: what a FrameSpec says is what is drawn."""

import dataclasses
import itertools

import numpy as np
import pytest

from avserver.errors import ModelError, WireError
from avserver.frame_spec import Bend, BendSlot, Feedback, FrameSpec, Grade, LatentTerm, NoiseLevel, Upscale
from avserver.generator import backend, checkpoint, load
from avserver.generator.renderer import Renderer
from avserver.transforms import TRANSFORMS

NEUTRAL = {name: tuple(value.neutral for value in values) for name, values in TRANSFORMS.items()}
LAYERS = 6  # ws of a network of 16 px


SLOTS = tuple(BendSlot(layer, transform) for layer in ("b8", "b16") for transform in ("zoom", "translate", "rotate"))


@pytest.fixture(scope="module")
def renderer(tiny_model):
    renderer = Renderer(tiny_model, bends=SLOTS)
    renderer.warm_up()
    return renderer


def latents(*weights, layers=(0, LAYERS)):
    """Terms of seeds 1, 2, … with these weights."""
    return (LatentTerm(layers, tuple(range(1, len(weights) + 1)), weights),)


def spec(**changes):
    return FrameSpec(**({"index": 0, "t_s": 0.0, "latents": latents(1.0)} | changes))


def noise(phase=0.0, strength=1.0, grain=0.5):
    return tuple(NoiseLevel(resolution, phase, strength, grain) for resolution in (4, 8, 16))


def difference(a, b):
    return np.abs(a.astype(float) - b.astype(float)).max()


def test_a_picture_is_bytes_in_rows(renderer):
    picture = renderer.render(spec())
    assert picture.shape == (16, 16, 3)
    assert picture.dtype == np.uint8
    assert picture.flags.c_contiguous
    assert picture.std() > 10


def test_the_same_spec_gives_the_same_bytes(renderer, tiny_model):
    whole = spec(noise=noise(1.0), bends=(Bend("b8", "rotate", (20.0,)),), grade=Grade(contrast=1.2))
    first = renderer.render(whole)
    renderer.render(spec(latents=latents(0.0, 1.0)))
    np.testing.assert_array_equal(renderer.render(whole), first)
    np.testing.assert_array_equal(Renderer(tiny_model, bends=SLOTS).render(whole), first)


def test_a_picture_once_returned_stays(renderer):
    first = renderer.render(spec())
    kept = first.copy()
    renderer.render(spec(latents=latents(0.0, 1.0)))
    np.testing.assert_array_equal(first, kept)


def test_the_renderer_draws_what_the_python_face_draws(renderer, tiny_model):
    generator = load(tiny_model)
    z = np.random.RandomState(1).randn(1, generator.z_dim)
    image = generator.synthesis(generator.mapping(z, truncation_psi=0.8), noise="none")[0]
    expected = np.clip(image * 127.5 + 128, 0, 255).astype(np.uint8)
    assert difference(renderer.render(spec(truncation_psi=0.8)), expected) <= (
        1 if renderer.precision == "float32" else 4
    )


def test_another_seed_gives_another_picture(renderer):
    assert difference(renderer.render(spec()), renderer.render(spec(latents=latents(0.0, 1.0)))) > 20


def test_weights_choose_and_mix_seeds(renderer):
    one, both = renderer.render(spec()), renderer.render(spec(latents=latents(1.0, 0.0)))
    np.testing.assert_array_equal(one, both)
    two = renderer.render(spec(latents=(LatentTerm((0, LAYERS), (2,), (1.0,)),)))
    np.testing.assert_array_equal(two, renderer.render(spec(latents=latents(0.0, 1.0))))
    mixed = renderer.render(spec(latents=latents(0.5, 0.5)))
    assert difference(mixed, one) > 5
    assert difference(mixed, two) > 5


def test_terms_on_a_layer_add_and_terms_apart_do_not_meet(renderer):
    halves = (LatentTerm((0, LAYERS), (1,), (0.25,)), LatentTerm((0, LAYERS), (1,), (0.75,)))
    np.testing.assert_array_equal(renderer.render(spec(latents=halves)), renderer.render(spec()))
    split = latents(1.0, layers=(0, 3)) + latents(1.0, layers=(3, LAYERS))
    np.testing.assert_array_equal(renderer.render(spec(latents=split)), renderer.render(spec()))
    fine = latents(1.0, layers=(0, 3)) + latents(0.0, 1.0, layers=(3, LAYERS))
    assert difference(renderer.render(spec(latents=fine)), renderer.render(spec())) > 5


def test_layers_without_a_term_show_the_average(renderer):
    np.testing.assert_array_equal(renderer.render(spec(latents=())), renderer.render(spec(truncation_psi=0.0)))
    coarse = renderer.render(spec(latents=latents(1.0, layers=(0, 3))))
    np.testing.assert_array_equal(
        coarse, renderer.render(spec(truncation_psi=1.0, latents=latents(1.0, layers=(0, 3))))
    )
    assert difference(coarse, renderer.render(spec())) > 5


def test_truncation_pulls_the_layers_below_the_cutoff(renderer):
    average = renderer.render(spec(latents=()))
    assert difference(renderer.render(spec()), average) > difference(renderer.render(spec(truncation_psi=0.2)), average)
    np.testing.assert_array_equal(
        renderer.render(spec(truncation_psi=0.0, truncation_cutoff=3)),
        renderer.render(spec(latents=latents(1.0, layers=(3, LAYERS)))),
    )


def test_noise_moves_smoothly(renderer):
    still = renderer.render(spec())
    np.testing.assert_array_equal(renderer.render(spec(noise=noise(strength=0.0))), still)
    begin = renderer.render(spec(noise=noise(0.0)))
    a_frame = renderer.render(spec(noise=noise(0.05)))
    far = renderer.render(spec(noise=noise(3.0)))
    assert 0 < difference(begin, a_frame) < difference(begin, far)
    assert difference(begin, still) > 5


def test_noise_of_one_resolution_leaves_the_others_alone(renderer):
    fine = renderer.render(spec(noise=noise()[2:]))
    assert difference(fine, renderer.render(spec())) > 0
    assert difference(fine, renderer.render(spec(noise=noise()))) > 0


@pytest.fixture(scope="module")
def unbent(tiny_model):
    return Renderer(tiny_model)


# The whole table on one layer, and one of each kind on every layer, before and after the nonlinearity.
WHOLE_TABLE = tuple(BendSlot("b8.conv1", transform) for transform in TRANSFORMS)
CONVOLUTIONS = ("b4.conv1", "b8.conv0", "b8.conv1", "b16.conv0", "b16.conv1")
EVERYWHERE = tuple(
    BendSlot(layer, transform, place, channels=channels)
    for places, layers in {
        ("after",): ("input", "b4", "b4.torgb", "b8", "b8.torgb", "b16", "b16.torgb"),
        ("before", "after"): CONVOLUTIONS,
    }.items()
    for layer in layers
    for place in places
    for transform, channels in (("rotate", "all"), ("invert", "0-1"), ("blur", "random 0.5 seed 1"))
)


def neutral(slots):
    return tuple(Bend(s.layer, s.transform, NEUTRAL[s.transform], s.place, s.edges, s.channels) for s in slots)


def drawn_by_steps(model, bends, **changes):
    """Return the picture of a renderer made for it, uncompiled: the same but for rounding, and sooner."""
    renderer = Renderer(model, bends=[bend.slot for bend in bends])
    renderer._draw = renderer._picture
    with backend.eagerly():
        return renderer.render(spec(bends=bends, **changes))


def test_an_identity_bend_changes_no_pixel(tiny_model, unbent):
    bent = Renderer(tiny_model, bends=WHOLE_TABLE)
    whole = spec(noise=noise(1.0))
    np.testing.assert_array_equal(
        bent.render(dataclasses.replace(whole, bends=neutral(WHOLE_TABLE))), unbent.render(whole)
    )


def test_nor_does_it_on_any_layer(tiny_model):
    whole = drawn_by_steps(tiny_model, (), noise=noise(1.0))
    np.testing.assert_array_equal(drawn_by_steps(tiny_model, neutral(EVERYWHERE), noise=noise(1.0)), whole)


@pytest.mark.parametrize("slot", [s for s in EVERYWHERE if s.transform == "invert" and s.layer != "b16"], ids=str)
def test_a_layer_is_bent_where_its_name_says(tiny_model, unbent, slot):
    bend = Bend(slot.layer, slot.transform, (1.0,), slot.place, slot.edges, slot.channels)
    assert difference(drawn_by_steps(tiny_model, (bend,)), unbent.render(spec())) > 1


def test_a_bend_before_the_nonlinearity_meets_negative_values(tiny_model, unbent):
    # A leaky ReLU leaves a fifth of what is below 0: what lies between -1 and -0.3 is below the level only before it.
    before, after = (
        drawn_by_steps(tiny_model, (Bend("b16.conv1", "threshold", (1.0, -0.3), place),))
        for place in ("before", "after")
    )
    assert difference(before, after) > 1
    assert difference(before, unbent.render(spec())) > 1


def test_clusters_of_channels_are_found_in_the_model(tiny_model):
    slots = [BendSlot("b8", "ablate", channels=f"cluster {number} of 3") for number in (1, 2, 3)]
    renderer = Renderer(tiny_model, bends=slots)
    every = tuple(Bend("b8", "ablate", (1.0,), channels=slot.channels) for slot in slots)
    pictures = [renderer.render(spec(bends=bends)) for bends in ((), every[:1], every[1:2], every[2:], every)]
    assert all(difference(a, b) > 0 for a, b in itertools.combinations(pictures, 2))
    # Together they are all channels.
    whole = Renderer(tiny_model, bends=(BendSlot("b8", "ablate"),))
    np.testing.assert_array_equal(pictures[-1], whole.render(spec(bends=(Bend("b8", "ablate", (1.0,)),))))


def test_bends_of_some_channels_leave_the_picture_so_far_where_it_is(tiny_model, unbent):
    """In the last block nothing is drawn after the picture, so that only what moves the picture is seen."""
    bends = (Bend("b16", "flip", (-1.0, 1.0), channels="0-3"), Bend("b16", "invert", (1.0,)))
    assert difference(drawn_by_steps(tiny_model, bends), unbent.render(spec())) <= 1


def test_bending_the_last_layer_moves_the_picture(renderer):
    still = renderer.render(spec())
    moved = renderer.render(spec(bends=(Bend("b16", "translate", (4 / 16, -2 / 16)),)))
    assert difference(moved[:-2, 4:], still[2:, :-4]) <= 1
    turned = renderer.render(spec(bends=(Bend("b16", "rotate", (90.0,)),)))
    assert difference(turned, np.rot90(still)) <= 1


def test_bending_an_early_layer_moves_what_comes_before_it(renderer):
    still = renderer.render(spec())
    moved = renderer.render(spec(bends=(Bend("b8", "zoom", (0.5,)),)))
    assert difference(moved, still) > 5


def test_grades(renderer):
    neutral = renderer.render(spec(grade=Grade(1.0, 1.0, 1.0)))
    np.testing.assert_array_equal(neutral, renderer.render(spec()))
    assert not renderer.render(spec(grade=Grade(opacity=0.0))).any()


def test_a_size_of_its_own_is_filled_and_cropped(tiny_model, renderer):
    wide = Renderer(tiny_model, size=(64, 32)).render(spec())
    assert wide.shape == (32, 64, 3)
    assert wide.flags.c_contiguous
    # Scaled by four, of whose 64 rows the middle 32 are left: rows 4 to 12 of the model's.
    small = wide.reshape(8, 4, 16, 4, 3).mean(axis=(1, 3))
    plain = renderer.render(spec())[4:12].astype(float)
    assert np.abs(small - plain).mean() < 0.1 * plain.std()


def test_a_conditional_model_plays(tmp_path):
    from avserver.generator.architecture import StyleGAN2Config
    from avserver.generator.initialisation import initialise

    config = StyleGAN2Config(resolution=8, z_dim=8, w_dim=8, c_dim=3, channel_base=64, channel_max=8, mapping_layers=2)
    checkpoint.write(tmp_path / "conditional.safetensors", initialise(config, 0))
    term = LatentTerm((0, 4), (1,), (1.0,))
    assert Renderer(tmp_path / "conditional.safetensors").render(spec(latents=(term,))).std() > 1


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"bends": (Bend("b4", "zoom", (1.0,)),)}, ModelError, "'b4' was not prepared for bending"),
        ({"bends": (Bend("b8", "explode", (1.0,)),)}, ModelError, "unknown transform 'explode'"),
        ({"bends": (Bend("b8", "zoom", ()),)}, WireError, "zoom takes finite values"),
        ({"bends": (Bend("b8", "zoom", (1.0,), "before"),)}, ModelError, "'b8' has no nonlinearity"),
        ({"feedback": Feedback(amount=float("nan"))}, WireError, "a feedback and .* finite"),
        ({"noise": (NoiseLevel(32, 0.0, 1.0, 0.0),)}, ModelError, "no layers at 32 px, it has: 4, 8, 16"),
        ({"noise": (NoiseLevel(8, float("inf"), 1.0, 0.0),)}, WireError, "noise takes finite numbers"),
        ({"latents": (LatentTerm((0, 7), (1,), (1.0,)),)}, WireError, r"layers lie in \[0, 6\), got \[0, 7\)"),
        ({"latents": (LatentTerm((0, 6), (-1,), (1.0,)),)}, WireError, "a seed is a whole number .* got -1"),
        ({"latents": (LatentTerm((0, 6), (2**32,), (1.0,)),)}, WireError, "a seed is a whole number"),
        ({"latents": (LatentTerm((0, 6), (1.5,), (1.0,)),)}, WireError, "a seed is a whole number .* got 1.5"),
        ({"latents": (LatentTerm((0, 6), (1, 2), (1.0,)),)}, WireError, "got 2 seeds and 1 weights"),
        ({"latents": (LatentTerm((0, 6), (1,), (float("nan"),)),)}, WireError, "weights are finite"),
        ({"truncation_psi": float("nan")}, WireError, "a truncation are finite"),
        ({"grade": Grade(opacity=float("inf"))}, WireError, "a grade, .* finite"),
        ({"grade": Grade(gamma=(1.0, 0.0, 1.0))}, WireError, "a gamma is above 0"),
        ({"upscale": Upscale("network", float("nan"))}, WireError, "by a finite share"),
    ],
)
def test_a_spec_that_makes_no_sense_is_refused_and_the_next_one_is_drawn(renderer, changes, error, words):
    with pytest.raises(error, match=words):
        renderer.render(spec(**changes))
    assert renderer.render(spec()).std() > 10


def test_unknown_bent_layers_are_refused_at_the_start(tiny_model):
    with pytest.raises(ModelError, match=r"no layer 'b32', allowed: b16, b16.conv0, "):
        Renderer(tiny_model, bends=(BendSlot("b32", "zoom"),))


class TestLookingBack:
    def test_feedback_mixes_the_frame_before_in(self, renderer):
        renderer.reset()
        first, second = spec(), spec(latents=latents(0.0, 1.0))
        a, b = renderer.render(first), renderer.render(second)
        # The first of them has none before it.
        trailing = Feedback(amount=0.25)
        np.testing.assert_array_equal(renderer.render(dataclasses.replace(first, feedback=trailing)), a)
        mixed = renderer.render(dataclasses.replace(second, feedback=trailing))
        assert difference(mixed, 0.75 * b + 0.25 * a) <= 1.5
        # And that again, turned by a quarter, whatever the grade was.
        turned = renderer.render(dataclasses.replace(second, feedback=Feedback(amount=0.5, rotate=90.0)))
        assert difference(turned, 0.5 * b + 0.5 * np.rot90(mixed)) <= 2

    def test_a_reset_forgets_the_frame_before(self, renderer):
        trailing = Feedback(amount=0.9)
        renderer.render(spec(latents=latents(0.0, 1.0), feedback=trailing))
        renderer.reset()
        np.testing.assert_array_equal(renderer.render(spec(feedback=trailing)), renderer.render(spec()))

    def test_feedback_looks_at_the_picture_before_it_was_faded(self, renderer):
        plain = renderer.render(spec())
        trailing = Feedback(amount=0.9)
        assert not renderer.render(spec(grade=Grade(opacity=0.0), feedback=trailing)).any()
        assert difference(renderer.render(spec(feedback=trailing)), plain) <= 1

    def test_strobe_safe_frames_are_held_back(self, renderer):
        renderer.reset()
        flashing = [spec(t_s=i / 30, grade=Grade(opacity=float(i % 2)), strobe_safe=True) for i in range(30)]
        pictures = [renderer.render(one) for one in flashing]
        whole = renderer.render(spec())
        assert not pictures[0].any()
        np.testing.assert_array_equal(pictures[1], whole)
        assert difference(pictures[-2], pictures[-1]) < 0.5 * difference(whole, 0 * whole)
