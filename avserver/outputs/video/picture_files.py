"""Picture files: a film as one PNG file for each picture, numbered from 0 on."""

import re
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from avserver.audio.source import Samples
from avserver.errors import ConfigError

# What a name must be like: `frames-%05d.png`.
_PATTERN = re.compile(r"[^%]*%(?:0?\d+)?d[^%]*\.png", re.IGNORECASE)
# zlib's level: 1 is three times as fast as the usual 6, for files that are a tenth larger.
_LEVEL = 1
_THREADS = 2
_WAITING = 2 * _THREADS  # pictures in memory that are not on disk yet


class PictureFiles:
    """The pictures of a film, losslessly, and no sound. A file has its name only when it is whole.

    Args:
        pattern: of the names, see `is_pattern`; the folder exists.
        fps: pictures a second, for whoever asks.

    Attributes:
        pictures: how many there are so far.
    """

    def __init__(self, pattern: Path, fps: Fraction) -> None:
        self.fps = fps
        self.pictures = 0
        self._pattern = pattern
        self._writers = ThreadPoolExecutor(_THREADS, thread_name_prefix="avserver-png")
        self._waiting: deque[Future[None]] = deque()

    def keep(self) -> None:
        """Have the next picture be the one that is there."""
        self.pictures += 1

    def add_picture(self, pixels: npt.NDArray[np.uint8]) -> None:
        """Add the next picture: (height, width, 3), RGB. Raises OSError for one before it that could not be written."""
        if len(self._waiting) >= _WAITING:
            self._waiting.popleft().result()
        self._waiting.append(self._writers.submit(_write, name_of(self._pattern, self.pictures), pixels.copy()))
        self.pictures += 1

    def add_sound(self, samples: Samples) -> None:
        """Do nothing: there is none in pictures."""

    def finish(self) -> None:
        """Wait until all of them are written. May raise OSError; call `abandon` then."""
        while self._waiting:
            self._waiting.popleft().result()
        self._writers.shutdown()

    def abandon(self) -> None:
        """Leave what is not written yet."""
        self._writers.shutdown(cancel_futures=True)


def is_pattern(path: Path) -> bool:
    """Return whether a name means many files: it has a `%` in it. Raises ConfigError for one that makes no sense."""
    if "%" not in path.name:
        return False
    if not _PATTERN.fullmatch(path.name):
        raise ConfigError(f"the names of pictures are given as frames-%05d.png, got {str(path)!r}")
    return True


def name_of(pattern: Path, number: int) -> Path:
    """Return the file of a picture."""
    return pattern.with_name(pattern.name % number)


def files_of(pattern: Path) -> list[Path]:
    """Return all files there are of that pattern, in no order."""
    before, after = re.split(r"%\d*d", pattern.name, maxsplit=1)
    name = re.compile(re.escape(before) + r"\d+" + re.escape(after))
    return [path for path in pattern.parent.iterdir() if name.fullmatch(path.name)]


def _write(path: Path, pixels: npt.NDArray[np.uint8]) -> None:
    done, data = cv2.imencode(".png", pixels[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, _LEVEL])
    if not done:
        raise OSError(f"a picture of {pixels.shape[1]}x{pixels.shape[0]} px cannot be a PNG file")
    unfinished = path.with_name(path.name + ".part")
    try:
        unfinished.write_bytes(data.tobytes())
        unfinished.replace(path)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
