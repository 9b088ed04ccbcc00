"""Mapping files: what they may say, and how a mistake is answered."""

import contextlib
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avserver.bundled import mapping_path
from avserver.control.envelope import EnvelopeOptions
from avserver.control.fixed_params import FIXED
from avserver.control.follower import FollowerOptions
from avserver.control.inputs import OscKnob
from avserver.control.lfo import LfoOptions
from avserver.control.mapping import load_patch, parse_patch
from avserver.control.midi.controls import Control
from avserver.control.midi.knob import MidiKnob
from avserver.control.patch import BendPatch, Choir, DirectionPatch, Modulation, Patch
from avserver.control.scale import Scale
from avserver.control.sources import SOURCES
from avserver.errors import MappingError
from avserver.frame_spec import FIRST_PICTURE, BendSlot
from avserver.transforms import TRANSFORMS

CHOIR = '[[choir]]\nname = "c"\nfollows = "segment"\nseeds = [1, 2]\n'
BEND = '[[bend]]\nname = "z"\nlayer = "b8"\ntransform = "zoom"\n'
DIRECTION = '[[direction]]\nname = "pose"\nfrom = "ganspace"\nnumber = 2\n'
MODULATE = BEND + '[[modulate]]\nfrom = "drums.mid.dip"\nto = "/bend/z/amount"\n'
MIDI = '[[midi]]\nport = "nano"\ncontrol = "cc 1 7"\nto = "/noise/strength"\n'
SEND = '[[send]]\nfrom = "drums.low.peaks"\nto = "osc 127.0.0.1:7000 /composition/columns/4/connect"\nwhen = 0.5\n'


def parse(text: str) -> Patch:
    return parse_patch(text, file="x.toml")


def test_the_bundled_mapping_is_the_seeds():
    patch = load_patch(mapping_path("default"))
    assert [(choir.name, choir.follows, len(choir.seeds)) for choir in patch.choirs] == [
        ("melody", "chroma", 12),
        ("tempo", "segment", 7),
        ("drums", "onsets", 11),
    ]
    assert [(bend.layer, bend.transform) for bend in patch.bends] == [("b64", "zoom"), ("b16", "zoom")]
    assert {modulation.source for modulation in patch.modulations} == {
        "drums.mid.dip",
        "bass.full.dip",
        "drums.mid.decay",
        "drums.high.decay",
    }
    table = patch.param_table()
    assert table["/choir/melody/seed/12"].default == 39
    assert table["/choir/drums/glide_s"].default == pytest.approx(10 / 24, abs=1e-4)


def test_a_whole_file():
    patch = parse("""
        [[choir]]
        name = "drums"
        follows = "onsets"
        onsets = ["drums.low", "mix.full"]
        layers = [0.5, 1]
        seeds = [3, 4294967295]
        glide_s = 0
        space = "z"
        glide = "linear"

        [[bend]]
        name = "shift"
        layer = "b1024"
        transform = "translate"
        y = -0.25

        [[direction]]
        name = "pose"
        from = "ganspace"
        number = 3
        layers = [0, 0.5]
        amount = -1

        [[modulate]]
        from = "drums.mid.dip"
        to = "/bend/shift/x"
        input = [0.8, 1]
        range = [0.5, 0]
        sigma_s = 0.2
        radius_s = 0.4
        depth = 0.5
        threshold = 0.1
        distance_s = 1
        attack_s = 0.01
        curve = "exp"
        steps = 5
        invert = true
        combine = "max"

        [[modulate]]
        from = "pitch_hz"
        to = "/noise/speed"
        input = [100, 1000]

        [[modulate]]
        from = "osc /camera/xy 2"
        to = "/noise/speed"

        [[modulate]]
        from = "osc /camera/xy"
        to = "/noise/speed"

        [[modulate]]
        from = "midi cc 1 7"
        to = "/noise/speed"

        [[osc]]
        address = "/1/push1"
        to = "/segment/next"

        [[osc]]
        address = "/1/xy 2"
        to = "/bend/shift/y"
        input = [0, 127]
        range = [1, 0]
        curve = "s"

        [[midi]]
        port = "nanoKONTROL2"
        control = "cc 16 127"
        to = "/bend/shift/y"
        range = [-1, 0.5]
        takeover = "jump"
    """)
    assert patch == Patch(
        choirs=(
            Choir(
                "drums", "onsets", (3, 2**32 - 1), (0.5, 1.0), (("drums", "low"), ("mix", "full")), 0.0, "z", "linear"
            ),
        ),
        bends=(BendPatch("shift", "b1024", "translate", {"y": -0.25}),),
        modulations=(
            Modulation(
                "drums.mid.dip",
                "/bend/shift/x",
                EnvelopeOptions(0.2, 0.4, 0.5, 0.1, 1.0),
                FollowerOptions(0.01, 0.0),
                Scale((0.8, 1.0), (0.5, 0.0), "exp", 5, True),
                "max",
            ),
            Modulation("pitch_hz", "/noise/speed", scale=Scale((100.0, 1000.0))),
            Modulation("osc /camera/xy 2", "/noise/speed"),
            Modulation("osc /camera/xy 1", "/noise/speed"),
            Modulation("midi cc 1 7", "/noise/speed"),
        ),
        midi=(MidiKnob("nanoKONTROL2", Control("cc", 16, 127), "/bend/shift/y", (-1.0, 0.5)),),
        directions=(DirectionPatch("pose", "ganspace", 3, (0.0, 0.5), -1.0),),
        osc=(
            OscKnob("/1/push1 1", "/segment/next", Scale((0.0, 1.0), (0.0, 1.0))),
            OscKnob("/1/xy 2", "/bend/shift/y", Scale((0.0, 127.0), (1.0, 0.0), "s")),
        ),
    )
    assert patch.inputs() == ("osc /camera/xy 2", "osc /camera/xy 1", "midi cc 1 7")
    assert patch.direction_kinds() == ("sefa", "ganspace")


