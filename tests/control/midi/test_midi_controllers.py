"""The mapping files of known controllers, played with the bytes that the makers' documents say these send."""

from pathlib import Path

import pytest
from bench import Bench

from avserver.bundled import bundled
from avserver.control.midi.feedback import messages
from avserver.control.params import Kind
from avserver.control.patch import Patch

FILES = sorted(bundled("mappings", "controllers").glob("*.toml"))

# Of each controller: the name that its port has (on Linux), and what happens when it is played.
PLAYED = {
    "nanokontrol2": (
        "nanoKONTROL2:nanoKONTROL2 nanoKONTROL2 _ CTRL 20:0",
        {
            "first slider": (["B0 00 00", "B0 00 7F"], "/latent/truncation_psi", 1.2),
            "last slider": (["B0 07 7F", "B0 07 00"], "/output/opacity", 0.0),
            "first knob": (["B0 10 00", "B0 10 7F"], "/direction/1/amount", 3.0),
            "S 1 pressed and let go": (["B0 20 7F", "B0 20 00"], "/output/blackout", True),
            "R 3": (["B0 42 7F", "B0 42 00"], "/segment/select", 2),
            "cycle": (["B0 2E 7F", "B0 2E 00"], "/segment/auto", False),
            "fast forward": (["B0 2C 7F", "B0 2C 00"], "/segment/next", None),
        },
    ),
    "midimix": (
        "MIDI Mix:MIDI Mix MIDI 1 24:0",
        {
            "first fader": (["B0 13 00", "B0 13 7F"], "/latent/truncation_psi", 1.2),
            "master": (["B0 3E 7F", "B0 3E 00"], "/output/opacity", 0.0),
            "fifth upper knob": (["B0 2E 00", "B0 2E 7F"], "/direction/5/amount", 3.0),
            "last lower knob": (["B0 3C 00", "B0 3C 7F"], "/model/fade_s", 10.0),
            "mute 2": (["90 04 7F", "80 04 7F"], "/output/freeze", True),
            "record 8": (["90 18 7F", "80 18 7F"], "/segment/select", 7),
            "bank right": (["90 1A 7F", "80 1A 7F"], "/segment/next", None),
        },
    ),
    "apc40_mk2": (
        "APC40 mkII:APC40 mkII MIDI 1 28:0",
        {
            "fader of track 8": (["B7 07 7F", "B7 07 00"], "/output/opacity", 0.0),
            "crossfader": (["B0 0F 7F"], "/mix/amount", 1.0),
            "track knob 1": (["B0 30 00", "B0 30 7F"], "/direction/1/amount", 3.0),
            "device knob 2": (["B0 11 00", "B0 11 7F"], "/grade/hue", 180.0),
            "clip on the upper left": (["90 20 7F", "80 20 7F"], "/output/blackout", True),
            "clip on the upper right": (["90 27 7F", "80 27 7F"], "/panic", None),
            "clip below the upper left": (["90 19 7F", "80 19 7F"], "/segment/select", 1),
        },
    ),
    "launch_control_xl": (
        "Launch Control XL:Launch Control XL Launch Contro 20:0",
        {
            "last fader": (["B8 54 7F", "B8 54 00"], "/output/opacity", 0.0),
            "first upper knob": (["B8 0D 00", "B8 0D 7F"], "/direction/1/amount", 3.0),
            "last lower knob": (["B8 38 00", "B8 38 7F"], "/model/fade_s", 10.0),
            "track focus 5": (["98 39 7F", "88 39 00"], "/segment/auto", False),
            "track control 8": (["98 5C 7F", "88 5C 00"], "/segment/select", 7),
        },
    ),
    "xtouch_mini": (
        "X-TOUCH MINI:X-TOUCH MINI MIDI 1 20:0",
        {
            "knob 1": (["BA 01 00", "BA 01 7F"], "/latent/truncation_psi", 1.2),
            "knob 8": (["BA 08 00", "BA 08 7F"], "/grade/hue", 180.0),
            "fader": (["BA 09 7F", "BA 09 00"], "/output/opacity", 0.0),
            "first button": (["9A 08 7F", "8A 08 00"], "/output/blackout", True),
            "last button": (["9A 17 7F", "8A 17 00"], "/segment/select", 7),
            "knob 1 of layer B": (["BA 0B 00", "BA 0B 7F"], "/direction/1/amount", 3.0),
        },
    ),
    "push": (
        "Ableton Push 2:Ableton Push 2 Ableton Push 2 L 20:0",
        {
            "first encoder, a detent up": (["B0 47 01"], "/direction/1/amount", 6 / 127),
            "first encoder, a detent down": (["B0 47 7F"], "/direction/1/amount", -6 / 127),
            "lower left pad": (["90 24 40", "90 24 00"], "/output/blackout", True),
            "pad above": (["90 2D 40", "90 2D 00"], "/segment/select", 1),
            "pad of the third row, at full strength": (["90 35 7F"], "/noise/grain_coarse", 1.0),
            "and let go": (["90 35 7F", "90 35 00"], "/noise/grain_coarse", 0.0),
        },
    ),
    "launchpad_mini_mk3": (
        "Launchpad Mini MK3:Launchpad Mini MK3 LPMiniMK3 MI 24:1",
        {
            "upper left pad": (["90 51 7F", "90 51 00"], "/output/blackout", True),
            "pad below it": (["90 48 7F", "90 48 00"], "/segment/select", 1),
            "pad held": (["90 3E 7F"], "/noise/grain_coarse", 1.0),
            "right arrow": (["B0 5E 7F", "B0 5E 00"], "/segment/next", None),
        },
    ),
    "launchpad_x": (
        "Launchpad X:Launchpad X LPX MIDI In 28:1",
        {
            "upper left pad": (["90 51 5A", "90 51 00"], "/output/blackout", True),
            "a brightness": (["90 42 5A", "90 42 00"], "/output/opacity", 0.5),
            "left arrow": (["B0 5D 7F", "B0 5D 00"], "/segment/previous", None),
        },
    ),
    "keyboard_8_knobs": (
        "Some keyboard:Some keyboard MIDI 1 20:0",
        {
            "first knob": (["B0 46 00", "B0 46 7F"], "/latent/truncation_psi", 1.2),
            "modulation": (["B0 01 7F"], "/mix/amount", 1.0),
            "bend, all the way down": (["E0 00 00"], "/direction/1/amount", -3.0),
            "bend at rest": (["E0 00 00", "E0 00 40"], "/direction/1/amount", 0.0),
            "pressure": (["D0 7F"], "/noise/grain_fine", 1.0),
            "pad": (["99 25 30", "89 25 40"], "/output/freeze", True),
        },
    ),
}


