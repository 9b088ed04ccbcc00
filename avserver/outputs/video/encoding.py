"""Encoding: which encoders there are, what they are set to, and which file takes what. Plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from avserver.errors import ConfigError, nearest

AUTO = "auto"
SOUND_RATE_HZ = 48_000
# What one thread encodes beside a show, in pixels a second: 720p30, on the slowest machine that was tried.
_PIXELS_A_THREAD = 1280 * 720 * 30 * 1.1
_MOST_THREADS = 8


@dataclass(frozen=True, slots=True)
class Encoder:
    """An encoder of ffmpeg's and its options.

    Attributes:
        library: ffmpeg's name of it.
        options: as ffmpeg calls them.
        quality: the option that takes the quality; empty if it has none.
        pixel_format: what it is given.
        tag: four letters that the file names it by; empty: ffmpeg's choice.
        alone: every picture stands on its own, so that one that is repeated need not be encoded again.
    """

    library: str
    options: Mapping[str, str]
    quality: str = ""
    pixel_format: str = "yuv420p"
    tag: str = ""
    alone: bool = False


# For files. Without B-frames, so that times begin at 0 in every container. H.264 looks ten pictures ahead: they are
# what a crash costs beside the fragment that is being written. prores_ks would be some better, but reaches 4 pictures
# a second where prores reaches 35 (720p, one core).
RECORDING: Mapping[str, Encoder] = {
    "h264": Encoder("libx264", {"preset": "veryfast", "bf": "0"}, quality="crf"),
    "hevc": Encoder(
        "libx265",
        {"preset": "ultrafast", "x265-params": "bframes=0:rc-lookahead=5:log-level=error"},
        quality="crf",
        tag="hvc1",  # without it Apple's players do not know it
    ),
    "prores": Encoder("prores", {"profile": "2"}, pixel_format="yuv422p10le", alone=True),
    "h264_nvenc": Encoder("h264_nvenc", {"preset": "p4", "rc": "vbr", "bf": "0"}, quality="cq"),
    "hevc_nvenc": Encoder("hevc_nvenc", {"preset": "p4", "rc": "vbr", "bf": "0"}, quality="cq", tag="hvc1"),
}
# For streams: every picture leaves at once, at a steady bit rate.
LIVE: Mapping[str, Encoder] = {
    "h264": Encoder("libx264", {"preset": "superfast", "tune": "zerolatency"}),
    "h264_nvenc": Encoder("h264_nvenc", {"preset": "p3", "tune": "ull", "rc": "cbr", "zerolatency": "1", "delay": "0"}),
}


@dataclass(frozen=True, slots=True)
class Container:
    """A kind of file or stream.

    Attributes:
        name: what ffmpeg calls it.
        options: as ffmpeg calls them.
        sound: ffmpeg's name of the encoder for sound.
        usual: the encoder where none is asked for.
    """

    name: str
    options: Mapping[str, str] = field(default_factory=dict)
    sound: str = "aac"
    usual: str = "h264"


# A fragment each fifth of a second, handed to the system at once: what is complete survives the end of the process. A
# crash costs it and the pictures looked ahead at, 0.6 s, and what still waits for the encoder on a busy machine. At the
# end the fragments are made an ordinary file, which every program reads.
_FRAGMENTS = {"movflags": "+hybrid_fragmented+frag_keyframe", "frag_duration": "200000", "flush_packets": "1"}
CONTAINERS: Mapping[str, Container] = {
    ".mp4": Container("mp4", _FRAGMENTS),
    ".mkv": Container("matroska", {"cluster_time_limit": "200", "flush_packets": "1"}),
    ".mov": Container("mov", _FRAGMENTS, sound="pcm_s16le", usual="prores"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmForm:
    """How a film is stored or sent.

    Attributes:
        container: the kind of file.
        encoder: of the pictures.
        quality: for encoders that take one: 0 to 51, lower is better and larger; None for the encoder's own.
        bit_rate: bits a second, held to; 0: as many as the quality takes.
        keyframe_s: how often a picture stands on its own (s).
    """

    container: Container
    encoder: Encoder
    quality: int | None = None
    bit_rate: int = 0
    keyframe_s: float = 1.0

    def options(self) -> dict[str, str]:
        """Return the encoder's options, with the quality among them."""
        asked = {self.encoder.quality: str(self.quality)} if self.encoder.quality and self.quality is not None else {}
        if self.bit_rate:
            # Half a second of it may come in one burst.
            asked |= {"maxrate": str(self.bit_rate), "bufsize": str(self.bit_rate // 2)}
        return {**self.encoder.options, **asked}


def form_of_file(path: Path, codec: str, quality: int) -> FilmForm:
    """Return how a file of that name is recorded; `codec` is a name in RECORDING, or AUTO.

    Raises ConfigError for a suffix or a codec that is not known, and for ProRes anywhere but in .mov.
    """
    suffix = path.suffix.lower()
    if suffix not in CONTAINERS:
        raise ConfigError(f"a recording's name ends in {', '.join(CONTAINERS)}, got {str(path)!r}")
    container = CONTAINERS[suffix]
    name = container.usual if codec == AUTO else codec
    if name not in RECORDING:
        raise ConfigError(f"there is no codec {codec!r}; {nearest(codec, (AUTO, *RECORDING))}")
    if name == "prores" and suffix != ".mov":
        raise ConfigError(f"ProRes goes into .mov files, got {str(path)!r}")
    return FilmForm(container=container, encoder=RECORDING[name], quality=quality)


def threads_for(width_px: int, height_px: int, fps: float) -> int:
    """Return how many threads are to encode pictures of that size: few, the show wants the others."""
    return min(_MOST_THREADS, 1 + int(width_px * height_px * fps / _PIXELS_A_THREAD))