def test_what_is_left_out_is_as_the_seed_had_it():
    patch = parse(CHOIR + MODULATE + MIDI)
    assert patch.choirs[0] == Choir(
        "c", "segment", (1, 2), layers=(0.0, 1.0), onsets=(), glide_s=1.0, space="w", glide="spline"
    )
    assert patch.modulations[0].options == EnvelopeOptions(10 / 24, 36 / 24, 0.2, 0.0, 0.0)
    assert patch.midi[0].output_range == (0.0, 2.0)


def test_a_level_may_be_followed_and_an_oscillator_swings_with_the_beat():
    text = MODULATE.replace("drums.mid.dip", "beat.random") + "beats = 4\nphase = 0.5\nseed = 7\n"
    text += '[[modulate]]\nfrom = "mix.rms_db"\nto = "/noise/speed"\nrelease_s = 0.5\n'
    text += '[[modulate]]\nfrom = "beat.sine"\nto = "/noise/speed"\n'
    text += '[[modulate]]\nfrom = "free.saw"\nto = "/noise/speed"\nperiod_s = 60\n'
    modulations = parse(text).modulations
    options = [modulation.options for modulation in modulations]
    assert options == [LfoOptions(4.0, 0.5, 7), None, LfoOptions(1.0, 0.0, 0), LfoOptions(60.0)]
    assert [modulation.follow for modulation in modulations] == [None, FollowerOptions(0.0, 0.5), None, None]


@pytest.mark.parametrize(
    ("to", "host"),
    [("127.0.0.1", "127.0.0.1"), ("localhost", "127.0.0.1"), ("192.168.1.20", "192.168.1.20"), ("[::1]", "::1")],
)
def test_a_signal_is_sent_where_somebody_is_named(to, host):
    (sending,) = parse(SEND.replace("127.0.0.1", to)).sends
    assert (sending.host, sending.port, sending.when) == (host, 7000, 0.5)
    assert (sending.drive.source, sending.drive.target) == ("drums.low.peaks", "/composition/columns/4/connect")


def test_an_empty_file_is_a_patch_without_choirs():
    assert parse("") == Patch()
    assert list(Patch().param_table()) == [*(param.address for param in FIXED), "/model/select"]


def test_the_table_holds_the_fixed_parameters_then_choirs_then_bends_then_directions():
    table = parse(DIRECTION + "amount = 1.5\nlayers = [0.5, 1]\n" + BEND + "amount = 0.5\n" + CHOIR).param_table()
    assert list(table)[len(FIXED) :] == [
        "/model/select",
        "/choir/c/glide_s",
        "/choir/c/first",
        "/choir/c/stop",
        "/choir/c/next",
        "/choir/c/reseed",
        "/choir/c/seed/1",
        "/choir/c/seed/2",
        "/bend/z/enable",
        "/bend/z/amount",
        "/direction/pose/amount",
        "/direction/pose/first",
        "/direction/pose/stop",
    ]
    assert table["/bend/z/amount"].default == 0.5
    assert [table[f"/direction/pose/{name}"].default for name in ("amount", "first", "stop")] == [1.5, 0.5, 1.0]


