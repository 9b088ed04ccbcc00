"""Songs to listen to as fast as they can be read."""

from avserver.audio.catalogue import DEMO_FILE
from avserver.audio.file import FileSource
from avserver.audio.source_name import DEMO


def open_song(name: str, sample_rate: int = 44_100) -> FileSource:
    """Open a song, which may be silent, by its path, or `demo`. Raises AudioError when it cannot be played."""
    return FileSource(DEMO_FILE if name == DEMO else name, sample_rate=sample_rate, may_be_silent=True)
