from pathlib import Path

import pytest

from avserver.bundled import mapping_path
from avserver.config import Show, built_in_show, change, load_show, to_toml
from avserver.errors import ConfigError


def test_what_is_printed_is_read_back_to_the_same_show(tmp_path: Path) -> None:
    show = change(built_in_show(), "frame", fps=24.5, width_px=640, height_px=360)
    path = tmp_path / "show.toml"
    path.write_text(to_toml(show))
    assert load_show(path) == show


def test_an_empty_file_is_the_default_show(tmp_path: Path) -> None:
    path = tmp_path / "show.toml"
    path.write_text("")
    show = change(Show(), "presets", path=str(tmp_path / "presets"))
    show = change(show, "recording", folder=str(tmp_path / "recordings"))
    assert load_show(path) == change(show, "take", folder=str(tmp_path / "takes"))


def test_file_names_are_relative_to_the_show_file(tmp_path: Path) -> None:
    path = tmp_path / "show.toml"
    path.write_text('[audio]\nsource = "song.ogg"\n[mapping]\npath = "default"\n[failsafe]\npicture = "logo.png"\n')
    show = load_show(path)
    assert show.failsafe.picture == str(tmp_path / "logo.png")
    path.write_text('[audio]\nsource = "song.ogg"\n[failsafe]\npicture = "fade"\n')
    assert load_show(path).failsafe.picture == "fade"
    assert show.audio.source == str(tmp_path / "song.ogg")
    assert show.mapping.path == "default"
    path.write_text('[grade]\nluts = ["film.cube", "/looks/cold.cube"]\n')
    assert load_show(path).grade.luts == (str(tmp_path / "film.cube"), "/looks/cold.cube")


