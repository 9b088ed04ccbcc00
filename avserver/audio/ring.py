"""Ring: the newest samples of a device, between the callback that brings them and the reader who takes them.

Single producer, single consumer, in memory that two processes may share. Little-endian:

| at | type   | what                                                                |
|----|--------|---------------------------------------------------------------------|
| 0  | u64    | samples written so far; sample n is in place n mod capacity         |
| 8  | u64    | xruns that the driver told of                                       |
| 16 | f64    | when the newest sample was written (s, the machine's monotonic clock) |
| 64 | f32[]  | the samples                                                         |

Neither side waits for the other. The writer overwrites what is oldest; a reader who was away for too long finds that
out by the count, and loses the oldest. Plain stores and loads are in order between processes on x86-64; other
processors are not promised here.
"""

from multiprocessing import shared_memory
from typing import Self

import numpy as np

from avserver.audio.source import Samples

# 2.7 s at 96 kHz, 1 MiB.
CAPACITY = 1 << 18
_SAMPLES_AT = 64


class Ring:
    """A ring of mono samples. `write` belongs to one thread, `take` to one other.

    Args:
        buffer: writable, of `size_for(capacity)` bytes, zeros to begin with.

    Attributes:
        overruns: samples that were overwritten before they were taken.
    """

    def __init__(self, buffer: bytearray | memoryview) -> None:
        self._counts = np.frombuffer(buffer, np.uint64, 2)
        self._newest = np.frombuffer(buffer, np.float64, 1, 16)
        # Shared memory may be a page longer than was asked for: the ring has the power of two that fits.
        self._capacity = 1 << (((len(buffer) - _SAMPLES_AT) // 4).bit_length() - 1)
        self._samples = np.frombuffer(buffer, np.float32, self._capacity, _SAMPLES_AT)
        self._taken = 0
        self.overruns = 0

    @staticmethod
    def size_for(capacity: int) -> int:
        """Return how many bytes a ring of that many samples (a power of two) needs."""
        return _SAMPLES_AT + 4 * capacity

    @property
    def written(self) -> int:
        """Samples written since the beginning."""
        return int(self._counts[0])

    @property
    def xruns(self) -> int:
        """How often the driver said that it had lost something."""
        return int(self._counts[1])

    @property
    def newest_s(self) -> float:
        """When the newest sample was written (s, monotonic clock), 0 before the first."""
        return float(self._newest[0])

    def write(self, block: Samples, now_s: float) -> None:
        """Write some samples, at most as many as the ring holds. Never waits.

        Args:
            block: (n,) float32.
            now_s: the monotonic clock (s).
        """
        written = int(self._counts[0])
        at = written % self._capacity
        first = min(block.size, self._capacity - at)
        self._samples[at : at + first] = block[:first]
        self._samples[: block.size - first] = block[first:]
        self._newest[0] = now_s
        self._counts[0] = written + block.size  # last: what is counted is there

    def count_xrun(self) -> None:
        """Note that the driver lost something; called by the writer."""
        self._counts[1] += np.uint64(1)

    def take(self) -> Samples:
        """Return a copy of all samples that were not taken yet, oldest first. Never waits.

        Only the newer half of the ring is ever taken, so that the writer, who goes on meanwhile, stays far from it.
        """
        written = self.written
        lost = max(0, written - self._capacity // 2 - self._taken)
        self.overruns += lost
        at, count = (self._taken + lost) % self._capacity, written - self._taken - lost
        first = min(count, self._capacity - at)
        self._taken = written
        return np.concatenate([self._samples[at : at + first], self._samples[: count - first]])

    def forget(self) -> None:
        """Leave what has not been taken, without counting it as lost."""
        self._taken = self.written

    def release(self) -> None:
        """Let go of the buffer; the ring is of no use afterwards."""
        del self._counts, self._newest, self._samples


class SharedRing(Ring):
    """A ring in named shared memory.

    `create` makes it and owns it: its `close` removes it. `attach` uses one that exists, in a process started by
    multiprocessing from the creator (the two share one resource tracker).
    """

    def __init__(self, memory: shared_memory.SharedMemory, *, owner: bool) -> None:
        assert memory.buf is not None
        super().__init__(memory.buf)
        self._memory = memory
        self._owner = owner

    @classmethod
    def create(cls, capacity: int = CAPACITY) -> Self:
        """Make a ring for that many samples, a power of two."""
        return cls(shared_memory.SharedMemory(create=True, size=cls.size_for(capacity)), owner=True)

    @classmethod
    def attach(cls, name: str) -> Self:
        """Use the ring of that name. Raises FileNotFoundError if there is none."""
        return cls(shared_memory.SharedMemory(name), owner=False)

    @property
    def name(self) -> str:
        """Name of the shared memory."""
        return self._memory.name

    def close(self) -> None:
        """Let go of the memory; the creator also removes it."""
        self.release()
        self._memory.close()
        if self._owner:
            self._memory.unlink()
