import sys

import pytest

from avserver.audio.device import Input, checked_channels, find, sounddevice
from avserver.audio.jack import jack_client
from avserver.errors import AudioError

FOUND = [
    Input(0, "Scarlett 2i2 USB: Audio (hw:1,0)", "ALSA", 2, 48_000),
    Input(2, "pulse", "ALSA", 32, 44_100),
    Input(3, "system", "JACK Audio Connection Kit", 2, 48_000),
    Input(5, "system monitor", "JACK Audio Connection Kit", 2, 48_000),
]


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("scarlett", 0), ("Scarlett 2i2 USB: Audio (hw:1,0)", 0), ("2", 2), ("system", 3), ("pulse, alsa", 2),
        ("MONITOR", 5),
    ],
)  # fmt: skip
def test_an_input_is_found_by_its_number_or_a_part_of_its_name(name, index):
    assert find(name, FOUND).index == index


def test_without_a_name_it_is_the_default_or_the_first():
    assert find("", FOUND, default=5).index == 5
    assert find("", FOUND).index == 0


@pytest.mark.parametrize(
    ("name", "found", "sentence"),
    [
        ("Babyface", FOUND, "there is no input 'Babyface'; there are 0: Scarlett .*; 2: pulse, ALSA .32 channels."),
        ("jack", FOUND, "several inputs match 'jack'; there are 3: system, JACK .*; 5: system monitor"),
        ("9", FOUND, "there is no input '9'"),
        ("", [], "PortAudio finds no input on this machine"),
    ],
)
def test_what_is_none_or_several_is_refused_with_the_list(name, found, sentence):
    with pytest.raises(AudioError, match=sentence):
        find(name, found)


def test_channels_are_those_given_or_the_first_two():
    assert checked_channels((), 8, "x") == (1, 2)
    assert checked_channels((), 1, "x") == (1,)
    assert checked_channels((3, 4), 4, "x") == (3, 4)
    with pytest.raises(AudioError, match="x has channels 1 to 2, got 4"):
        checked_channels((3, 4), 2, "x")


def test_what_is_not_installed_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    monkeypatch.setitem(sys.modules, "jack", None)
    with pytest.raises(AudioError, match="install it with: sudo apt install libportaudio2"):
        sounddevice()
    with pytest.raises(AudioError, match=r"install it with: pip install 'avserver\[jack\]'"):
        jack_client()