@pytest.mark.parametrize("source", SOURCES)
def test_every_signal_can_modulate(source):
    assert parse(f'[[modulate]]\nfrom = "{source}"\nto = "/noise/speed"\n').modulations[0].source == source


@pytest.mark.parametrize("layer", ["b4", "b256", "b2048", "input", "b8.torgb", "b64.conv0", "L14_256_3"])
def test_every_layer_can_be_bent(layer):
    assert parse(BEND.replace("b8", layer)).bends[0].layer == layer


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_every_transform_can_be_used_and_begin_anywhere(transform):
    start = {value.name: value.maximum for value in TRANSFORMS[transform]}
    text = BEND.replace("zoom", transform) + "".join(f"{name} = {value}\n" for name, value in start.items())
    patch = parse(text)
    assert patch.bends[0].start == start
    assert all(patch.param_table()[f"/bend/z/{name}"].default == value for name, value in start.items())


def test_where_a_bend_acts_and_how_fast_it_moves():
    bend = BEND.replace("b8", "b8.conv1").replace("zoom", "displace")
    patch = parse(bend + 'place = "before"\nedges = "wrap"\nchannels = "cluster 2 of 5"\nspeed = -0.5\n')
    start = {"speed": -0.5}
    assert patch.bends == (BendPatch("z", "b8.conv1", "displace", start, "before", "wrap", "cluster 2 of 5"),)
    assert patch.bends[0].slot == BendSlot("b8.conv1", "displace", "before", "wrap", "cluster 2 of 5")
    assert patch.param_table()["/bend/z/speed"].default == -0.5


