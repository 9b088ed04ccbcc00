"""Which source a name stands for."""

from pathlib import Path

from avserver.audio.file import FileSource
from avserver.audio.source import AudioSource, SilentSource

DEMO = "demo"
NONE = "none"

DEMO_FILE = Path(__file__).with_name("demo.ogg")  # what demo_track.py renders


def open_source(name: str, *, sample_rate: int = 44_100, loop: bool = False, start_s: float = 0.0) -> AudioSource:
    """Open the source of that name.

    Args:
        name: `demo` for the packaged track, `none` for silence, or the path of a song.
        sample_rate: samples per second (Hz) wanted.
        loop: begin a song again at its end.
        start_s: where in the song the show begins (s).

    Raises:
        AudioError: when it cannot be played.
    """
    if name == NONE:
        return SilentSource(sample_rate=sample_rate)
    if name == DEMO:
        return FileSource(DEMO_FILE, sample_rate=sample_rate, loop=loop, start_s=start_s)
    return FileSource(name, sample_rate=sample_rate, loop=loop, start_s=start_s)
