"""Choirs: who plays which seed when, and on which layers."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avserver.frame_spec import FrameSpec
from tests.control.heard import hit
from tests.scene.stage import FPS, Stage, weights_of

SEGMENT = '[[choir]]\nname = "s"\nfollows = "segment"\nseeds = [10, 20, 30]\nglide_s = 0.5\n'
DRUMS = (
    '[[choir]]\nname = "d"\nfollows = "onsets"\nonsets = ["drums.low", "drums.mid"]\nseeds = [1, 2, 3]\nglide_s = 0\n'
)
MELODY = '[[choir]]\nname = "m"\nfollows = "chroma"\nglide_s = 0\nseeds = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]\n'


def only(spec: FrameSpec) -> dict[int, float]:
    """Return the weights of a frame that has one term."""
    (term,) = spec.latents
    return weights_of(term)


def settled(stage: Stage, *fired: str, **heard: object) -> dict[int, float]:
    """Play a frame and three seconds more, and return where that ends."""
    spec = stage.frame(*fired, **heard)
    rest = {name: value for name, value in heard.items() if name != "onsets"}
    for _ in range(3 * FPS):
        spec = stage.frame(**rest)
    return only(spec)


def one_hot(pitch_class: int) -> np.ndarray:
    return np.eye(12)[pitch_class]


def test_a_segment_choir_goes_with_the_segments_and_its_list_repeats():
    stage = Stage(SEGMENT)
    for segment, seed in enumerate([10, 20, 30, 10, 20]):
        assert settled(stage, segment=segment) == {seed: 1.0}


def test_the_frame_of_a_switch_already_moves_and_the_glide_takes_its_time():
    stage = Stage(SEGMENT)
    stage.frame()
    first = only(stage.frame(segment=1))
    assert 0.0 < first[20] < 0.05
    frames = [only(stage.frame(segment=1)) for _ in range(FPS // 2)]
    assert frames[-1] == {20: 1.0}
    assert len(frames[-3]) == 2


def test_a_stall_does_not_swallow_a_glide():
    stage = Stage(SEGMENT)
    stage.frame()
    stage.tick += 10 * FPS
    assert 0.5 < only(stage.frame(segment=1))[10] < 1.0


def test_an_onset_choir_steps_once_a_frame_with_its_own_onsets():
    stage = Stage(DRUMS)
    assert only(stage.frame()) == {1: 1.0}
    assert only(stage.frame(onsets=[hit(0.0, "drums.mid"), hit(0.01, "drums.low"), hit(0.02)])) == {2: 1.0}
    assert only(stage.frame(onsets=[hit(0.1, "drums.high"), hit(0.1, "bass.low")])) == {2: 1.0}
    assert only(stage.frame()) == {2: 1.0}
    assert only(stage.frame(onsets=[hit(0.2, "drums.low")])) == {3: 1.0}
    assert only(stage.frame(onsets=[hit(0.3, "drums.low")])) == {1: 1.0}


def test_a_chroma_choir_is_weighed_by_the_pitch_classes():
    stage = Stage(MELODY)
    chroma = np.arange(12) / 66
    assert only(stage.frame(chroma=chroma)) == pytest.approx(dict(enumerate(chroma)))


def test_a_choir_may_follow_the_chroma_that_is_held_from_note_to_note():
    stage = Stage(MELODY.replace('"chroma"', '"chroma_sync"'))
    assert only(stage.frame(chroma=one_hot(1), chroma_sync=one_hot(2)))[2] == pytest.approx(1.0)


def test_in_the_lasting_order_the_first_seed_is_for_what_the_piece_has_most_of():
    stage = Stage(MELODY + 'order = "lasting"\n')
    assert only(stage.frame(chroma=one_hot(7)))[7] == pytest.approx(1.0)  # in pitch order at first
    for _ in range(60 * FPS):
        last = stage.frame(chroma=0.6 * one_hot(7) + 0.4 * one_hot(4))
    weights = only(last)
    assert (weights[0], weights[1]) == pytest.approx((0.6, 0.4))


def test_a_chroma_choir_with_few_seeds_shares_them_and_with_many_plays_twelve():
    few = Stage(MELODY.replace("[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]", "[5, 6]"))
    assert only(few.frame(chroma=one_hot(3))) == pytest.approx({5: 0.0, 6: 1.0})
    assert only(few.frame()) == pytest.approx({5: 0.5, 6: 0.5})
    many = Stage(MELODY.replace("10, 11]", "10, 11, 12, 13]"))
    assert set(only(many.frame())) == set(range(12))
    assert set(only(many.frame("/choir/m/next"))) == set(range(1, 13))


def test_silence_without_any_chroma_is_an_even_mixture():
    assert only(Stage(MELODY).frame(chroma=np.zeros(12))) == pytest.approx(dict.fromkeys(range(12), 1 / 12))


def test_a_chroma_that_flickers_does_not_make_the_picture_flicker():
    stage = Stage(MELODY.replace("glide_s = 0\n", "glide_s = 1\n"))
    stage.frame(chroma=one_hot(0))
    frames = [only(stage.frame(chroma=one_hot(tick % 2 * 7))) for tick in range(4 * FPS)]
    for before, after in pairwise(frames[2 * FPS :]):
        assert abs(before[7] - after[7]) < 0.04


@pytest.mark.parametrize(("mapping", "second"), [(SEGMENT, 20), (DRUMS, 2)])
def test_next_steps(mapping, second):
    stage = Stage(mapping)
    stage.frame()
    name = stage.patch.choirs[0].name
    assert settled(stage, f"/choir/{name}/next") == {second: 1.0}


def test_next_and_segments_add_up():
    stage = Stage(SEGMENT)
    assert settled(stage, "/choir/s/next", segment=1) == {30: 1.0}
    assert settled(stage, segment=2) == {10: 1.0}


def test_a_seed_that_is_turned_while_it_plays_glides():
    stage = Stage(SEGMENT)
    stage.frame()
    stage.turn("/choir/s/seed/1", 77)
    assert only(stage.frame())[10] > 0.9
    assert settled(stage) == {77: 1.0}
    stage.turn("/choir/s/seed/2", 88)  # does not play
    assert only(stage.frame()) == {77: 1.0}


def test_a_seed_of_a_chroma_choir_that_is_turned_glides():
    stage = Stage(MELODY.replace("glide_s = 0\n", "glide_s = 1\n"))
    stage.frame(chroma=one_hot(4))
    stage.turn("/choir/m/seed/5", 77)
    assert only(stage.frame(chroma=one_hot(4)))[4] > 0.9
    weights = settled(stage, chroma=one_hot(4))
    assert 4 not in weights
    assert weights[77] == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("mapping", [SEGMENT, MELODY.replace("glide_s = 0\n", "glide_s = 1\n")])
def test_a_panic_puts_seeds_back_at_once(mapping):
    stage = Stage(mapping)
    before = only(stage.frame())
    address = f"/choir/{stage.patch.choirs[0].name}/seed/1"
    stage.turn(address, 77)
    settled(stage)
    assert only(stage.panic()) == pytest.approx(before)


def layers(spec: FrameSpec) -> dict[tuple[int, int], dict[int, float]]:
    return {term.layers: weights_of(term) for term in spec.latents}


def test_shares_of_the_layers_are_rounded_and_meet():
    stage = Stage(
        SEGMENT + "layers = [0.125, 0.75]\n" + DRUMS + "layers = [0.75, 1]\n" + MELODY + "layers = [0, 0.125]\n",
        num_ws=14,
    )
    assert [term.layers for term in stage.frame().latents] == [(0, 2), (2, 11), (11, 14)]


def test_layers_without_a_choir_get_no_term():
    stage = Stage(SEGMENT + "layers = [0.25, 0.5]\n" + DRUMS + "layers = [0.75, 1]\n")
    assert layers(stage.frame()) == {(2, 4): {10: 1.0}, (6, 8): {1: 1.0}}


def test_choirs_on_the_same_layers_are_equals():
    stage = Stage(SEGMENT + "layers = [0, 0.75]\n" + DRUMS.replace("[1, 2, 3]", "[10, 1]") + "layers = [0.25, 0.5]\n")
    assert layers(stage.frame()) == {(0, 2): {10: 1.0}, (2, 4): {10: 1.0}, (4, 6): {10: 1.0}}
    stage.frame(onsets=[hit(0.0)])
    assert layers(stage.frame())[2, 4] == {10: 0.5, 1: 0.5}


def test_choirs_in_w_and_in_z_on_the_same_layers_are_equals_too():
    in_z = SEGMENT.replace('"s"', '"z"') + 'space = "z"\n'
    stage = Stage(SEGMENT + in_z + DRUMS + "layers = [0.5, 1]\n" + 'space = "z"\n')
    terms = stage.frame().latents
    assert [(term.layers, term.space, weights_of(term)) for term in terms] == [
        ((0, 4), "w", {10: 0.5}),
        ((0, 4), "z", {10: 0.5}),
        ((4, 8), "w", {10: pytest.approx(1 / 3)}),
        ((4, 8), "z", {10: pytest.approx(1 / 3), 1: pytest.approx(1 / 3)}),
    ]


def test_a_linear_glide_keeps_its_speed():
    stage = Stage(SEGMENT + 'glide = "linear"\n')
    stage.frame()
    frames = [only(stage.frame(segment=1)) for _ in range(FPS // 2)]
    assert [weights[20] for weights in frames] == pytest.approx([tick / 15 for tick in range(1, 16)])


def test_layers_can_be_turned_and_may_be_none():
    stage = Stage(SEGMENT + DRUMS)
    stage.turn("/choir/d/first", 0.5)
    assert layers(stage.frame()) == {(0, 4): {10: 1.0}, (4, 8): {10: 0.5, 1: 0.5}}
    stage.turn("/choir/d/stop", 0.25)
    assert layers(stage.frame()) == {(0, 8): {10: 1.0}}
    stage.turn("/choir/s/first", 1.0)
    assert stage.frame().latents == ()


def test_a_choir_off_stage_goes_on_meanwhile():
    stage = Stage(DRUMS)
    stage.turn("/choir/d/stop", 0.0)
    stage.frame()
    stage.frame(onsets=[hit(0.0)])
    stage.turn("/choir/d/stop", 1.0)
    assert only(stage.frame()) == {2: 1.0}


shares = st.floats(0.0, 1.0)


@given(st.lists(st.tuples(shares, shares), min_size=3, max_size=3), st.integers(1, 18))
def test_however_choirs_lie_every_layer_gets_one_whole_picture(placed, num_ws):
    stage = Stage(SEGMENT + DRUMS + MELODY, num_ws=num_ws)
    for name, (first, stop) in zip("sdm", placed, strict=True):
        stage.turn(f"/choir/{name}/first", first)
        stage.turn(f"/choir/{name}/stop", stop)
    spec = stage.frame()
    covered = [layer for term in spec.latents for layer in range(*term.layers)]
    assert covered == sorted(set(covered))
    assert set(covered) <= set(range(num_ws))
    for term in spec.latents:
        assert sum(term.weights) == pytest.approx(1.0)
        assert len(set(term.seeds)) == len(term.seeds)
        assert all(type(seed) is int for seed in term.seeds)


# What may happen in a frame of a wild show.
happenings = st.sampled_from(["", "", "", "hit", "segment", "next", "seed", "slow", "quick", "/segment/previous"])


@settings(max_examples=60)
@given(st.lists(happenings, max_size=80), st.sampled_from([24.0, 30.0, 60.0]))
def test_whatever_happens_the_picture_does_not_jump(script, fps):
    mapping = SEGMENT.replace("0.5", "0.3") + DRUMS.replace("glide_s = 0\n", "glide_s = 0.3\n") + MELODY
    stage = Stage(mapping.replace("glide_s = 0\n", "glide_s = 0.3\n"), fps=fps)
    for name, (first, stop) in {"s": (0.0, 0.25), "d": (0.25, 0.5), "m": (0.5, 1.0)}.items():
        stage.turn(f"/choir/{name}/first", first)
        stage.turn(f"/choir/{name}/stop", stop)
    segment = 0
    before = layers(stage.frame())
    for tick, happening in enumerate(script):
        fired = [happening] if happening.startswith("/") else ["/choir/d/next"] * (happening == "next")
        segment += happening == "segment"
        for name in "sdm":
            if happening == "seed":
                stage.turn(f"/choir/{name}/seed/{1 + tick % 3}", 1000 + tick)
            if happening in ("slow", "quick"):
                stage.turn(f"/choir/{name}/glide_s", 10.0 if happening == "slow" else 0.3)
        chroma = one_hot(tick % 12)
        onsets = [hit(stage.t_s)] * (happening == "hit")
        after = layers(stage.frame(*fired, onsets=onsets, segment=segment, chroma=chroma))
        for where, weights in after.items():
            assert sum(weights.values()) == pytest.approx(1.0, abs=1e-9)
            known = before[where]
            # Three times the speed of a glide from rest.
            assert max(abs(weights.get(s, 0) - known.get(s, 0)) for s in weights | known) < 3 * 1.5 / 0.3 / fps
        before = after


# ---- seeds that take a time of their own: a preset that morphs ----


def recall(stage: Stage, over_s: float, seeds: dict[str, int], **heard: object) -> dict[int, float]:
    """Play the frame at which a preset is recalled that has these seeds."""
    for address, seed in seeds.items():
        stage.turn(address, seed)
    return only(stage.frame(glides=dict.fromkeys(seeds, over_s), **heard))  # type: ignore[arg-type]


def test_seeds_of_a_preset_take_the_time_of_its_morph():
    stage = Stage(SEGMENT)  # glides by itself within half a second
    stage.frame()
    assert recall(stage, 2.0, {"/choir/s/seed/1": 77}) == {10: 1.0}
    frames = [only(stage.frame()) for _ in range(2 * FPS)]
    assert frames[FPS - 1] == pytest.approx({10: 0.5, 77: 0.5})
    assert frames[-1] == {77: 1.0}
    assert len(frames[-2]) == 2
    arriving = [frame[77] for frame in frames]
    assert arriving == sorted(arriving)


def test_a_choir_plays_on_in_both_presets_while_they_morph():
    stage = Stage(DRUMS)
    stage.frame()
    recall(stage, 2.0, {f"/choir/d/seed/{number}": 10 * number for number in (1, 2, 3)})
    for _ in range(FPS - 1):
        stage.frame()
    halfway = only(stage.frame(onsets=[hit(0.0, "bass.low")]))  # not one that this choir follows
    assert halfway == pytest.approx({1: 0.5, 10: 0.5})
    assert set(only(stage.frame(onsets=[hit(0.0, "drums.low")]))) == {2, 20}
    assert set(only(stage.frame("/choir/d/next"))) == {3, 30}


def test_a_morphing_chroma_choir_keeps_its_chord():
    stage = Stage(MELODY)
    chroma = np.arange(12) / 66
    stage.frame(chroma=chroma)
    recall(stage, 2.0, {f"/choir/m/seed/{number}": 100 + number for number in range(1, 13)}, chroma=chroma)
    for _ in range(FPS):
        halfway = only(stage.frame(chroma=chroma))
    expected = {seed: share / 2 for seed, share in enumerate(chroma) if share}
    assert halfway == pytest.approx(expected | {101 + seed: share for seed, share in expected.items()})


def test_a_recall_within_a_morph_starts_from_the_picture_that_is_there():
    stage = Stage(SEGMENT)
    stage.frame()
    recall(stage, 2.0, {"/choir/s/seed/1": 77})
    for _ in range(FPS):
        before = only(stage.frame())
    assert recall(stage, 1.0, {"/choir/s/seed/1": 88}) == before
    frames = [before, *(only(stage.frame()) for _ in range(FPS))]
    assert frames[-1] == {88: 1.0}
    for old, new in pairwise(frames):
        assert sum(new.values()) == pytest.approx(1.0)
        assert max(abs(new.get(seed, 0.0) - old.get(seed, 0.0)) for seed in old | new) < 0.06


def test_a_cut_and_a_panic_are_there_at_once():
    stage = Stage(SEGMENT)
    stage.frame()
    assert recall(stage, 0.0, {"/choir/s/seed/1": 77}) == {77: 1.0}
    recall(stage, 5.0, {"/choir/s/seed/1": 88})
    stage.frame()
    assert only(stage.panic()) == {10: 1.0}
    assert only(stage.frame()) == {10: 1.0}


def test_a_panic_undoes_the_steps_that_were_taken_by_hand():
    stage = Stage(SEGMENT)
    assert settled(stage, "/choir/s/next") == {20: 1.0}
    assert only(stage.panic()) == {10: 1.0}