BAD = {
    "an unknown kind of table": (
        '[[chior]]\nname = "c"\n',
        "x.toml has an unknown table 'chior'; did you mean 'choir'?",
    ),
    "single brackets": (
        '[bend]\nname = "z"\n',
        "x.toml: bend is written as tables headed [[bend]], got {'name': 'z'}",
    ),
    "a list of numbers": ("choir = [1]\n", "x.toml: choir is written as tables headed [[choir]], got [1]"),
    "an unknown key": (
        CHOIR + "\ngilde_s = 1.0\n",
        "x.toml, line 6: [[choir]] has no key 'gilde_s'; did you mean 'glide_s'?",
    ),
    "a key of another transform": (
        BEND + "angle = 3.0\n",
        "x.toml, line 5: [[bend]] has no key 'angle'; allowed: amount, channels, edges, layer, name, place, transform",
    ),
    "a place that is none": (
        BEND + 'place = "inside"\n',
        "x.toml, line 5: place does not know 'inside'; allowed: after, before",
    ),
    "a place before no nonlinearity": (
        BEND + '\nplace = "before"\n',
        "x.toml, line 6: b8 has no nonlinearity to be bent before; convolutions have one",
    ),
    "edges that are none": (
        BEND + 'edges = "mirror"\n',
        "x.toml, line 5: edges does not know 'mirror'; allowed: reflect, wrap, zero",
    ),
    "channels that say nothing": (
        BEND + 'channels = "some"\n',
        "x.toml, line 5: channels takes 'all', '0-31', 'random 0.25 seed 7' or 'cluster 2 of 5', got 'some'",
    ),
    "a speed of what does not move": (
        BEND + "speed = 1.0\n",
        "x.toml, line 5: [[bend]] has no key 'speed'; allowed: amount, channels,",
    ),
    "no name": ("\n[[choir]]\nfollows = 'chroma'\nseeds = [1]\n", "x.toml, line 2: [[choir]] needs the key 'name'"),
    "a name that is no word": (
        CHOIR.replace('"c"', '"a b/c"'),
        "x.toml, line 2: name takes letters, digits, _ and -, got 'a b/c'",
    ),
    "an empty name": (CHOIR.replace('"c"', '""'), "x.toml, line 2: name takes letters, digits, _ and -, got ''"),
    "a name that is a number": (CHOIR.replace('"c"', "1"), "x.toml, line 2: name takes a string, got 1"),
    "two choirs of a name": (
        CHOIR + CHOIR,
        "x.toml, line 6: there is already a choir called 'c' (x.toml, line 2); names are given once",
    ),
    "two bends of a name": (
        BEND + CHOIR + BEND,
        "x.toml, line 10: there is already a bend called 'z' (x.toml, line 2); names are given once",
    ),
    "following nothing known": (
        CHOIR.replace("segment", "segments"),
        "x.toml, line 3: follows does not know 'segments'; did you mean 'segment'?",
    ),
    "no seeds": (CHOIR.replace("[1, 2]", "[]"), "x.toml, line 4: seeds takes a list of one or more, got []"),
    "a seed below 0": (
        CHOIR.replace("[1, 2]", "[1, -2]"),
        "x.toml, line 4: seeds are whole numbers from 0 to 4294967295, got -2",
    ),
    "a seed that is no whole number": (
        CHOIR.replace("[1, 2]", "[1.0]"),
        "x.toml, line 4: seeds are whole numbers from 0 to 4294967295, got 1.0",
    ),
    "a seed that is true": (
        CHOIR.replace("[1, 2]", "[true]"),
        "x.toml, line 4: seeds are whole numbers from 0 to 4294967295, got True",
    ),
    "layers that fall": (
        CHOIR + "layers = [0.5, 0.25]\n",
        "x.toml, line 5: layers takes two rising shares from 0 to 1, got [0.5, 0.25]",
    ),
    "layers past the end": (
        CHOIR + "layers = [0.5, 8]\n",
        "x.toml, line 5: layers takes two rising shares from 0 to 1, got [0.5, 8]",
    ),
    "one layer": (CHOIR + "layers = [0.5]\n", "x.toml, line 5: layers takes two numbers in brackets, got [0.5]"),
    "a glide without end": (
        CHOIR + "glide_s = inf\n",
        "x.toml, line 5: glide_s takes a number from 0 to 30 s, got inf",
    ),
    "a glide that is no number": (
        CHOIR + "glide_s = nan\n",
        "x.toml, line 5: glide_s takes a number from 0 to 30 s, got nan",
    ),
    "onsets for nothing": (
        CHOIR + 'onsets = ["drums.mid"]\n',
        "x.toml, line 5: onsets are for a choir that follows 'onsets', this one follows 'segment'",
    ),
    "onsets left out": (CHOIR.replace("segment", "onsets"), "x.toml, line 1: [[choir]] needs the key 'onsets'"),
    "onsets of nobody": (
        CHOIR.replace("segment", "onsets") + 'onsets = ["drum.mid"]\n',
        "x.toml, line 5: there are no onsets 'drum.mid'; did you mean 'drums.mid'?",
    ),
    "onsets that are no names": (
        CHOIR.replace("segment", "onsets") + "onsets = [{}]\n",
        "x.toml, line 5: there are no onsets {}; ",
    ),
    "an unknown space": (
        CHOIR + 'space = "W"\n',
        "x.toml, line 5: space does not know 'W'; allowed: w, z",
    ),
    "an unknown glide": (
        CHOIR + 'glide = "splin"\n',
        "x.toml, line 5: glide does not know 'splin'; did you mean 'spline'?",
    ),
    "a glide of a mixture": (
        CHOIR.replace("segment", "chroma") + 'glide = "linear"\n',
        "x.toml, line 5: glide is for a choir that goes from seed to seed, one that follows 'chroma' mixes",
    ),
    "an order of a choir that takes turns": (
        CHOIR + 'order = "lasting"\n',
        "x.toml, line 5: order is for a choir that follows 'chroma', this one follows 'segment'",
    ),
    "an unknown order": (
        CHOIR.replace("segment", "chroma_sync") + 'order = "last"\n',
        "x.toml, line 5: order does not know 'last'; did you mean 'lasting'?",
    ),
    "directions from nowhere": (
        DIRECTION.replace("ganspace", "gan"),
        "x.toml, line 3: from does not know 'gan'; allowed: ganspace, sefa",
    ),
    "direction 0": (
        DIRECTION.replace("2", "0"),
        "x.toml, line 4: number takes a number from 1 to 64, got 0",
    ),
    "half a direction": (
        DIRECTION.replace("2", "2.5"),
        "x.toml, line 4: number takes a whole number from 1 to 64, got 2.5",
    ),
    "too far along a direction": (
        DIRECTION + "amount = 6\n",
        "x.toml, line 5: amount takes a number from -5 to 5, got 6",
    ),
    "a direction of a name that is taken": (
        DIRECTION.replace("pose", "8"),
        "x.toml, line 2: there is already a direction called '8'; names are given once",
    ),
    "an unknown transform": (
        BEND.replace("zoom", "zom"),
        "x.toml, line 4: transform does not know 'zom'; did you mean 'zoom'?",
    ),
    "a layer that is no block": (
        BEND.replace("b8", "b9"),
        "x.toml, line 3: layer does not know 'b9'; allowed: b1024, b1024.conv0, ",
    ),
    "a starting value out of range": (
        BEND + "amount = 9\n",
        "x.toml, line 5: amount takes a number from 0.25 to 4, got 9",
    ),
    "an unknown signal": (
        MODULATE.replace("drums.mid.dip", "drums.mid.dips"),
        "x.toml, line 6: from does not know 'drums.mid.dips'; did you mean 'drums.mid.dip'?",
    ),
    "an unknown parameter": (
        MODULATE.replace("z/amount", "z/amont"),
        "x.toml, line 7: there is no parameter '/bend/z/amont'; did you mean '/bend/z/amount'?",
    ),
    "a trigger": (
        MODULATE.replace("/bend/z/amount", "/segment/next"),
        "x.toml, line 7: /segment/next is a trigger and has no value to modulate",
    ),
    "an input of one number": (
        MODULATE + "input = [1, 1.0]\n",
        "x.toml, line 8: input takes two different numbers, got [1, 1]",
    ),
    "a range of true": (
        MODULATE + "range = [true, false]\n",
        "x.toml, line 8: range takes two numbers in brackets, got [True, False]",
    ),
    "a range past every float": (
        MODULATE + f"range = [0, 1{'0' * 400}]\n",
        "x.toml, line 8: range takes two numbers in brackets, got [0, 1000",
    ),
    "depth of a decay": (
        MODULATE.replace("dip", "decay") + "depth = 0.1\n",
        "x.toml, line 8: depth is an option of the envelopes dip, got it with 'drums.mid.decay'",
    ),
    "sigma of a level": (
        MODULATE.replace("drums.mid.dip", "novelty") + "sigma_s = 0.1\n",
        "x.toml, line 8: sigma_s is an option of the envelopes decay, rise, dip, got it with 'novelty'",
    ),
    "a period of a level": (
        MODULATE.replace("drums.mid.dip", "novelty") + "beats = 4\n",
        "x.toml, line 8: beats is an option of the oscillators beat.sine, beat.triangle, beat.saw, beat.square, ",
    ),
    "beats of a free oscillator": (
        MODULATE.replace("drums.mid.dip", "free.sine") + "beats = 4\n",
        "x.toml, line 8: beats is an option of the oscillators beat.sine, beat.triangle, beat.saw, beat.square, ",
    ),
    "a free period too short": (
        MODULATE.replace("drums.mid.dip", "free.sine") + "period_s = 0\n",
        "x.toml, line 8: period_s takes a number from 0.05 to 3600 s, got 0",
    ),
    "an unknown curve": (
        MODULATE + 'curve = "expo"\n',
        "x.toml, line 8: curve does not know 'expo'; did you mean 'exp'?",
    ),
    "one step": (MODULATE + "steps = 1\n", "x.toml, line 8: steps takes a number from 2 to 128, got 1"),
    "half a step": (MODULATE + "steps = 2.5\n", "x.toml, line 8: steps takes a whole number from 2 to 128, got 2.5"),
    "a number for a switch": (MODULATE + "invert = 1\n", "x.toml, line 8: invert takes true or false, got 1"),
    "a combination that is not known": (
        MODULATE + 'combine = "multiplay"\n',
        "x.toml, line 8: combine does not know 'multiplay'; did you mean 'multiply'?",
    ),
    "an address of ours as an input": (
        MODULATE.replace("drums.mid.dip", "osc /avserver/noise/speed"),
        "x.toml, line 6: from takes '/ADDRESS' or '/ADDRESS NUMBER', the argument from 1 to 99, of an address outside ",
    ),
    "a pattern as an input": (MODULATE.replace("drums.mid.dip", "osc /cam/*"), "x.toml, line 6: from takes '/ADDRESS'"),
    "argument 0": (MODULATE.replace("drums.mid.dip", "osc /cam 0"), "x.toml, line 6: from takes '/ADDRESS' or"),
    "a control that is none": (
        MODULATE.replace("drums.mid.dip", "midi knob 7"),
        "x.toml, line 6: from, after midi: there is no control 'knob 7'",
    ),
    "channel 17 as an input": (
        MODULATE.replace("drums.mid.dip", "midi cc 17 7"),
        "x.toml, line 6: from, after midi: control takes",
    ),
    "an address of nobody": (
        '[[osc]]\naddress = "fader1"\nto = "/noise/speed"\n',
        "x.toml, line 2: address takes '/ADDRESS' or '/ADDRESS NUMBER',",
    ),
    "an address that turns nothing": (
        '[[osc]]\naddress = "/fader1"\nto = "/noise/sped"\n',
        "x.toml, line 3: there is no parameter '/noise/sped'; did you mean '/noise/speed'?",
    ),
    "an envelope of a fader": (
        '[[osc]]\naddress = "/fader1"\nto = "/noise/speed"\nsigma_s = 1\n',
        "x.toml, line 4: [[osc]] has no key 'sigma_s'; allowed: address, curve, input, invert, range, steps, to",
    ),
    "a seed of a sine": (
        MODULATE.replace("drums.mid.dip", "beat.sine") + "seed = 4\n",
        "x.toml, line 8: seed is an option of the oscillators random, got it with 'beat.sine'",
    ),
    "a period of nothing": (
        MODULATE.replace("drums.mid.dip", "beat.sine") + "beats = 0\n",
        "x.toml, line 8: beats takes a number from 0.015625 to 256, got 0",
    ),
    "a broken seed": (
        MODULATE.replace("drums.mid.dip", "beat.random") + "seed = 0.5\n",
        "x.toml, line 8: seed takes a whole number from 0 to 4294967295, got 0.5",
    ),
    "an oscillator that is not known": (
        MODULATE.replace("drums.mid.dip", "beat.sinus"),
        "x.toml, line 6: from does not know 'beat.sinus'; did you mean 'beat.sine'?",
    ),
    "a width of nothing": (
        MODULATE + "sigma_s = 0\n",
        "x.toml, line 8: sigma_s takes a number from 0.001 to 30 s, got 0",
    ),
    "an unknown key of a modulation": (
        MODULATE + "gain = 2\n",
        "x.toml, line 8: [[modulate]] has no key 'gain'; allowed: attack_s, combine, curve, depth, distance_s, from, ",
    ),
    "a controller on channel 0": (
        MIDI.replace("cc 1 7", "cc 0 7"),
        "x.toml, line 3: control takes 'cc CHANNEL CONTROLLER'",
    ),
    "a knob for nothing": (
        MIDI.replace("strength", "strenght"),
        "x.toml, line 4: there is no parameter '/noise/strenght'; did you mean '/noise/strength'?",
    ),
    "a line of the second of its kind": (
        "# [[bend]]\n"
        + BEND.replace('"z"', '"y"')
        + '[[midi]]\n[[ bend ]]\n"layer"="b5"\ntransform="zoom"\nname="z"\n',
        "x.toml, line 8: layer does not know 'b5'",
    ),
    "something sent to nowhere": (
        SEND.replace("127.0.0.1:7000 ", ""),
        "x.toml, line 3: to takes 'osc IP:PORT /ADDRESS'",
    ),
    "something sent to a name that would have to be looked up": (
        SEND.replace("127.0.0.1", "resolume.local"),
        "x.toml, line 3: to takes 'osc IP:PORT /ADDRESS'",
    ),
    "something sent to a port that is none": (
        SEND.replace("7000", "70000"),
        "x.toml, line 3: to takes 'osc IP:PORT /ADDRESS'",
    ),
    "something sent of nothing": (
        SEND.replace("peaks", "peak"),
        "x.toml, line 2: from does not know 'drums.low.peak'",
    ),
    "an unknown key of a sending": (
        SEND + 'combine = "max"\n',
        "x.toml, line 5: [[send]] has no key 'combine'",
    ),
    "no TOML": ("[[choir]]\nname = \n", "x.toml is not valid TOML: Invalid value (at line 2, column 8)"),
    "brackets without end": ("a = " + "[" * 100_000, "x.toml is not valid TOML: "),
    "a number without end": ("a = " + "1" * 5000, "x.toml is not valid TOML: "),
}


