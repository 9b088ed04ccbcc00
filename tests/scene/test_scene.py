"""The scene as a whole: segments, noise, bends, grade, and that it is the same show every time."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avserver.bundled import mapping_path
from avserver.control.mapper import Mapper
from avserver.control.mapping import load_patch, parse_patch
from avserver.control.params import Params
from avserver.frame_spec import Bend, BendSlot, Feedback, FrameSpec, Grade, Mix, ModelShape, Upscale
from avserver.generator.noise_fields import coefficients
from avserver.scene.bends import bend_slots, bends_for
from avserver.scene.noise import PHASE_PERIOD, PHASE_RATE
from avserver.scene.scene import Scene
from tests.control.heard import heard, hit
from tests.scene.stage import Stage, model_shape

BENDS = """
[[bend]]
name = "near"
layer = "b8"
transform = "zoom"
[[bend]]
name = "shift"
layer = "b16"
transform = "translate"
x = 0.5
[[bend]]
name = "beyond"
layer = "b64"
transform = "rotate"
"""


def test_an_empty_patch_draws_the_average_picture():
    spec = Stage("").frame()
    assert (spec.index, spec.t_s) == (0, 0.0)
    assert spec.latents == ()
    assert spec.bends == ()
    assert spec.truncation_cutoff is None
    assert spec.grade == Grade()
    assert spec.feedback == Feedback()
    assert not spec.strobe_safe


def test_the_grades_three_colours_join_its_own_knobs():
    stage = Stage("", num_ws=8)
    for address, value in {
        "lift": 0.1,
        "lift_r": -0.25,
        "gamma": 2.0,
        "gamma_g": 0.5,
        "gain": 0.5,
        "gain_b": 3.0,
    }.items():
        stage.turn(f"/grade/{address}", value)
    stage.turn("/grade/temperature", 0.5)
    stage.turn("/grade/tint", -0.5)
    stage.turn("/grade/lut", 2)
    stage.turn("/grade/lut_amount", 0.75)
    stage.turn("/upscale/by", 2)
    stage.turn("/upscale/match", 1.0)
    spec = stage.frame()
    assert spec.grade == Grade(
        lift=(-0.15, 0.1, 0.1),
        gamma=(2.0, 1.0, 2.0),
        gain=(0.5, 0.5, 1.5),
        temperature=0.5,
        tint=-0.5,
        lut=2,
        lut_amount=0.75,
    )
    assert spec.upscale == Upscale("network", 1.0)


def test_grade_and_truncation_are_the_knobs():
    stage = Stage("", num_ws=8)
    stage.turn("/output/opacity", 0.25)
    stage.turn("/grade/contrast", 1.5)
    stage.turn("/grade/saturation", 0.0)
    stage.turn("/grade/hue", -30.0)
    stage.turn("/feedback/amount", 0.5)
    stage.turn("/feedback/zoom", 0.9)
    stage.turn("/feedback/rotate", 5.0)
    stage.turn("/output/strobe_safe", True)
    stage.turn("/latent/truncation_psi", 0.7)
    stage.turn("/latent/truncation_cutoff", 7)
    spec = stage.frame()
    assert spec.grade == Grade(opacity=0.25, contrast=1.5, saturation=0.0, hue=-30.0)
    assert spec.feedback == Feedback(amount=0.5, zoom=0.9, rotate=5.0)
    assert spec.strobe_safe
    assert (spec.truncation_psi, spec.truncation_cutoff) == (0.7, 7)
    stage.turn("/latent/truncation_cutoff", 8)
    assert stage.frame().truncation_cutoff is None


def test_bends_are_those_switched_on_that_the_model_has():
    stage = Stage(BENDS, resolution=32)
    assert stage.frame().bends == (Bend("b8", "zoom", (1.0,)), Bend("b16", "translate", (0.5, 0.0)))
    stage.turn("/bend/near/enable", False)
    stage.turn("/bend/shift/y", -0.25)
    assert stage.frame().bends == (Bend("b16", "translate", (0.5, -0.25)),)


def test_a_renderer_is_prepared_for_all_bends_that_the_model_has():
    text = BENDS.replace('layer = "b8"', 'layer = "b8"\nedges = "wrap"\nchannels = "0-3"')
    stage = Stage(text, resolution=32)
    slots = bend_slots(stage.patch.bends, ("b8", "b16", "b32"))
    assert slots == (BendSlot("b8", "zoom", edges="wrap", channels="0-3"), BendSlot("b16", "translate"))
    bends = stage.frame().bends
    assert tuple(bend.slot for bend in bends) == slots
    assert bends_for(slots, bends) == bends
    # Of another patch, or twice the same: what does not fit waits until there is a renderer for it.
    assert bends_for(slots[1:], bends) == bends[1:]
    assert bends_for(slots, (*bends, *bends)) == bends


def test_the_phase_of_a_bend_moves_at_its_speed_and_from_where_the_knob_stands():
    stage = Stage('[[bend]]\nname = "sea"\nlayer = "b8"\ntransform = "displace"\namount = 0.1\nspeed = 3.0\n', fps=10)

    def phase(*fired):
        (bend,) = stage.frame(*fired).bends
        return bend.values[1]

    assert [phase() for _ in range(3)] == pytest.approx([0.0, 0.3, 0.6])
    stage.turn("/bend/sea/speed", -20.0)
    assert phase() == pytest.approx(0.6 - 2.0 + 2 * math.pi)
    stage.turn("/bend/sea/speed", 0.0)
    stage.turn("/bend/sea/phase", 1.5)
    assert phase() == pytest.approx(0.1)
    # A bend that is switched off moves on unseen.
    stage.turn("/bend/sea/enable", False)
    stage.turn("/bend/sea/speed", 1.0)
    stage.frame()
    stage.turn("/bend/sea/enable", True)
    assert phase() == pytest.approx(0.3)
    stage.scene.take(stage.patch)
    assert phase() == pytest.approx(0.4)
    stage.scene.reset()
    assert phase() == pytest.approx(1.5)


class TestSegment:
    @pytest.fixture
    def stage(self) -> Stage:
        return Stage("")

    def segment(self, stage: Stage, *fired: str, heard: int = 0) -> int:
        stage.frame(*fired, segment=heard)
        return stage.scene.segment

    def test_it_follows_what_is_heard(self, stage: Stage):
        assert [self.segment(stage, heard=heard) for heard in (0, 0, 1, 1, 2, 4)] == [0, 0, 1, 1, 2, 4]

    def test_it_begins_where_the_music_is(self, stage: Stage):
        assert self.segment(stage, heard=3) == 3

    def test_a_song_that_begins_again_is_one_change(self, stage: Stage):
        assert [self.segment(stage, heard=heard) for heard in (0, 1, 2, 0, 1)] == [0, 1, 2, 3, 4]

    def test_a_segment_that_comes_back_has_its_picture(self, stage: Stage):
        segments = []
        for index, began_s in ((0, 0.0), (1, 10.0), (2, 20.0), (0, 30.0), (2, 40.0), (0, 0.0)):
            stage.frame(segment=index, segment_s=began_s)
            segments.append(stage.scene.segment)
        assert segments == [0, 1, 2, 0, 2, 3]

    def test_next_and_previous_step_and_the_music_goes_on_from_there(self, stage: Stage):
        self.segment(stage)
        assert self.segment(stage, "/segment/next") == 1
        assert self.segment(stage, "/segment/next") == 2
        assert self.segment(stage, "/segment/previous") == 1
        assert self.segment(stage, heard=1) == 2

    def test_previous_of_the_first_is_the_last_of_the_list(self):
        stage = Stage('[[choir]]\nname = "s"\nfollows = "segment"\nseeds = [10, 20, 30]\nglide_s = 0\n')
        stage.frame()
        assert stage.frame("/segment/previous").latents[0].seeds == (30,)

    def test_select_goes_there_when_it_changes(self, stage: Stage):
        self.segment(stage)
        stage.turn("/segment/select", 5)
        assert self.segment(stage) == 5
        assert self.segment(stage, heard=1) == 6
        assert self.segment(stage, heard=1) == 6
        stage.turn("/segment/select", 0)
        assert self.segment(stage, heard=1) == 0

    def test_without_auto_only_hands_switch(self, stage: Stage):
        stage.turn("/segment/auto", False)
        assert self.segment(stage, heard=2) == 0
        assert self.segment(stage, heard=3) == 0
        assert self.segment(stage, "/segment/next", heard=3) == 1
        stage.turn("/segment/select", 9)
        assert self.segment(stage, heard=4) == 9
        stage.turn("/segment/auto", True)
        assert self.segment(stage, heard=4) == 9
        assert self.segment(stage, heard=5) == 10

    def test_what_the_music_does_while_it_is_held_is_made_up_for(self, stage: Stage):
        stage.turn("/segment/hold", True)
        assert [self.segment(stage, heard=heard) for heard in (0, 1, 2)] == [0, 0, 0]
        assert self.segment(stage, "/segment/next", heard=2) == 1
        stage.turn("/segment/hold", False)
        assert [self.segment(stage, heard=heard) for heard in (2, 3)] == [3, 4]

    def test_a_show_that_begins_held_begins_where_the_music_is(self, stage: Stage):
        stage.turn("/segment/hold", True)
        assert [self.segment(stage, heard=heard) for heard in (3, 4)] == [3, 3]

    def test_a_panic_goes_back_to_what_is_heard(self, stage: Stage):
        self.segment(stage)
        stage.turn("/segment/select", 9)
        self.segment(stage, heard=1)
        stage.panic()
        assert self.segment(stage, heard=0) == 0


class TestNoise:
    def phases(self, spec: FrameSpec) -> set[float]:
        return {level.phase for level in spec.noise}

    def test_every_resolution_of_the_model_has_its_level(self):
        stage = Stage("", resolution=256)
        assert [level.resolution for level in stage.frame().noise] == [4, 8, 16, 32, 64, 128, 256]

    def test_the_drums_grain_is_coarse_up_to_32_px_and_fine_above(self):
        stage = Stage("", resolution=256)
        stage.turn("/noise/grain_coarse", 0.25)
        stage.turn("/noise/grain_fine", 0.75)
        stage.turn("/noise/strength", 1.5)
        noise = stage.frame().noise
        assert [level.grain for level in noise] == [0.25] * 4 + [0.75] * 3
        assert {level.strength for level in noise} == {1.5}

    def test_it_moves_by_its_speed_and_stands_still_without(self):
        stage = Stage("", fps=24)
        assert self.phases(stage.frame()) == {0.0}
        assert self.phases(stage.frame()) == {PHASE_RATE / 24}
        stage.turn("/noise/speed", 3.0)
        (phase,) = self.phases(stage.frame())
        assert phase == pytest.approx(PHASE_RATE / 24 * 4)
        stage.turn("/noise/speed", 0.0)
        assert self.phases(stage.frame()) == {phase}

    def test_it_moves_as_fast_as_the_seeds_noise_did(self):
        """A frame later it is as like itself as white noise that was smoothed over 7 frames is."""
        as_the_seed = math.exp(-1 / (4 * 7**2))
        assert math.cos(PHASE_RATE / 24) == pytest.approx(as_the_seed, abs=1e-4)

    @given(st.lists(st.floats(0.0, 8.0), min_size=1, max_size=8))
    def test_the_fields_never_jump_not_even_where_the_phase_begins_again(self, speeds):
        stage = Stage("", resolution=4)
        stage.turn("/noise/grain_coarse", 0.5)
        before = coefficients(stage.frame().noise[0])
        for tick in range(300):  # at full speed, more than twice round
            speed = speeds[tick % len(speeds)]
            stage.turn("/noise/speed", speed)
            (level,) = stage.frame().noise
            assert 0.0 <= level.phase < PHASE_PERIOD
            after = coefficients(level)
            assert abs(after - before).max() <= 0.5 * PHASE_RATE * speed / stage.fps + 1e-6
            before = after


def show(scene: Scene, mapper: Mapper, model: ModelShape) -> list[bytes]:
    """Play four eventful seconds."""
    frames = []
    for tick in range(120):
        t_s = tick / 30
        onsets = [hit(t_s, strength=0.9)] if tick % 11 == 3 else []
        chroma = [1 + math.sin(tick / 9 + i) for i in range(12)]
        signals = heard(t_s, onsets=onsets, segment=tick // 40, chroma=[c / sum(chroma) for c in chroma])
        fired = frozenset({"/choir/tempo/next"} if tick == 60 else ())
        knobs = {"/noise/strength": 0.5 + tick / 200, "/choir/melody/seed/3": 97 + tick // 50}
        params = mapper.update(signals, knobs, fired, t_s)
        scene.update(t_s, signals, params)
        frames.append(scene.spec(tick, t_s, params, model).to_bytes())
    return frames


@pytest.mark.parametrize(("num_ws", "resolution"), [(14, 256), (6, 16)])
def test_the_bundled_mapping_plays_the_same_show_every_time(num_ws, resolution):
    patch = load_patch(mapping_path("default"))
    model = model_shape(num_ws, resolution)
    scene, mapper = Scene(patch), Mapper(patch, patch.param_table())
    first = show(scene, mapper, model)
    assert len(set(first)) == len(first)
    scene.reset()
    mapper.reset()
    assert scene.segment == 0
    assert show(scene, mapper, model) == first
    assert show(Scene(patch), Mapper(patch, patch.param_table()), model) == first


def test_a_frame_goes_through_the_wire_unchanged():
    stage = Stage(BENDS + '[[choir]]\nname = "c"\nfollows = "chroma"\nseeds = [4294967295, 2]\n')
    spec = stage.frame()
    assert FrameSpec.from_bytes(spec.to_bytes()) == spec
    assert len(spec.to_bytes()) < 4000


def test_an_edited_patch_goes_on_where_the_old_one_stood():
    choirs = '[[choir]]\nname = "d"\nfollows = "onsets"\nonsets = ["drums.mid"]\nseeds = [1, 2, 3]\nglide_s = 0.0\n'
    stage = Stage(choirs)
    stage.frame()
    stage.frame(onsets=[hit(stage.t_s)])
    assert stage.frame().latents[0].seeds == (2,)
    stage.scene.take(parse_patch(choirs + BENDS, file="test.toml"))
    stage.knobs |= parse_patch(choirs + BENDS, file="test.toml").param_table().defaults()
    spec = stage.frame()
    assert spec.latents[0].seeds == (2,)
    assert spec.bends
    assert spec.noise[0].phase > 0


def test_two_models_are_told_of_the_same_frame():
    stage = Stage('[[choir]]\nname = "c"\nfollows = "segment"\nseeds = [4]\n' + BENDS, num_ws=10, resolution=64)
    large = stage.frame(segment=0)
    params = Params(dict(stage.knobs), frozenset())
    small = stage.scene.spec(stage.tick, stage.t_s, params, model_shape(4, 8))
    assert small == stage.scene.spec(stage.tick, stage.t_s, params, model_shape(4, 8))
    assert (large.latents[0].layers, small.latents[0].layers) == ((0, 10), (0, 4))
    assert [level.resolution for level in small.noise] == [4, 8]
    assert {bend.layer for bend in small.bends} < {bend.layer for bend in large.bends}


def test_the_partner_is_mixed_into_a_share_of_the_layers():
    stage = Stage("", num_ws=8)
    assert stage.frame().mix == Mix()
    stage.turn("/mix/amount", 0.5)
    stage.turn("/mix/first", 0.5)
    assert stage.frame().mix == Mix(0.5, (4, 8))
    stage.turn("/mix/stop", 0.25)
    assert stage.frame().mix == Mix()
