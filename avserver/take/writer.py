"""TakeWriter: one take into one file, what was decided and what was heard."""

import threading
import time
from collections import deque
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import numpy as np

from avserver.audio.overheard import Overheard
from avserver.audio.source import samples_before
from avserver.errors import TakeError
from avserver.take.chunks import ChunkWriter
from avserver.take.decision import Decision, Song
from avserver.take.files import files_of, name_of, sha256_of
from avserver.take.scribe import Scribe
from avserver.take.sound_track import SoundEncoder

# What a picture depends on beside its spec.
_VERSIONS = ("avserver", "tensorflow", "keras", "numpy")
# A chunk of sound has its own size and place, which take room, and what is not in one is lost in a crash.
_SOUND_S = 0.4


class TakeWriter:
    """Writes a take; of its methods only one is called at a time. All may raise OSError.

    Args:
        path: its file, which is made.
        show: what of the show's settings the take is to know.
        sound: what is heard, None for a take without.
        overwrite: whether a file that exists may be written over.
    """

    def __init__(self, path: Path, show: Mapping[str, object], sound: Overheard | None, *, overwrite: bool) -> None:
        header = {
            "versions": {name: version(name) for name in _VERSIONS},
            "began_unix_s": time.time(),
            "show": {**show},
        }
        self._file = ChunkWriter(path.open("wb" if overwrite else "xb", buffering=0), header)
        self._scribe = Scribe(self._file)
        self._hashes = _Hashes()
        self._fps = float(str(show["fps"]))
        self._first: int | None = None
        self._last = 0
        self._songs = _SongLine()
        self._sound = sound
        self._room: _Room | None = None

    @property
    def seconds(self) -> float:
        """How long it is so far."""
        return 0.0 if self._first is None else (self._last - self._first + 1) / self._fps

    @property
    def bytes(self) -> int:
        """How large it is so far."""
        return self._file.bytes

    def write(self, decision: Decision) -> None:
        """Write down a tick."""
        if self._first is None:
            self._first = decision.tick.index
            if self._sound and decision.song is None:
                self._room = _Room(self._sound, samples_before(decision.tick.t_s, self._sound.sample_rate))
                self._file.line({"sound": self._room.describe()})
        if self._sound and self._room is None:
            for song in self._songs.follow(decision.song, self._sound.sample_rate):
                self._file.line({"song": name_of(song.path), "sample": song.sample, "at_s": song.position_s})
                self._hashes.want(song.path)
        self._hashes.want(*files_of(decision.role))
        self._scribe.write(decision)
        self._last = decision.tick.index

    def flush(self) -> None:
        """Hand what was written to the system, so that it outlives this process."""
        for name, sha256 in self._hashes.found():
            self._file.line({"file": name, "sha256": sha256})
        if self._room and (chunk := self._room.chunk()):
            self._file.sound(chunk)
        self._file.flush()

    def finish(self, lost: int) -> None:
        """Complete the file; `lost` is how many ticks were not written."""
        try:
            self._hashes.wait()
            if self._room and (chunk := self._room.chunk(end_s=(self._last + 1) / self._fps)):
                self._file.sound(chunk)
            self.flush()
            self._file.line({"end": True, "lost": lost})
            self._file.flush()
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Leave the file as it is."""
        if self._room:
            self._room.leave()
        self._file.close()


class _SongLine:
    """Follows a song, and notices where it does not simply go on: it was sought in, or has begun again."""

    def __init__(self) -> None:
        self._last: Song | None = None

    def follow(self, song: Song | None, rate_hz: int) -> list[Song]:
        """Take where the song is at a tick; return the place that says so, if the ones before do not."""
        last = self._last
        if song is None:  # over: whoever reads on in it finds silence there too
            return []
        self._last = song
        if last is None:
            return [song]
        passed_s = (song.sample - last.sample) / rate_hz
        if song.path == last.path and abs(song.position_s - last.position_s - passed_s) < 0.5 / rate_hz:
            return []
        begun_s = song.position_s - passed_s
        if begun_s >= 0:
            return [Song(song.path, last.sample, begun_s)]
        # It began again within this tick.
        return [Song(song.path, song.sample - round(song.position_s * rate_hz), 0.0)]


class _Room:
    """The sound of a show from a sample on, silence where some was lost."""

    def __init__(self, sound: Overheard, first: int) -> None:
        self._sound = sound
        self._ear = sound.listen()
        self._encoder = SoundEncoder(sound.sample_rate)
        self._first = self._at = first
        self._chunked = first

    def describe(self) -> dict[str, object]:
        return self._encoder.describe()

    def chunk(self, end_s: float | None = None) -> bytes:
        """Return a chunk of what is there, empty unless it is enough; with `end_s` (show time, s) all before that."""
        for first, block in self._ear.take():
            self._fill(first)
            part = block[max(0, self._at - first) :]
            self._encoder.add(part)
            self._at += part.size
        if end_s is None and self._at - self._chunked < _SOUND_S * self._sound.sample_rate:
            return b""
        self._chunked = self._at
        return self._encoder.chunk(end=end_s is not None)

    def leave(self) -> None:
        self._sound.leave(self._ear)

    def _fill(self, first: int) -> None:
        if first > self._at:
            self._encoder.add(np.zeros(first - self._at, np.float32))
            self._at = first


class _Hashes:
    """The SHA-256 of files, found out in a thread: a large model takes a second or two."""

    def __init__(self) -> None:
        self._wanted: set[Path] = set()
        self._found: deque[tuple[str, str]] = deque()
        self._threads: list[threading.Thread] = []

    def want(self, *paths: Path) -> None:
        """Find it out for some files; each once."""
        for path in paths:
            if path not in self._wanted:
                self._wanted.add(path)
                thread = threading.Thread(target=self._find, args=(path,), name="avserver-hash", daemon=True)
                self._threads.append(thread)
                thread.start()

    def found(self) -> list[tuple[str, str]]:
        """Return what was found out since the last call: what the take calls the file, and its SHA-256."""
        return [self._found.popleft() for _ in range(len(self._found))]

    def wait(self) -> None:
        """Wait until all is found out."""
        for thread in self._threads:
            thread.join()

    def _find(self, path: Path) -> None:
        # A file that is gone has none: whoever reads the take will say so, should it still be.
        try:
            self._found.append((name_of(path), sha256_of(path)))
        except TakeError:
            return