@pytest.mark.parametrize(("text", "sentence"), BAD.values(), ids=BAD)
def test_a_mistake_is_named_with_its_line(text, sentence):
    with pytest.raises(MappingError) as caught:
        parse(text)
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)


def test_several_files_are_one(tmp_path: Path):
    (tmp_path / "seeds").mkdir()
    (tmp_path / "seeds" / "list.toml").write_text("seeds = [7, 8]")
    (tmp_path / "a.toml").write_text(CHOIR.replace("[1, 2]", '"seeds/list.toml"') + BEND)
    (tmp_path / "seeds" / "b.toml").write_text(
        CHOIR.replace("[1, 2]", '"list.toml"').replace('"c"', '"d"')
        + '[[modulate]]\nfrom = "novelty"\nto = "/bend/z/amount"\n'
    )
    patch = load_patch(tmp_path / "a.toml", tmp_path / "seeds" / "b.toml")
    assert [(choir.name, choir.seeds) for choir in patch.choirs] == [("c", (7, 8)), ("d", (7, 8))]
    assert patch.modulations == (Modulation("novelty", "/bend/z/amount"),)
    assert patch.files == (tmp_path / "seeds" / "list.toml",) * 2
    with pytest.raises(MappingError) as caught:
        load_patch(tmp_path / "a.toml", tmp_path / "seeds" / "b.toml", tmp_path / "a.toml")
    a = tmp_path / "a.toml"
    assert str(caught.value) == f"{a}, line 2: there is already a choir called 'c' ({a}, line 2); names are given once"


