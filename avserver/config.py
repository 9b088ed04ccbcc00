"""Show: everything that is settled before the show starts. The one home of its defaults.

A show file is TOML with a table for each section below; what it leaves out has the default. Paths in it are relative
to the file. What can be turned while the show runs is a parameter instead (see `control.params`).
"""

import dataclasses
import json
import os
import re
import tomllib
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from avserver.audio.source_name import DEMO, is_path
from avserver.canvas import WIDE
from avserver.errors import ConfigError, nearest
from avserver.outputs.settings import KINDS, OutputSettings, RecordingSettings, ZeroMqSettings, kind_of
from avserver.take.settings import TakeSettings

DEFAULT = "default"
MOST_LUTS = 64  # look-up tables that a show chooses from
MIDI_BACKENDS = ("", "alsa", "core", "jack", "winmm")


@dataclass(frozen=True, slots=True)
class FrameSettings:
    """The frames: how many a second, how large (0: as the model draws them), for how long (0: until stopped).

    Of a shape that is not square the network draws as near as it comes, see `model.wide`; the picture is then scaled to
    fill the frame, and what overhangs is cropped.
    """

    fps: float = 30.0
    width_px: int = 0
    height_px: int = 0
    duration_s: float = 0.0

    def __post_init__(self) -> None:
        _within("frame.fps", self.fps, 1, 240)
        _within("frame.width_px", self.width_px, 0, 8192)
        _within("frame.height_px", self.height_px, 0, 8192)
        _within("frame.duration_s", self.duration_s, 0, 1e9)
        if (self.width_px == 0) != (self.height_px == 0):
            raise ConfigError(
                "frame.width_px and frame.height_px are given together or not at all, "
                f"got {self.width_px} and {self.height_px}"
            )

    @property
    def size(self) -> tuple[int, int] | None:
        """(width, height) in px, None for the model's own."""
        return (self.width_px, self.height_px) if self.width_px else None


@dataclass(frozen=True, slots=True)
class FailsafeSettings:
    """What the outputs show when no new frames have come for `after_s` (0: never): the model's process has died.

    `picture` is `hold`, the last frame; `fade`, a fade to black; or the path of an image, cropped to the size of the
    frames. To either of them the last frame fades within `fade_s`.
    """

    after_s: float = 10.0
    picture: str = "hold"
    fade_s: float = 2.0

    def __post_init__(self) -> None:
        _within("failsafe.after_s", self.after_s, 0, 86_400)
        _within("failsafe.fade_s", self.fade_s, 0, 600)


@dataclass(frozen=True, slots=True)
class AudioSettings:
    """What is listened to.

    `source` is the path of a song (wav, flac, ogg, mp3, m4a), or
    - `demo`: the track that comes with avserver,
    - `none`: silence; `osc`: what is heard is told over OSC (`/avserver/input/…`),
    - `device`: the default input; `device:NAME`: one by its number, or a part of its name,
    - `jack`: waits to be connected; `jack:PORTS`: connects the ports that match (a regular expression),
    - `rtp://HOST:PORT?rate=48000&channels=2`: RTP L16, or `zmq+tcp://HOST:PORT`: samples over ZeroMQ.

    `loop` and `start_s` are for songs. Of what is live, `channels` are heard, counted from 1 and mixed (none given: the
    first two). `rate_hz` is asked of a device, 0 for its own. Addresses of the network that other machines reach are
    listened on only with `insecure = true`. With `recurring_segments` a tempo that comes back has its old segment.
    """

    source: str = DEMO
    loop: bool = False
    start_s: float = 0.0
    channels: tuple[int, ...] = ()
    rate_hz: int = 0
    insecure: bool = False
    recurring_segments: bool = False

    def __post_init__(self) -> None:
        _within("audio.start_s", self.start_s, 0, 1e6)
        for channel in self.channels:
            _within("each of audio.channels", channel, 1, 1024)
        if self.rate_hz:
            _within("audio.rate_hz", self.rate_hz, 8_000, 192_000)


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """The generator: a safetensors file, or `default` for the one that comes with avserver.

    `also` are further ones, which `/model/select` changes to while the show plays: 1 is the first of them. `partner` is
    a model of the same shape, of which `/mix/amount` mixes in a share; empty for none. `threads` of the CPU draw:
    one is steadiest beside all else, and as fast as more for small models; large ones want as many as there are cores.

    `wide` is how the network itself draws frames that are not square: its learned constant is stretched over their
    width or height (`stretch`: a composition stays what it is), repeated (`tile`), or repeated with every other copy
    mirrored (`mirror`); `off` scales and crops its square instead. StyleGAN3 has no constant, and draws alike in all
    but `off`.
    """

    path: str = DEFAULT
    also: tuple[str, ...] = ()
    partner: str = ""
    threads: int = 1
    wide: str = "stretch"

    def __post_init__(self) -> None:
        _within("model.threads", self.threads, 1, 256)
        if self.wide not in WIDE:
            raise ConfigError(f"model.wide does not know {self.wide!r}; {nearest(self.wide, WIDE)}")


