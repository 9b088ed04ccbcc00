"""What can be settled about outputs in a show file: a dataclass for each kind, the one home of its defaults."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from avserver.errors import ConfigError, nearest
from avserver.outputs.video.encoding import AUTO, LIVE, form_of_file
from avserver.pixel_format import BYTES_PER_PIXEL, PIXEL_FORMATS
from avserver.shape import FITS, Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputSettings:
    """What every output has.

    `name` is what the status calls it; empty: its kind. A size of its own (0: that of the show) is made of the show's
    frames by `fit`: `crop`, `fit` (black bars) or `fill` (stretched). With an `fps` of its own the last frame is
    repeated, or left out, as need be; 0: frames go out as they come.
    """

    name: str = ""
    width_px: int = 0
    height_px: int = 0
    fit: str = "crop"
    fps: float = 0.0

    def __post_init__(self) -> None:
        if (self.width_px == 0) != (self.height_px == 0):
            raise ConfigError(
                f"width_px and height_px of an output are given together or not at all, "
                f"got {self.width_px} and {self.height_px}"
            )
        if not 0 <= self.width_px <= 8192 or not 0 <= self.height_px <= 8192:
            raise ConfigError(f"an output has at most 8192x8192 px, got {self.width_px}x{self.height_px}")
        if self.fit not in FITS:
            raise ConfigError(f"fit of an output is one of {', '.join(FITS)}, got {self.fit!r}")
        if not 0 <= self.fps <= 240:
            raise ConfigError(f"fps of an output is a number from 0 to 240, got {self.fps:g}")

    @property
    def shape(self) -> Shape | None:
        """The size of its own, None if it has none."""
        return Shape(self.width_px, self.height_px, self.fit) if self.width_px else None

    def relative_to(self, folder: Path) -> Self:
        """Return the settings with their file names, if any, made relative to `folder`, where the show file lies."""
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class ZeroMqSettings(OutputSettings):
    """A ZeroMQ PUB socket; without an address, none.

    `format` is RGB8, RGBA, BGRA or JPEG, of that `quality`. With `keys`, a file that `avserver keys new` wrote or the
    folder it lies in, only clients with a key of theirs get frames, and encrypted. Without, addresses other than
    loopback and ipc are served only with `insecure = true`, to anybody.
    """

    address: str = "tcp://127.0.0.1:5555"
    format: str = "RGB8"
    quality: int = 90
    keys: str = ""
    insecure: bool = False

    def __post_init__(self) -> None:
        OutputSettings.__post_init__(self)  # super() does not know classes with slots
        if self.format not in PIXEL_FORMATS:
            raise ConfigError(f"format of a zeromq output is one of {', '.join(PIXEL_FORMATS)}, got {self.format!r}")
        if not 1 <= self.quality <= 100:
            raise ConfigError(f"quality of a zeromq output is a number from 1 to 100, got {self.quality}")

    def relative_to(self, folder: Path) -> Self:
        """Return the settings with `keys` made relative to `folder`."""
        return dataclasses.replace(self, keys=_from(folder, self.keys)) if self.keys else self


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedMemorySettings(OutputSettings):
    """A ring of frames in shared memory called `memory` (see `frame_ring`), for other programs of this machine.

    `format` is RGB8, RGBA or BGRA.
    """

    memory: str = "avserver"
    format: str = "RGB8"

    def __post_init__(self) -> None:
        OutputSettings.__post_init__(self)  # with slots, super() is another class' here
        if self.format not in BYTES_PER_PIXEL:
            formats = ", ".join(BYTES_PER_PIXEL)
            raise ConfigError(f"format of a shared_memory output is one of {formats}, got {self.format!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TouchDesignerSettings(OutputSettings):
    """TouchDesigner's Shared Mem In TOP on the same Windows machine; `memory` is its Shared Mem Name."""

    memory: str = "avserver"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoutSettings(OutputSettings):
    """Spout on Windows; `sender` is what receivers list."""

    sender: str = "avserver"


@dataclass(frozen=True, slots=True, kw_only=True)
class SyphonSettings(OutputSettings):
    """Syphon on macOS; `server` is what clients list."""

    server: str = "avserver"


@dataclass(frozen=True, slots=True, kw_only=True)
class V4l2Settings(OutputSettings):
    """A virtual camera of Linux' v4l2loopback, for OBS, browsers and video calls."""

    device: str = "/dev/video0"