def test_a_file_that_is_not_there(tmp_path: Path):
    with pytest.raises(MappingError, match=r"^the mapping file '.*none\.toml' cannot be read: No such file"):
        load_patch(tmp_path / "none.toml")


def test_a_file_that_is_not_text(tmp_path: Path):
    (tmp_path / "film.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(MappingError, match="is not UTF-8 text"):
        load_patch(tmp_path / "film.toml")


def test_a_folder(tmp_path: Path):
    with pytest.raises(MappingError, match="cannot be read: Is a directory"):
        load_patch(tmp_path)


scalars = st.one_of(st.integers(), st.floats(), st.booleans(), st.text("ab\"\\/.[]'\n é", max_size=5))
plain = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3), max_leaves=4)
KEYS = ("name", "follows", "seeds", "layers", "layer", "transform", "amount", "from", "to", "range", "control", "port")


def toml_of(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case list():
            return "[" + ", ".join(map(toml_of, value)) + "]"
        case str():
            escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
            return f'"{escaped}"'
        case _:
            return repr(value)


@given(
    st.sampled_from([CHOIR, MODULATE, MIDI]),
    st.sampled_from(KEYS),
    plain,
)
def test_whatever_a_key_holds_is_played_or_refused(text, key, value):
    """Replace one key of a good file by anything at all."""
    lines = [line for line in text.splitlines() if not line.startswith(f"{key} =")]
    text = "\n".join([*lines, f"{key} = {toml_of(value)}"])
    tomllib.loads(text)
    with contextlib.suppress(MappingError):
        parse(text).param_table()


def test_projected_pictures_stand_among_the_seeds(tmp_path):
    (tmp_path / "me.npz").write_bytes(b"looked at by the worker")
    file = str(tmp_path / "m.toml")
    text = CHOIR.replace("[1, 2]", '[1, "me.npz", 2]')
    patch = parse_patch(text + text.replace('"c"', '"d"'), file=file)
    assert [choir.seeds for choir in patch.choirs] == [(1, FIRST_PICTURE, 2)] * 2
    assert patch.pictures == (tmp_path / "me.npz",)
    table = patch.param_table()
    assert table["/choir/c/seed/2"].coerce(FIRST_PICTURE) == FIRST_PICTURE
    assert table["/choir/c/seed/1"].coerce(FIRST_PICTURE) == FIRST_PICTURE - 1
    with pytest.raises(MappingError, match=r"m.toml, line 4: there is no projected picture '.*you.npz'"):
        parse_patch(CHOIR.replace("[1, 2]", '["you.npz"]'), file=file)
    with pytest.raises(MappingError, match="line 4: a projected picture is a place in w"):
        parse_patch(text + 'space = "z"\n', file=file)
