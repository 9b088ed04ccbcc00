"""Which source a name stands for."""

from pathlib import Path

from avserver.audio.capture import CaptureSource
from avserver.audio.capture_process import CaptureSettings
from avserver.audio.file import FileSource
from avserver.audio.network import RtpSource, ZeroMqSource
from avserver.audio.source import AudioSource, SilentSource
from avserver.audio.source_name import DEMO, DEVICE, FORMS, JACK, NONE, OSC
from avserver.errors import AudioError

DEMO_FILE = Path(__file__).with_name("demo.ogg")  # what demo_track.py renders


def open_source(
    name: str,
    *,
    sample_rate: int = 44_100,
    loop: bool = False,
    start_s: float = 0.0,
    channels: tuple[int, ...] = (),
    rate_hz: int = 0,
    insecure: bool = False,
) -> AudioSource:
    """Open the source of that name.

    Args:
        name: one of FORMS: `demo` for the packaged track; `none` for silence, `osc` too (what is heard comes over OSC);
            `device` for the default input, `device:NAME` by its number or a part of its name; `jack`, which waits to be
            connected, `jack:PORTS` connects the ports that match; a URL of the network; or the path of a song.
        sample_rate: samples per second (Hz) wanted.
        loop: begin a song again at its end.
        start_s: where in the song the show begins (s).
        channels: of a live source: which to hear, counted from 1; none given means the first two.
        rate_hz: samples per second (Hz) that a device is asked for, 0 for its own.
        insecure: allow addresses of the network that other machines reach.

    Raises:
        AudioError: when it cannot be played.
        ConfigError: for an address that is not to be listened on.
        AddressInUse: if somebody has that.
    """
    kind, colon, rest = name.partition(":")
    if name in (NONE, OSC):
        return SilentSource(sample_rate=sample_rate)
    if kind in (DEVICE, JACK):
        if colon and not rest:
            raise AudioError(f"{name!r} names no {kind}; allowed: {FORMS}")
        settings = CaptureSettings(kind, rest, channels, rate_hz if kind == DEVICE else 0)
        return CaptureSource(settings, sample_rate=sample_rate)
    if kind == "rtp":
        return RtpSource(name, channels=channels, insecure=insecure, sample_rate=sample_rate)
    if kind.startswith("zmq+"):
        return ZeroMqSource(name, channels=channels, insecure=insecure, sample_rate=sample_rate)
    if colon and not Path(name).exists():  # no song, and no name that is known
        raise AudioError(f"cannot listen to {name!r}; allowed: {FORMS}")
    return FileSource(DEMO_FILE if name == DEMO else name, sample_rate=sample_rate, loop=loop, start_s=start_s)
