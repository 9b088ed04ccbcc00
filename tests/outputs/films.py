"""What tests of films share: a show of marked pictures and clicks, and films read back."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from avserver.audio.clicks import clicks
from avserver.audio.overheard import Overheard
from avserver.audio.source import ArraySource
from avserver.frame import Flags, Frame

FPS = 30.0
SIZE_PX = 128
_BITS = 8
_BIT_PX = SIZE_PX // _BITS
# How late a picture is against the sound that shaped it, in a live show: three ticks.
LATE = 3


def marked(index: int, *, flash: bool = False, flags: Flags = Flags.NONE, size: tuple[int, int] | None = None) -> Frame:
    """A picture with its number in eight columns, dark or light; the lower half white in a flash."""
    width, height = size or (SIZE_PX, SIZE_PX)
    pixels = np.full((height, width, 3), 16, np.uint8)
    for bit in range(_BITS):
        pixels[: height // 2, bit * _BIT_PX : (bit + 1) * _BIT_PX] = 220 if index >> bit & 1 else 40
    pixels[height // 2 :] = 255 if flash else 0
    return Frame(pixels=pixels, index=index, t_s=index / FPS, flags=flags)


def number_of(pixels: np.ndarray) -> int:
    """Read the number of a marked picture, modulo 256."""
    row = pixels[: SIZE_PX // 2, :SIZE_PX].mean(axis=(0, 2)).reshape(_BITS, -1).mean(axis=1)
    return int(sum(1 << bit for bit in range(_BITS) if row[bit] > 130))


class Played:
    """A show whose every tick reads its sound, and whose pictures come LATE ticks after."""

    def __init__(self, click_times_s: Sequence[float] = (), *, rate_hz: int = 44_100) -> None:
        song = clicks(click_times_s, 60.0, sample_rate=rate_hz)
        self.sound = Overheard(ArraySource(song, sample_rate=rate_hz))
        self._click_times_s = click_times_s
        self._ticks = 0

    def next(self) -> Frame:
        """Return the next picture: it flashes if a click came within the frame time before it."""
        index = self._ticks
        self._ticks += 1
        self.sound.read((index + LATE) / FPS)
        t_s = index / FPS
        return marked(index, flash=any(t_s - 1 / FPS < click <= t_s for click in self._click_times_s))


@dataclass(frozen=True)
class Seen:
    """A film read back: numbers and times (s) of its pictures, those that flash, and its samples from time 0 on."""

    numbers: list[int]
    times_s: list[float]
    flashes_s: list[float]
    samples: np.ndarray
    rate_hz: int

    @property
    def clicks_s(self) -> list[float]:
        """When something louder than -14 dB begins, after 0.1 s of quiet (s)."""
        loud = np.flatnonzero(np.abs(self.samples) > 0.2)
        starts = loud[np.diff(loud, prepend=-self.rate_hz) > 0.1 * self.rate_hz]
        return [float(start / self.rate_hz) for start in starts]


def read_back(path: Path) -> Seen:
    """Decode all of a film."""
    numbers, times_s, flashes_s = [], [], []
    with av.open(str(path)) as film:
        for frame in film.decode(video=0):
            pixels = frame.to_ndarray(format="rgb24")
            numbers.append(number_of(pixels))
            times_s.append(float(frame.pts * frame.time_base))
            if pixels[-pixels.shape[0] // 2 + 2 :].mean() > 128:
                flashes_s.append(times_s[-1])
    return Seen(numbers, times_s, flashes_s, *_sound(path))


def _sound(path: Path) -> tuple[np.ndarray, int]:
    with av.open(str(path)) as film:
        if not film.streams.audio:
            return np.zeros(0, np.float32), 1
        rate_hz = film.streams.audio[0].rate
        blocks = []
        for frame in film.decode(audio=0):
            if not blocks:
                blocks.append(np.zeros(max(0, round(float(frame.pts * frame.time_base) * rate_hz)), np.float32))
            block = frame.to_ndarray().reshape(-1)
            blocks.append(block / 32768 if block.dtype == np.int16 else block)
    return np.concatenate(blocks).astype(np.float32), rate_hz