def test_every_file_is_played() -> None:
    assert [path.stem for path in FILES] == sorted(PLAYED)


@pytest.mark.parametrize(("name", "what"), [(name, what) for name, (_, played) in PLAYED.items() for what in played])
def test_what_the_controller_sends_arrives(name: str, what: str) -> None:
    port, played = PLAYED[name]
    sent, address, value = played[what]
    bench = Bench(
        bundled("mappings", f"controllers/{name}.toml").read_text(), "Midi Through:Midi Through Port-0 14:0", port
    )
    for message in sent:
        bench.play(message, port=1)
    if value is None:
        assert bench.fired == [address]
    else:
        assert bench[address] == pytest.approx(value)
    assert bench.desk.failures == 0


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_control_turns_what_the_file_says_and_fits_a_show_of_any_kind(path: Path) -> None:
    bench = Bench(path.read_text(), PLAYED[path.stem][0])
    assert bench.patch == Patch(midi=bench.patch.midi)  # nothing but knobs: it can be added to any show
    assert {knob.control.channel for knob in bench.patch.midi} <= set(range(1, 17))
    table = bench.patch.param_table()
    for knob in bench.patch.midi:
        if knob.control.kind not in ("cc", "note") or knob.encoder:
            continue
        before = dict(bench.desk.values)
        bench.fired.clear()
        for value in (0, 127):
            bench.play(*messages(knob.control, value))
        if table[knob.target].kind is Kind.TRIGGER:
            assert bench.fired == [knob.target]
        elif knob.mode == "toggle":
            assert bench[knob.target] is not before[knob.target]
        else:
            wanted = knob.value if knob.mode == "radio" else knob.output_range[1]
            assert bench[knob.target] == table[knob.target].coerce(wanted)
        bench.play(*messages(knob.control, 0))


def test_a_program_change_of_the_keyboard_recalls_a_preset() -> None:
    bench = Bench(bundled("mappings", "controllers/keyboard_8_knobs.toml").read_text(), "keys")
    bench.play("C0 05", "B0 00 01", "B0 20 00", "C0 02")
    assert bench.commands == [(128 * 128 + 2,)]
    bench.play("C0 07")
    assert bench.commands[1:] == [(128 * 128 + 7,)]


def test_the_lights_of_a_launchpad_tell_which_segment_is_chosen() -> None:
    bench = Bench(bundled("mappings", "controllers/launchpad_x.toml").read_text(), "LPX MIDI")
    bench.turn("/segment/select", 3)
    assert sorted(message.hex(" ") for message in bench.rest()) == ["90 47 00", "90 4a 15"]
