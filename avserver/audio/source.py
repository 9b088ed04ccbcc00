"""AudioSource: the contract of everything that brings sound."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from avserver.errors import AudioError

Samples = npt.NDArray[np.float32]

ALLOWED_RATES_HZ = (8_000, 192_000)
# Show times are sums of 1/fps: this much of a sample (23 ns at 44.1 kHz) is rounding, not time.
_ROUNDING = 1e-3


def samples_before(t_s: float, sample_rate: int) -> int:
    """Return how many samples of a stream that starts at show time 0 have a time before `t_s`."""
    return max(0, int(np.ceil(t_s * sample_rate - _ROUNDING)))


class AudioSource(ABC):
    """Mono sound in show time: sample n is at n / sample_rate seconds.

    A source has no clock of its own. Whoever reads says until when, so a song sounds the same to a show
    that runs in real time and to one that is rendered. The public methods guard; a backend writes `_read`,
    `_restart` and `_close`.

    Args:
        sample_rate: samples per second (Hz) of what `read` returns.

    Raises:
        AudioError: when the sample rate is outside ALLOWED_RATES_HZ.
    """

    def __init__(self, sample_rate: int) -> None:
        low, high = ALLOWED_RATES_HZ
        if not low <= sample_rate <= high:
            raise AudioError(f"sample rate {sample_rate} Hz: allowed is {low} to {high} Hz")
        self.sample_rate = sample_rate
        self.samples_read = 0
        self._closed = False

    @property
    def ended(self) -> bool:
        """True when nothing more will come; from then on `read` returns silence."""
        return False

    def read(self, until_s: float) -> Samples:
        """Return all samples not yet read whose show time is before `until_s`.

        Never blocks: a live source returns what has arrived, which may be less.

        Args:
            until_s: show time (s), exclusive.

        Returns:
            (n,) float32 in [-1, 1], without NaN. Empty when `until_s` has been read already.

        Raises:
            ValueError: when the source is closed, or `until_s` is not a finite number.
        """
        if self._closed:
            raise ValueError("read from a closed audio source")
        if not np.isfinite(until_s):
            raise ValueError(f"until_s is {until_s}: a finite time in seconds is needed")
        due = samples_before(until_s, self.sample_rate) - self.samples_read
        if due <= 0:
            return np.zeros(0, np.float32)
        block = clean(self._read(due))
        if self.ended and block.size < due:
            block = np.concatenate([block, np.zeros(due - block.size, np.float32)])
        self.samples_read += block.size
        return block

    def seek(self, position_s: float) -> None:
        """Let what is read from now on be the sound from that position (s) on; show time goes on as it was.

        Raises AudioError where there are no positions, as in what is live, and for what is none.
        """
        if self._closed:
            raise ValueError("seek in a closed audio source")
        if not (np.isfinite(position_s) and position_s >= 0):
            raise AudioError(f"a position is a number of seconds from 0 up, got {position_s}")
        self._seek(position_s)

    def status(self) -> Mapping[str, str | float | int]:
        """Return how it is doing, in figures for people: counts of what was lost, the position (s) in a song."""
        return {}

    def place(self) -> tuple[Path, float] | None:
        """Return the song that is played and where in it the next sample is (s); None for what is no song, or over."""
        return None

    def reset(self) -> None:
        """Start again at show time 0."""
        if self._closed:
            raise ValueError("reset of a closed audio source")
        self.samples_read = 0
        self._restart()

    def close(self) -> None:
        """Let go of the file or device; a second call does nothing."""
        if not self._closed:
            self._closed = True
            self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _seek(self, position_s: float) -> None:
        """Go to a position of 0 s or more."""
        raise AudioError("there are no positions in this sound, only songs have them")

    @abstractmethod
    def _read(self, count: int) -> Samples:
        """Return the next `count` samples (1 or more), or fewer when there are no more yet."""

    @abstractmethod
    def _restart(self) -> None:
        """Make the next `_read` begin at the first sample again, if that can be done."""

    @abstractmethod
    def _close(self) -> None:
        """Let go of what is held. Called once."""


class SilentSource(AudioSource):
    """Silence for ever: a show without sound still has a clock."""

    def __init__(self, *, sample_rate: int = 44_100) -> None:
        super().__init__(sample_rate)

    def _read(self, count: int) -> Samples:
        return np.zeros(count, np.float32)

    def _restart(self) -> None:
        pass

    def _close(self) -> None:
        pass


class ArraySource(AudioSource):
    """Samples that are in memory already, for instance what a click track was rendered to.

    Args:
        samples: (n,) of any float type.
        sample_rate: samples per second (Hz).
        loop: begin again at the end, instead of ending.
    """

    def __init__(self, samples: npt.ArrayLike, *, sample_rate: int = 44_100, loop: bool = False) -> None:
        super().__init__(sample_rate)
        self._samples = np.array(samples, np.float32).reshape(-1)
        self._loop = loop and self._samples.size > 0
        self._at = 0

    @property
    def ended(self) -> bool:
        """True when the last sample has been read and there is no loop."""
        return not self._loop and self._at >= self._samples.size

    def _read(self, count: int) -> Samples:
        if self._loop:
            block = self._samples[(self._at + np.arange(count)) % self._samples.size]
        else:
            block = self._samples[self._at : self._at + count]
        self._at += block.size
        return block

    def _restart(self) -> None:
        self._at = 0

    def _close(self) -> None:
        pass


def clean(block: Samples) -> Samples:
    """Return the block as float32 in [-1, 1]; what is not a number, or not finite, becomes 0."""
    block = np.nan_to_num(np.asarray(block, np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    return np.clip(block, -1.0, 1.0, out=block)