@dataclass(frozen=True, slots=True)
class GradeSettings:
    """The look-up tables (`.cube`) that `/grade/lut` chooses from: 1 is the first of `luts`."""

    luts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.luts) > MOST_LUTS:
            raise ConfigError(f"grade.luts names {MOST_LUTS} look-up tables at most, got {len(self.luts)}")


@dataclass(frozen=True, slots=True)
class MappingSettings:
    """What drives what: a mapping file, or the name of one that comes with avserver: `default`, or a controller's.

    `also` are further ones; all of them are read as if they were one.
    """

    path: str = DEFAULT
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OscSettings:
    """Where OSC is listened for: over UDP, and with `tcp` on the TCP port of the same number too (SLIP frames).

    A host that other machines reach is listened on only with `insecure = true`: anybody there may turn everything.
    """

    host: str = "127.0.0.1"
    port: int = 9000
    tcp: bool = True
    insecure: bool = False

    def __post_init__(self) -> None:
        _within("osc.port", self.port, 0, 65535)


@dataclass(frozen=True, slots=True)
class MidiSettings:
    """Controllers. Which they are says the mapping file; `ports` are further ones, such as send MIDI clock: parts of
    their names, or `*` for all.

    `backend` is `alsa` or `jack`, `core` or `winmm`; empty is what is usual on this system.
    """

    enabled: bool = True
    backend: str = ""
    ports: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.backend not in MIDI_BACKENDS:
            raise ConfigError(f"midi.backend does not know {self.backend!r}; {nearest(self.backend, MIDI_BACKENDS)}")


@dataclass(frozen=True, slots=True)
class OscQuerySettings:
    """Where programs look up what can be turned (HTTP, WebSocket); `announce` tells them by zeroconf where that is.

    A host that other machines reach is listened on only with `insecure = true`: anybody there may turn everything.
    """

    enabled: bool = True
    host: str = "127.0.0.1"
    port: int = 9001
    announce: bool = True
    insecure: bool = False

    def __post_init__(self) -> None:
        _within("oscquery.port", self.port, 0, 65535)


@dataclass(frozen=True, slots=True)
class PreviewSettings:
    """The web page.

    Whoever opens it must know the `token`, if there is one: 8 letters, digits, - and _, or more. On a host that other
    machines reach there is always one; without one of yours it is made up at each start, and printed.
    """

    enabled: bool = True
    host: str = "127.0.0.1"
    port: int = 8080
    token: str = ""

    def __post_init__(self) -> None:
        if self.token and not re.fullmatch(r"[\w-]{8,}", self.token, re.ASCII):
            # Not told what it was: errors get into logs.
            raise ConfigError("preview.token is 8 letters, digits, - and _, or more")
        _within("preview.port", self.port, 0, 65535)


