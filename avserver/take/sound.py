"""TakeSound: what was heard in a take, as a source: the songs it names, or the sound that it holds."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from avserver.audio.file import FileSource
from avserver.audio.source import AudioSource, Samples, samples_before
from avserver.errors import TakeError
from avserver.take.chunks import SOUND, Place
from avserver.take.files import path_of, sha256_of
from avserver.take.reader import Take
from avserver.take.sound_track import decoded, first_sample


class TakeSound(AudioSource):
    """The sound of a take from its first tick on, silence where there was none.

    Args:
        take: whose.
        loop: begin again at its end.

    Raises TakeError for a song that is not there, or another one than was heard.
    """

    def __init__(self, take: Take, *, loop: bool = False) -> None:
        super().__init__(take.sample_rate)
        self._loop = loop
        self._length = samples_before(take.ticks / take.fps, take.sample_rate)
        self._at = 0
        self._parts: _Songs | _Track = _Songs(take) if take.songs else _Track(take)

    @property
    def ended(self) -> bool:
        """True when the take is over and does not begin again."""
        return not self._loop and self._at >= self._length

    @property
    def bad_packets(self) -> int:
        """Pieces that could not be decoded so far."""
        return self._parts.bad_packets

    def _read(self, count: int) -> Samples:
        blocks = []
        while count > 0 and not self.ended:
            at = self._at % self._length
            block = self._parts.read(at, min(count, self._length - at))
            self._at += block.size
            count -= block.size
            blocks.append(block)
        return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)

    def _restart(self) -> None:
        self._at = 0

    def _close(self) -> None:
        self._parts.close()


class _Songs:
    """Sound that lies in song files: from sample n of the take on, one of them from a position on."""

    def __init__(self, take: Take) -> None:
        self._rate_hz = take.sample_rate
        began = samples_before(take.first / take.fps, take.sample_rate)
        self._pieces = [(sample - began, find_song(take, name), at_s) for sample, name, at_s in take.songs]
        self._open: tuple[Path, FileSource] | None = None
        self._next = -1  # the sample that the open song goes on with, of the piece that was read last
        self._playing = -1
        self._bad_before = 0

    @property
    def bad_packets(self) -> int:
        return self._bad_before + (self._open[1].bad_packets if self._open else 0)

    def read(self, at: int, count: int) -> Samples:
        """Return some samples from `at` on, at most `count`, at least one."""
        place = max((i for i, (begins, _, _) in enumerate(self._pieces) if begins <= at), default=-1)
        if place + 1 < len(self._pieces):
            count = min(count, self._pieces[place + 1][0] - at)
        if place < 0:
            return np.zeros(count, np.float32)
        begins, path, at_s = self._pieces[place]
        song = self._source(path)
        if (place, at) != (self._playing, self._next):
            position_s = at_s + (at - begins) / self._rate_hz
            # The beginning is where even codecs that cannot seek exactly are exact.
            song.seek(position_s) if position_s else song.reset()
        self._playing, self._next = place, at + count
        block = song.read((song.samples_read + count) / self._rate_hz)
        return np.concatenate([block, np.zeros(count - block.size, np.float32)])

    def close(self) -> None:
        if self._open:
            self._open[1].close()

    def _source(self, path: Path) -> FileSource:
        if self._open is None or self._open[0] != path:
            self._bad_before = self.bad_packets
            self.close()
            self._open = path, FileSource(path, sample_rate=self._rate_hz, may_be_silent=True)
            self._playing = -1
        return self._open[1]


class _Track:
    """Sound that the take holds itself, decoded a chunk at a time."""

    def __init__(self, take: Take) -> None:
        self._take = take
        self._index = list(_chunks_of_sound(take)) if take.sound else []
        self._decoded: tuple[int, Samples] | None = None
        self.bad_packets = 0

    def read(self, at: int, count: int) -> Samples:
        """Return some samples from `at` on, at most `count`, at least one."""
        place = max((i for i, (begins, _) in enumerate(self._index) if begins <= at), default=-1)
        if place + 1 < len(self._index):
            count = min(count, self._index[place + 1][0] - at)
        if place < 0:
            return np.zeros(count, np.float32)
        begins, _ = self._index[place]
        if self._decoded is None or self._decoded[0] != place:
            self._decoded = place, self._decode(self._index[place][1])
        block = self._decoded[1][at - begins :][:count]
        return np.concatenate([block, np.zeros(count - block.size, np.float32)])

    def close(self) -> None:
        pass

    def _decode(self, place: Place) -> Samples:
        payload = self._take.chunks.payload(place)
        try:
            if payload is None:
                raise ValueError("a chunk is damaged")
            return decoded(self._take.sound or {}, payload)
        except ValueError:
            self.bad_packets += 1
            return np.zeros(0, np.float32)


def _chunks_of_sound(take: Take) -> Iterator[tuple[int, Place]]:
    """Yield the first sample and the place of every chunk of sound."""
    with take.path.open("rb") as file:
        for place in take.chunks.places:
            if place.kind == SOUND and place.size >= 8:
                file.seek(place.at)
                yield first_sample(file.read(8)), place


def find_song(take: Take, name: str) -> Path:
    """Return the file of a song: where it was, or beside the take. Raises TakeError if it is not there, or another."""
    known = path_of(name)
    path = next((path for path in (known, take.path.parent / known.name) if path.is_file()), None)
    if path is None:
        raise TakeError(f"the song of {take.path} is not there: {name}; put it back, or beside the take")
    if take.hashes.get(name, sha256_of(path)) != sha256_of(path):
        raise TakeError(f"{path} is another song than the one that was heard in {take.path}: their SHA-256 differ")
    return path
