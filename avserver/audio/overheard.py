"""Overheard: sound that one reads, and others, who must never hold that one up, hear too."""

import threading
from collections import deque
from collections.abc import Mapping
from pathlib import Path

from avserver.audio.source import AudioSource, Samples

# Of what was read lately so much is kept for who begins to listen: pictures come later than the sound that shaped them.
KEPT_S = 3.0
# Blocks, one for each tick, that wait for a listener: half a minute at 30 a second. Then the oldest are lost to it.
_WAITING_BLOCKS = 1024


class Ear:
    """What one listener has yet to take. `hear` belongs to who reads the source, `take` to the listener."""

    def __init__(self, recent: deque[tuple[int, Samples]]) -> None:
        self._blocks = deque(recent, _WAITING_BLOCKS)

    def hear(self, first: int, block: Samples) -> None:
        """Note a block that begins with that sample of the show; never waits."""
        self._blocks.append((first, block))

    def take(self) -> list[tuple[int, Samples]]:
        """Return what was heard since the last call, oldest first: (number of the first sample, samples)."""
        # One by one: the reader may go on meanwhile.
        return [self._blocks.popleft() for _ in range(len(self._blocks))]


class Overheard(AudioSource):
    """What another source brings, unchanged, for one reader; and for everybody who has an ear here.

    Sample n is at n / sample_rate seconds of show time, whatever happens to the song: loops and jumps in it do not
    show in the numbers.

    Args:
        source: where the sound comes from; this is its only reader, and closes it.
    """

    def __init__(self, source: AudioSource) -> None:
        super().__init__(source.sample_rate)
        self._source = source
        self._recent: deque[tuple[int, Samples]] = deque()
        self._recent_samples = 0
        self._ears: tuple[Ear, ...] = ()
        self._lock = threading.Lock()  # held for microseconds

    @property
    def ended(self) -> bool:
        """True when nothing more will come."""
        return self._source.ended

    @property
    def now_s(self) -> float:
        """The show time (s) up to which there is sound."""
        return self.samples_read / self.sample_rate

    def listen(self) -> Ear:
        """Return a new ear, which hears from KEPT_S ago on. Called from any thread, like `leave`."""
        with self._lock:
            ear = Ear(self._recent)
            self._ears = (*self._ears, ear)
        return ear

    def leave(self, ear: Ear) -> None:
        """Let an ear hear nothing more."""
        with self._lock:
            self._ears = tuple(other for other in self._ears if other is not ear)

    def place(self) -> tuple[Path, float] | None:
        """Return the song and where in it the next sample is (s), None for what is no song, or over."""
        return self._source.place()

    def status(self) -> Mapping[str, str | float | int]:
        """Return how the source is doing."""
        return self._source.status()

    def _read(self, count: int) -> Samples:
        block = self._source.read((self.samples_read + count) / self.sample_rate)
        if block.size == 0:
            return block
        with self._lock:
            self._recent.append((self.samples_read, block))
            self._recent_samples += block.size
            while self._recent_samples - self._recent[0][1].size > KEPT_S * self.sample_rate:
                self._recent_samples -= self._recent.popleft()[1].size
            for ear in self._ears:
                ear.hear(self.samples_read, block)
        return block

    def _seek(self, position_s: float) -> None:
        self._source.seek(position_s)

    def _restart(self) -> None:
        self._source.reset()
        with self._lock:
            self._recent.clear()
            self._recent_samples = 0

    def _close(self) -> None:
        self._source.close()