@dataclass(frozen=True, slots=True)
class PresetSettings:
    """The presets: the folder that they lie in, made when the first is saved, and the one to start with, if any.

    Without a show file the folder is the user's own, see `built_in_show`.
    """

    path: str = "presets"
    start: str = ""


@dataclass(frozen=True, slots=True)
class Show:
    """A whole show. Build one with `load_show`, or from code with the sections given.

    `zeromq` is the output that every show has; `output` are further ones, of any kind ([[output]] in a file).
    """

    frame: FrameSettings = field(default_factory=FrameSettings)
    failsafe: FailsafeSettings = field(default_factory=FailsafeSettings)
    audio: AudioSettings = field(default_factory=AudioSettings)
    model: ModelSettings = field(default_factory=ModelSettings)
    grade: GradeSettings = field(default_factory=GradeSettings)
    mapping: MappingSettings = field(default_factory=MappingSettings)
    osc: OscSettings = field(default_factory=OscSettings)
    midi: MidiSettings = field(default_factory=MidiSettings)
    oscquery: OscQuerySettings = field(default_factory=OscQuerySettings)
    zeromq: ZeroMqSettings = field(default_factory=ZeroMqSettings)
    preview: PreviewSettings = field(default_factory=PreviewSettings)
    presets: PresetSettings = field(default_factory=PresetSettings)
    recording: RecordingSettings = field(default_factory=RecordingSettings)
    take: TakeSettings = field(default_factory=TakeSettings)
    output: tuple[OutputSettings, ...] = ()

    def __post_init__(self) -> None:
        names = [name for name, _ in self.outputs]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ConfigError(f"two outputs are called {', '.join(sorted(twice))}; give each a name of its own")

    @property
    def outputs(self) -> list[tuple[str, OutputSettings]]:
        """All outputs but the preview, with their names."""
        every = [self.zeromq, *self.output] if self.zeromq.address else [*self.output]
        return [(settings.name or kind_of(settings), settings) for settings in every]


def built_in_show() -> Show:
    """Return the show that plays when no show file is given: the demo track, over and over.

    Its presets are the user's: in `avserver/presets` under $XDG_DATA_HOME, or else under ~/.local/share. Recordings go
    into `recordings` in the folder where it is started, takes into `takes`.
    """
    data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return Show(
        audio=AudioSettings(loop=True),
        presets=PresetSettings(path=str(data / "avserver" / "presets")),
        recording=RecordingSettings(folder=str(Path.cwd() / "recordings")),
        take=TakeSettings(folder=str(Path.cwd() / "takes")),
    )


def load_show(path: Path) -> Show:
    """Read a show file. Raises ConfigError, naming the file and the key, for anything that is not allowed."""
    try:
        plain = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as err:
        raise ConfigError(f"cannot read the show file {path}: {err.strerror}") from err
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as err:
        raise ConfigError(f"the show file {path} is not TOML: {err}") from err
    try:
        show: Show = _build(Show, plain, "")
    except ConfigError as err:
        raise ConfigError(f"{path}: {err}") from err
    return _relative_to(show, path.parent)


def change(show: Show, section: str, **values: object) -> Show:
    """Return the show with values of one section changed. Raises ConfigError for a value out of range."""
    return dataclasses.replace(show, **{section: dataclasses.replace(getattr(show, section), **values)})


def to_toml(show: Show) -> str:
    """Return the show as a file that `load_show` reads back to an equal one."""
    lines = []
    for section in dataclasses.fields(show):
        settings = getattr(show, section.name)
        if section.name != "output":
            lines += [f"[{section.name}]", *_assignments(settings), ""]
    for output in show.output:
        lines += ["[[output]]", f"kind = {json.dumps(kind_of(output))}", *_assignments(output), ""]
    return "\n".join(lines).rstrip() + "\n"