@dataclass(frozen=True, slots=True, kw_only=True)
class NdiSettings(OutputSettings):
    """An NDI source, for whoever is on the network: NDI listens on all interfaces, asks for no key and hides nothing.

    `source` is what receivers show after this machine's name, `groups` (with commas between) who of them finds it;
    empty: everybody. With `alpha` pictures go out as BGRA, opaque; else as UYVY, which costs half as much. Receivers
    are told the `fps` of this output, or else that of the show, 29.97 as 30000/1001.

    NDI finds by mDNS. Where that does not reach, `discovery` names discovery servers (`HOST` or `HOST:PORT`, with
    commas between), or `config_dir` is a folder with an `ndi-config.v1.json` of NDI's; or a receiver is told this
    machine's address (TCP 5960 and up).
    """

    source: str = "avserver"
    groups: str = ""
    alpha: bool = False
    discovery: str = ""
    config_dir: str = ""

    def __post_init__(self) -> None:
        # slots=True makes the class anew, which super() without arguments does not notice.
        OutputSettings.__post_init__(self)
        # NDI takes 253 bytes with the machine's name, and none that would break a line of a list.
        if not 1 <= len(self.source.encode()) <= 150 or not self.source.isprintable():
            raise ConfigError(f"source of an NDI output is 1 to 150 letters on one line, got {self.source!r}")
        if self.discovery and self.config_dir:
            raise ConfigError("an NDI output has discovery or config_dir, not both; the configuration can name servers")

    def relative_to(self, folder: Path) -> Self:
        """Return the settings with `config_dir` made relative to `folder`."""
        if not self.config_dir:
            return self
        return dataclasses.replace(self, config_dir=_from(folder, self.config_dir))


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingSettings(OutputSettings):
    """Recordings; not an [[output]], but the section [recording], for every show can make them.

    `path` is recorded to from the start of the show on; empty: what `/record/start` begins goes into `folder`, by
    default as `container` (mp4, mkv or mov). `codec` is h264, hevc, h264_nvenc, hevc_nvenc or prores; auto: prores in
    .mov, h264 elsewhere. `quality` is from 0 to 51, lower is better and larger (not for prores). `sound` is what the
    show hears. Files that exist are refused unless `overwrite`.
    """

    path: str = ""
    folder: str = "recordings"
    container: str = "mp4"
    codec: str = "auto"
    quality: int = 20
    sound: bool = True
    overwrite: bool = False

    def __post_init__(self) -> None:
        OutputSettings.__post_init__(self)
        if not 0 <= self.quality <= 51:
            raise ConfigError(f"recording.quality is a whole number from 0 to 51, got {self.quality}")
        form_of_file(Path(self.path or f"a.{self.container}"), self.codec, self.quality)

    def relative_to(self, folder: Path) -> Self:
        """Return the settings with `path` and `folder` made relative to `folder`."""
        path = _from(folder, self.path) if self.path else ""
        return dataclasses.replace(self, path=path, folder=_from(folder, self.folder))


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSettings(OutputSettings):
    """A stream of H.264 and AAC, sent to `url`: udp:// (MPEG-TS), rtmp://, rtmps:// or rtsp://.

    `codec` is h264 or h264_nvenc; auto: h264_nvenc if this machine has it. `sound` is what the show hears.
    """

    url: str = ""
    codec: str = "auto"
    bit_rate_kbps: int = 6000
    keyframe_s: float = 1.0
    sound: bool = True

    def __post_init__(self) -> None:
        OutputSettings.__post_init__(self)
        if not 100 <= self.bit_rate_kbps <= 200_000:
            raise ConfigError(f"bit_rate_kbps of a stream is a number from 100 to 200000, got {self.bit_rate_kbps}")
        if not 0.1 <= self.keyframe_s <= 60:
            raise ConfigError(f"keyframe_s of a stream is a number from 0.1 to 60, got {self.keyframe_s:g}")
        if self.codec not in (AUTO, *LIVE):
            raise ConfigError(f"there is no codec {self.codec!r} for streams; {nearest(self.codec, (AUTO, *LIVE))}")


@dataclass(frozen=True, slots=True, kw_only=True)
class MjpegSettings(OutputSettings):
    """Pictures at http://HOST:PORT/stream.mjpg. Other hosts than the loopback only with `insecure = true`."""

    host: str = "127.0.0.1"
    port: int = 8090
    quality: int = 85
    insecure: bool = False

    def __post_init__(self) -> None:
        OutputSettings.__post_init__(self)
        if not 0 <= self.port <= 65535:
            raise ConfigError(f"port of an output is a number from 0 to 65535, got {self.port}")
        if not 1 <= self.quality <= 100:
            raise ConfigError(f"quality of JPEG is a number from 1 to 100, got {self.quality}")


# By the word that `kind` of an [[output]] says.
KINDS: dict[str, type[OutputSettings]] = {
    "zeromq": ZeroMqSettings,
    "ndi": NdiSettings,
    "shared_memory": SharedMemorySettings,
    "touchdesigner": TouchDesignerSettings,
    "spout": SpoutSettings,
    "syphon": SyphonSettings,
    "v4l2": V4l2Settings,
    "stream": StreamSettings,
    "mjpeg": MjpegSettings,
}


def _from(folder: Path, name: str) -> str:
    """Return a file name, relative to `folder` unless it is absolute or begins with ~."""
    return str(folder / Path(name).expanduser())


def kind_of(settings: OutputSettings) -> str:
    """Return the word for a kind of output."""
    return next(word for word, kind in KINDS.items() if kind is type(settings))
