"""The mapper: knobs that are smoothed, signals that move parameters from where the knobs stand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avserver.control.mapper import Mapper
from avserver.control.mapping import parse_patch
from avserver.control.params import Kind, Value
from avserver.control.patch import COMBINE, Patch
from avserver.control.scale import Scale
from tests.control.heard import heard, hit

BEND = '[[bend]]\nname = "z"\nlayer = "b8"\ntransform = "zoom"\namount = 0.9\n'
NOTHING: frozenset[str] = frozenset()
STRENGTH = "/noise/strength"  # smoothed over 0.05 s, at 0.5 from the start
PANIC = frozenset({"/panic"})


def modulated(*lines: str) -> Patch:
    """Return a patch with one modulation for each `from -> to` line, and more keys after semicolons."""
    text = BEND
    for line in lines:
        route, *options = line.split(";")
        source, target = route.split(" -> ")
        text += f'[[modulate]]\nfrom = "{source}"\nto = "{target.strip()}"\n' + "\n".join(options) + "\n"
    return parse_patch(text, file="x.toml")


def mapper(patch: Patch | None = None) -> Mapper:
    patch = patch or Patch()
    return Mapper(patch, patch.param_table())


def knobs(patch: Patch | None = None, **turned: Value) -> dict[str, Value]:
    """Return every knob at its default, but for those turned."""
    return (patch or Patch()).param_table().defaults() | {key.replace("__", "/"): v for key, v in turned.items()}


def test_untouched_knobs_are_worth_their_defaults():
    table = Patch().param_table()
    params = mapper().update(heard(), table.defaults(), frozenset({"/segment/next"}), 0.0)
    assert params.values == table.defaults()
    assert params.fired == {"/segment/next"}
    assert "/panic" not in params.values


def test_a_missing_knob_stands_at_its_default():
    assert mapper().update(heard(), {}, NOTHING, 0.0).values == Patch().param_table().defaults()


def test_the_first_knobs_count_at_once():
    assert mapper().update(heard(), {STRENGTH: 2.0}, NOTHING, 7.0)[STRENGTH] == 2.0


def test_a_turned_knob_goes_there_by_its_time_constant_and_arrives():
    smooth = mapper()
    smooth.update(heard(), {STRENGTH: 0.0}, NOTHING, 0.0)
    after_one = smooth.update(heard(), {STRENGTH: 2.0}, NOTHING, 0.05)[STRENGTH]
    assert after_one == pytest.approx(2.0 * (1 - math.exp(-1)))
    assert smooth.update(heard(), {STRENGTH: 2.0}, NOTHING, 1.0)[STRENGTH] == 2.0


@given(st.lists(st.floats(0.001, 0.1), min_size=1, max_size=20))
def test_smoothing_does_not_depend_on_the_frame_rate(steps_s):
    in_steps, at_once = mapper(), mapper()
    for each in (in_steps, at_once):
        each.update(heard(), {STRENGTH: 0.0}, NOTHING, 0.0)
    t_s = 0.0
    for step_s in steps_s:
        t_s += step_s
        value = in_steps.update(heard(), {STRENGTH: 1.0}, NOTHING, t_s)[STRENGTH]
    assert value == pytest.approx(at_once.update(heard(), {STRENGTH: 1.0}, NOTHING, t_s)[STRENGTH], abs=1e-5)


def test_what_is_not_smoothed_counts_at_once():
    table = Patch().param_table()
    turned = {"/segment/select": 7, "/output/blackout": True, "/noise/grain_fine": 0.7}
    quick = mapper()
    quick.update(heard(), table.defaults(), NOTHING, 0.0)
    params = quick.update(heard(), table.defaults() | turned, NOTHING, 0.001)
    assert {address: params[address] for address in turned} == turned


def test_a_panic_jumps():
    smooth = mapper()
    smooth.update(heard(), {STRENGTH: 2.0}, NOTHING, 0.0)
    assert smooth.update(heard(), {STRENGTH: 0.5}, PANIC, 0.01)[STRENGTH] == 0.5


def test_a_knob_that_is_to_take_its_own_time_is_not_smoothed():
    smooth = mapper()
    smooth.update(heard(), {STRENGTH: 0.0}, NOTHING, 0.0)
    params = smooth.update(heard(), {STRENGTH: 2.0}, NOTHING, 0.01, glides={STRENGTH: 0.0})
    assert params[STRENGTH] == 2.0
    assert params.glides == {STRENGTH: 0.0}
    assert smooth.update(heard(), {STRENGTH: 1.0}, NOTHING, 0.02)[STRENGTH] > 1.5


def test_reset_begins_again():
    patch = modulated("drums.mid.decay -> /noise/speed")
    used, new = mapper(patch), mapper(patch)
    used.update(heard(onsets=[hit(0.0)]), {STRENGTH: 2.0}, NOTHING, 0.0)
    used.reset()
    for t_s, strength in ((0.1, 0.2), (0.2, 1.0)):
        assert used.update(heard(t_s), {STRENGTH: strength}, NOTHING, t_s) == new.update(
            heard(t_s), {STRENGTH: strength}, NOTHING, t_s
        )


@given(st.floats(0.25, 4.0))
def test_with_an_untouched_knob_a_modulated_parameter_is_exactly_the_signal(value):
    patch = modulated("pitch_hz -> /bend/z/amount")
    assert mapper(patch).update(heard(pitch_hz=value), knobs(patch), NOTHING, 0.0)["/bend/z/amount"] == value


def test_a_turned_knob_shifts_what_the_signal_does():
    patch = modulated("drums.mid.dip -> /bend/z/amount")
    play = mapper(patch)
    turned = {"/bend/z/amount": 1.2}  # 0.3 above where the patch starts it
    assert play.update(heard(), turned, NOTHING, 0.0)["/bend/z/amount"] == pytest.approx(1.3)
    at_the_hit = play.update(heard(onsets=[hit(0.1)]), turned, NOTHING, 0.1)["/bend/z/amount"]
    assert at_the_hit == pytest.approx(1.1, abs=0.001)


def test_several_modulations_add_their_departures_from_the_default():
    patch = modulated("chroma.0 -> /noise/speed", "chroma.1 -> /noise/speed;range = [1, 5]")
    chroma = [0.25, 0.5, 0.25, *[0] * 9]
    speed = mapper(patch).update(heard(chroma=chroma), knobs(patch), NOTHING, 0.0)["/noise/speed"]
    assert speed == pytest.approx(1.0 + (0.25 - 1.0) + (3.0 - 1.0))


def test_factors_come_after_sums_and_the_highest_after_factors_wherever_they_stand():
    lines = [
        "osc /f -> /noise/speed; combine = 'multiply'",
        "osc /a -> /noise/speed; range = [1, 5]",
        "osc /m -> /noise/speed; combine = 'max'",
        "osc /g -> /noise/speed; combine = 'multiply'",
        "osc /b -> /noise/speed",
    ]
    told = {"osc /f 1": 2.0, "osc /a 1": 0.5, "osc /b 1": 2.0, "osc /g 1": 0.5, "osc /m 1": 1.0}
    for order in (lines, lines[::-1]):
        patch = modulated(*order)
        play = mapper(patch)

        def speed(play=play, patch=patch, **more: float) -> Value:
            inputs = told | {f"osc /{name} 1": value for name, value in more.items()}
            return play.update(heard(), knobs(patch, __noise__speed=1.5), NOTHING, 0.0, inputs)["/noise/speed"]

        summed = 1.5 + (3.0 - 1.0) + (2.0 - 1.0)
        assert speed() == pytest.approx(summed * 2.0 * 0.5)
        assert speed(f=0.0) == 1.0
        assert speed(m=7.0) == 7.0
        assert speed(m=99.0) == 8.0


def test_factors_and_highest_alone_begin_from_the_knob():
    patch = modulated("osc /f -> /noise/speed; combine = 'multiply'", "osc /m -> /noise/grain_fine; combine = 'max'")
    turned = knobs(patch, __noise__speed=3.0, __noise__grain_fine=0.4)
    params = mapper(patch).update(heard(), turned, NOTHING, 0.0, {"osc /f 1": 0.5, "osc /m 1": 0.2})
    assert (params["/noise/speed"], params["/noise/grain_fine"]) == (1.5, 0.4)


unit = st.floats(0.0, 1.0)


@given(unit, st.lists(st.tuples(st.sampled_from(COMBINE), unit), max_size=6))
def test_however_they_combine_the_range_holds(knob, given_):
    patch = modulated(
        *(f"osc /i{n} -> /noise/grain_fine; combine = '{rule}'" for n, (rule, _) in enumerate(given_)),
    )
    inputs = {f"osc /i{n} 1": value for n, (_, value) in enumerate(given_)}
    turned = knobs(patch, __noise__grain_fine=knob)
    value = mapper(patch).update(heard(), turned, NOTHING, 0.0, inputs)["/noise/grain_fine"]
    assert 0.0 <= value <= 1.0
    highest = [number for rule, number in given_ if rule == "max"]
    assert value >= max(highest, default=0.0)


def test_an_input_that_was_not_heard_leaves_the_knob_and_begins_afresh():
    patch = modulated("osc /camera/motion -> /noise/speed; attack_s = 1", "midi cc 1 7 -> /bend/z/amount")
    play, turned = mapper(patch), knobs(patch, __noise__speed=3.0)
    assert play.update(heard(), turned, NOTHING, 0.0).values == turned
    motion = {"osc /camera/motion 1": 1.0}
    rising = [play.update(heard(), turned, NOTHING, t_s, motion)["/noise/speed"] for t_s in (1.0, 2.0)]
    assert rising == [3.0, 3.0]  # the first counts at once
    assert play.update(heard(), turned, NOTHING, 3.0)["/noise/speed"] == 3.0
    assert play.update(heard(), turned, NOTHING, 4.0, {"osc /camera/motion 1": 0.0})["/noise/speed"] == 2.0
    assert play.update(heard(), turned, NOTHING, 4.0, {"midi cc 1 7": 0.5})["/bend/z/amount"] == 0.5


def test_an_envelope_and_an_oscillator_may_be_followed_too():
    patch = modulated(
        "drums.mid.peaks -> /noise/grain_fine; release_s = 1", "beat.square -> /noise/grain_coarse; attack_s = 1"
    )
    play = mapper(patch)
    play.update(heard(onsets=[hit(0.0)], beats=0.5), knobs(patch), NOTHING, 0.0)
    params = play.update(heard(1.0, beats=1.0), knobs(patch), NOTHING, 1.0)
    assert params["/noise/grain_fine"] == pytest.approx(math.exp(-1))
    assert params["/noise/grain_coarse"] == pytest.approx(1 - math.exp(-1))


def test_a_free_oscillator_swings_with_the_show_and_on_from_where_it_is():
    slow = modulated("free.saw -> /noise/grain_fine; period_s = 4")
    fast = modulated("free.saw -> /noise/grain_fine; period_s = 1")
    swinging = mapper(slow)

    def at(t_s: float) -> Value:
        return swinging.update(heard(t_s), knobs(slow), NOTHING, t_s)["/noise/grain_fine"]

    assert [at(0.0), at(1.0), at(5.0)] == pytest.approx([0.0, 0.25, 0.25])
    swinging.take(slow, slow.param_table())
    assert at(6.0) == pytest.approx(0.5)
    swinging.take(fast, fast.param_table())
    assert [at(6.0), at(6.25)] == pytest.approx([0.5, 0.75])
    swinging.take(fast, fast.param_table())
    assert at(6.25) == pytest.approx(0.75)
    # One that stays is not moved by one that goes.
    both = modulated(*(f"free.saw -> /noise/grain_fine; period_s = {period_s}" for period_s in (1, 2)))
    swinging.take(both, both.param_table())
    swinging.take(fast, fast.param_table())
    assert at(6.25) == pytest.approx(0.75)
    swinging.reset()
    assert at(6.25) == pytest.approx(0.25)


@pytest.mark.parametrize(("pitch_hz", "expected"), [(1e6, 8.0), (-5.0, 0.0), (3.5, 3.5)])
def test_the_parameters_range_holds(pitch_hz, expected):
    patch = modulated("pitch_hz -> /noise/speed")
    assert mapper(patch).update(heard(pitch_hz=pitch_hz), knobs(patch), NOTHING, 0.0)["/noise/speed"] == expected


@pytest.mark.parametrize(
    ("options", "signal", "expected"),
    [
        ({}, 440.0, 440.0),
        ({"input_range": (100.0, 400.0)}, 440.0, 400.0),
        ({"input_range": (100.0, 400.0)}, 200.0, 200.0),
        ({"input_range": (100.0, 400.0), "output_range": (0.0, 1.0)}, 200.0, 1 / 3),
        ({"input_range": (100.0, 400.0), "output_range": (0.0, 1.0)}, 0.0, 0.0),
        ({"input_range": (100.0, 400.0), "output_range": (5.0, 3.0)}, 900.0, 3.0),
        ({"input_range": (400.0, 100.0), "output_range": (0.0, 1.0)}, 900.0, 0.0),
        ({"output_range": (2.0, 4.0)}, 0.5, 3.0),
        ({"output_range": (2.0, 4.0)}, 1.5, 5.0),  # no input given: no clamp
    ],
)
def test_ranges(options, signal, expected):
    assert Scale(**options).mapped(signal) == pytest.approx(expected)


def test_a_modulated_switch_and_a_modulated_number_stay_what_they_are():
    patch = modulated("chroma.0 -> /output/blackout", "chroma.0 -> /segment/select;range = [0, 10]")
    chroma = [0.56, 0.44, *[0] * 10]
    params = mapper(patch).update(heard(chroma=chroma), knobs(patch), NOTHING, 0.0)
    assert params["/output/blackout"] is True
    assert params["/segment/select"] == 6
    assert isinstance(params["/segment/select"], int)


def test_every_parameter_but_triggers_can_be_modulated():
    table = parse_patch(BEND, file="x.toml").param_table()
    targets = [address for address, param in table.items() if param.kind is not Kind.TRIGGER]
    patch = modulated(*(f"novelty -> {address}" for address in targets))
    params = mapper(patch).update(heard(), knobs(patch), NOTHING, 0.0)
    assert params.values == {address: table[address].coerce(0.0) for address in targets}


def test_a_modulation_that_stays_goes_on_where_another_begins():
    first = modulated("drums.mid.decay -> /noise/grain_fine")
    second = modulated("drums.low.decay -> /noise/grain_coarse", "drums.mid.decay -> /noise/grain_fine")
    kept, fresh = mapper(first), mapper(second)
    for player in (kept, fresh):
        player.update(heard(0.0, onsets=[hit(0.0, strength=0.9)]) if player is kept else heard(0.0), {}, NOTHING, 0.0)
    kept.take(second, second.param_table())
    fading = kept.update(heard(0.1), {}, NOTHING, 0.1)["/noise/grain_fine"]
    assert 0.5 < float(fading) < 0.9
    assert fresh.update(heard(0.1), {}, NOTHING, 0.1)["/noise/grain_fine"] == 0.0


def test_an_oscillator_swings_with_the_beats_that_are_heard():
    patch = modulated("beat.saw -> /noise/speed; beats = 2; range = [0, 4]")
    swinging = mapper(patch)
    values = [
        swinging.update(heard(t_s, beats=t_s * 2), knobs(patch), NOTHING, t_s)["/noise/speed"]
        for t_s in (0, 0.25, 0.5, 1)
    ]
    assert values == pytest.approx([0.0, 1.0, 2.0, 0.0])


def test_a_followed_level_outlasts_another_patch_and_is_forgotten_at_reset():
    line = "pitch_hz -> /noise/speed; release_s = 1; input = [0, 1000]; range = [0, 1]"
    patch, other = modulated(line), modulated(line, "drums.mid.dip -> /bend/z/amount")
    following = mapper(patch)
    following.update(heard(pitch_hz=1000.0), knobs(patch), NOTHING, 0.0)
    following.take(other, other.param_table())
    value = following.update(heard(1.0), knobs(other), NOTHING, 1.0)["/noise/speed"]
    assert value == pytest.approx(math.exp(-1))
    following.reset()
    assert following.update(heard(1.0), knobs(other), NOTHING, 1.0)["/noise/speed"] == 0.0