def _assignments(settings: Any) -> list[str]:
    # JSON's strings, numbers and booleans are TOML's too.
    return [f"{f.name} = {json.dumps(getattr(settings, f.name))}" for f in dataclasses.fields(settings)]


def is_bundled_mapping(name: str) -> bool:
    """Tell whether a mapping is named, rather than its file: a word without a dot or a slash."""
    return Path(name).name == name and "." not in name


def _within(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ConfigError(f"{name} is a number from {low:g} to {high:g}, got {value!r}")


def _build(cls: type, plain: dict[str, Any], at: str) -> Any:
    """Return a `cls` made of a TOML table; `at` is the table's name with a dot, for messages."""
    hints = typing.get_type_hints(cls)
    values = {}
    for key, value in plain.items():
        if key not in hints:
            raise ConfigError(f"unknown key {at + key!r}; {nearest(key, hints)}")
        values[key] = _value(hints[key], value, at + key)
    return cls(**values)


def _output(plain: dict[str, Any], at: str) -> OutputSettings:
    """Return the settings of one [[output]]; `at` says which, for messages."""
    kind = plain.get("kind")
    if kind not in KINDS:
        raise ConfigError(f"{at}: kind is one of {', '.join(KINDS)}, got {kind!r}")
    try:
        settings: OutputSettings = _build(KINDS[kind], {key: plain[key] for key in plain if key != "kind"}, "")
    except ConfigError as err:
        raise ConfigError(f"{at} ({kind}): {err}") from err
    return settings


_WORDS: dict[type, str] = {
    str: "a text in quotes",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
}


def _value(hint: type, value: object, name: str) -> object:
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, dict):
            raise ConfigError(f"{name} is a table ([{name}]), got {value!r}")
        return _build(hint, value, f"{name}.")
    if hint == tuple[OutputSettings, ...]:
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise ConfigError(f"{name} is a list of tables ([[{name}]]), got {value!r}")
        return tuple(_output(item, f"{name} {number}") for number, item in enumerate(value, 1))
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint == tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ConfigError(f"{name} is a list of texts in quotes, got {value!r}")
        return tuple(value)
    if hint == tuple[int, ...]:
        if not isinstance(value, list) or not all(type(item) is int for item in value):
            raise ConfigError(f"{name} is a list of whole numbers, got {value!r}")
        return tuple(value)
    if type(value) is not hint:
        raise ConfigError(f"{name} is {_WORDS[hint]}, got {value!r}")
    return value


def _relative_to(show: Show, folder: Path) -> Show:
    """Return the show with its file names made relative to `folder`, where the show file lies."""

    def resolve(name: str, built_in: str) -> str:
        return name if name == built_in else str(folder / Path(name).expanduser())

    if is_path(show.audio.source):
        show = change(show, "audio", source=str(folder / Path(show.audio.source).expanduser()))
    show = change(
        show,
        "model",
        path=resolve(show.model.path, DEFAULT),
        partner=resolve(show.model.partner, DEFAULT) if show.model.partner else "",
        also=tuple(resolve(name, DEFAULT) for name in show.model.also),
    )
    if show.failsafe.picture not in ("hold", "fade"):
        show = change(show, "failsafe", picture=str(folder / Path(show.failsafe.picture).expanduser()))
    show = change(show, "grade", luts=tuple(str(folder / Path(name).expanduser()) for name in show.grade.luts))
    show = change(show, "presets", path=str(folder / Path(show.presets.path).expanduser()))
    output = tuple(settings.relative_to(folder) for settings in show.output)
    zeromq, recording = show.zeromq.relative_to(folder), show.recording.relative_to(folder)
    show = dataclasses.replace(
        show, zeromq=zeromq, recording=recording, take=show.take.relative_to(folder), output=output
    )
    mappings = [
        name if is_bundled_mapping(name) else str(folder / Path(name).expanduser())
        for name in (show.mapping.path, *show.mapping.also)
    ]
    return change(show, "mapping", path=mappings[0], also=tuple(mappings[1:]))