@pytest.mark.parametrize(
    ("source", "is_file"),
    [
        ("demo", False), ("none", False), ("osc", False), ("device", False), ("device:Scarlett 2i2", False),
        ("jack:system:capture_.*", False), ("rtp://127.0.0.1:5004", False), ("zmq+ipc:///tmp/sound", False),
        ("set.flac", True), ("./device:x.wav", True), ("sets/jack.ogg", True),
    ],
)  # fmt: skip
def test_of_sources_only_songs_are_files(tmp_path: Path, source: str, is_file: bool) -> None:
    path = tmp_path / "show.toml"
    path.write_text(f'[audio]\nsource = "{source}"\nchannels = [3, 4]\nrate_hz = 96000\n')
    show = load_show(path)
    assert show.audio.source == (str(tmp_path / source) if is_file else source)
    assert (show.audio.channels, show.audio.rate_hz) == ((3, 4), 96_000)
    path.write_text(to_toml(show))
    assert load_show(path) == show


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[audio]\nchannels = [0]", "each of audio.channels is a number from 1 to 1024, got 0"),
        ("[audio]\nchannels = 3", "audio.channels is a list of whole numbers, got 3"),
        ("[audio]\nchannels = [1.5]", r"audio.channels is a list of whole numbers, got \[1.5\]"),
        ("[audio]\nrate_hz = 100", "audio.rate_hz is a number from 8000 to 192000, got 100"),
        ("[frame]\nfsp = 25", r"unknown key 'frame.fsp'; did you mean 'fps'\?"),
        ("[ods]\nport = 1", r"unknown key 'ods'; did you mean 'osc'\?"),
        ('[preview]\ntoken = "short"', "preview.token is 8 letters, digits, - and _, or more$"),
        ('[preview]\ntoken = "has a space"', "preview.token is 8 letters, digits, - and _, or more$"),
        ("[frame]\nfps = 0", "frame.fps is a number from 1 to 240, got 0.0"),
        ("[frame]\nfps = nan", "frame.fps is a number from 1 to 240, got nan"),
        ('[frame]\nfps = "30"', "frame.fps is a number, got '30'"),
        ("[osc]\nport = 70000", "osc.port is a number from 0 to 65535, got 70000"),
        ("[osc]\nport = true", "osc.port is a whole number, got True"),
        ("[audio]\nloop = 1", "audio.loop is true or false, got 1"),
        ("audio = 3", r"audio is a table \(\[audio\]\), got 3"),
        ("[frame]\nwidth_px = 100", "are given together or not at all, got 100 and 0"),
        ("[frame\nfps = 3", "is not TOML"),
        ('[model]\nwide = "stretched"', "model.wide does not know 'stretched'; did you mean 'stretch'"),
        ("[failsafe]\nafter_s = -1", "failsafe.after_s is a number from 0 to 86400, got -1"),
    ],
)
def test_what_is_not_allowed_is_named(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "show.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=sentence) as caught:
        load_show(path)
    assert str(path) in str(caught.value)


def test_a_missing_show_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read the show file .*nope.toml: No such file"):
        load_show(tmp_path / "nope.toml")


def test_mappings_that_are_named_are_not_looked_for_beside_the_show_file(tmp_path: Path) -> None:
    file = tmp_path / "show.toml"
    file.write_text('[mapping]\npath = "mine.toml"\nalso = ["default", "knobs/more.toml"]\n')
    mapping = load_show(file).mapping
    assert mapping.path == str(tmp_path / "mine.toml")
    assert mapping.also == ("default", str(tmp_path / "knobs" / "more.toml"))
    assert mapping_path("default").name == "default.toml"
    assert mapping_path("./default") == Path("default")
    with pytest.raises(ConfigError, match=r"^no mapping called 'defalt' comes with .*; did you mean 'default'\?$"):
        mapping_path("defalt")


def test_presets_lie_beside_the_show_file_or_with_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert built_in_show().presets.path == str(tmp_path / "data" / "avserver" / "presets")
    path = tmp_path / "show.toml"
    path.write_text('[presets]\npath = "mine"\nstart = "calm"\n')
    assert load_show(path).presets.path == str(tmp_path / "mine")
    assert load_show(path).presets.start == "calm"


def test_further_outputs_and_their_names(tmp_path: Path) -> None:
    path = tmp_path / "show.toml"
    path.write_text(
        '[[output]]\nkind = "zeromq"\nname = "wall"\naddress = "tcp://127.0.0.1:5600"\n'
        'width_px = 1920\nheight_px = 1080\nfit = "fit"\nfps = 25\n',
        encoding="utf-8",
    )
    show = load_show(path)
    assert [name for name, _ in show.outputs] == ["zeromq", "wall"]
    assert show.outputs[1][1].fps == 25.0
    again = tmp_path / "again.toml"
    again.write_text(to_toml(show), encoding="utf-8")
    assert load_show(again) == show


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[[output]]\nkind = "zeromg"', "output 1: kind is one of zeromq"),
        ('[[output]]\naddress = "x"', "output 1: kind is one of"),
        ('[[output]]\nkind = "zeromq"\nadress = "x"', "output 1 .zeromq.: unknown key 'adress'"),
        ('[[output]]\nkind = "zeromq"\nfit = "cover"', "one of crop, fit, fill"),
        ('[[output]]\nkind = "zeromq"\nwidth_px = 640', "together"),
        ('[[output]]\nkind = "zeromq"', "two outputs are called zeromq"),
        ("[output]\nx = 1", "list of tables"),
        ('[[output]]\nkind = "stream"\ncodec = "vp9"', "no codec 'vp9' for streams"),
        ('[[output]]\nkind = "mjpeg"\nquality = 0', "quality of JPEG"),
        ('[recording]\npath = "show.avi"', "ends in .mp4, .mkv, .mov"),
        ('[recording]\ncodec = "h265"', "no codec 'h265'"),
        ("[recording]\nquality = 52", "from 0 to 51"),
    ],
)
def test_outputs_that_cannot_be(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "show.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=says):
        load_show(path)
