"""Interrupted films: what is kept of them, and the note beside a film in the making that says what it is to be."""

import contextlib
import json
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any, Protocol

import av
from av.bitstream import BitStreamFilterContext

from avserver.errors import ConfigError
from avserver.outputs.video.encoding import FilmForm
from avserver.outputs.video.film import FILM_ERRORS, Film
from avserver.outputs.video.picture_files import PictureFiles, name_of

# How files of films store these, and how encoders say them.
_AS_ENCODED = {"h264": "h264_mp4toannexb", "hevc": "hevc_mp4toannexb"}


class Note:
    """A small file beside a film, there while the film is not complete.

    Args:
        output: the film.
        facts: returns what it is made of, by what people call it; that takes a moment.
    """

    def __init__(self, output: Path, facts: Callable[[], Mapping[str, str]]) -> None:
        self._output = output
        self._facts = facts
        self.path = output.with_name(output.name + ".resume")

    def write(self) -> None:
        """Begin. Raises ConfigError if it cannot be written."""
        try:
            self.path.write_text(json.dumps(self._facts(), indent=1), encoding="utf-8")
        except OSError as err:
            raise ConfigError(f"cannot write {self.path}: {err.strerror}") from err

    def check(self) -> None:
        """Raise ConfigError unless there is a film of the same facts to go on with."""
        try:
            begun = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError as err:
            raise ConfigError(f"nothing of {self._output} is to be resumed: there is no {self.path}") from err
        except (OSError, ValueError) as err:
            raise ConfigError(f"{self.path} cannot be read ({err}); --force begins anew") from err
        others = [
            name for name, value in self._facts().items() if not isinstance(begun, dict) or begun.get(name) != value
        ]
        if others:
            raise ConfigError(
                f"{self._output} was begun with another {' and another '.join(others)}; --force begins it anew"
            )

    def remove(self) -> None:
        """End: the film is complete."""
        self.path.unlink(missing_ok=True)


class Kept(Protocol):
    """What there is of an interrupted film.

    Attributes:
        count: how many pictures are kept.
    """

    count: int

    def set_aside(self) -> None:
        """Make room for the film that goes on."""

    def put(self, film: Any) -> None:
        """Put the next one into the film that goes on."""

    def done(self) -> None:
        """Let go of it: the film has it all, or all that is to be had."""


class Nothing:
    """What there is of a film that begins anew."""

    count = 0

    def set_aside(self) -> None:
        """Do nothing."""

    def put(self, film: Any) -> None:
        """Do nothing."""

    def done(self) -> None:
        """Do nothing."""


class KeptPictures:
    """Pictures that stay where they are: the first ones of a pattern, up to one that is missing."""

    def __init__(self, pattern: Path, most: int) -> None:
        self.count = next((number for number in range(most) if not name_of(pattern, number).exists()), most)

    def set_aside(self) -> None:
        """Do nothing."""

    def put(self, film: PictureFiles) -> None:
        """Have it count the next one."""
        film.keep()

    def done(self) -> None:
        """Do nothing."""


class KeptFilm:
    """The whole chapters of a film. Set aside, it is there until the film that goes on has as much.

    Args:
        output: the film.
        form: how it is stored.
        chapter: pictures in each chapter.
        most: pictures in all of the film.
    """

    def __init__(self, output: Path, form: FilmForm, chapter: int, most: int) -> None:
        self._output = output
        self._aside = aside_of(output)
        # Of one that was interrupted while it took over from another, the other may have more.
        there, before = (_count(path) for path in (output, self._aside))
        self.count = min(max(there, before), most)
        if self.count < most and not form.encoder.alone:
            self.count -= self.count % chapter
        self._is_aside = there < before
        self._packets: Generator[tuple[bytes, bool]] | None = None
        self._put = 0

    def set_aside(self) -> None:
        """Make room for the film that goes on."""
        if self.count and not self._is_aside:
            self._output.replace(self._aside)
        self._packets = _packets(self._aside)

    def put(self, film: Film) -> None:
        """Give it the next picture as it is stored."""
        assert self._packets is not None, "it has not been set aside"
        data, alone = next(self._packets)
        film.add_encoded(data, key=alone)
        self._put += 1

    def done(self) -> None:
        """Remove what the film has taken over, or put it back in its place if that is not all."""
        if self._packets is None:
            return
        self._packets.close()
        if self._put == self.count:
            self._aside.unlink(missing_ok=True)
        elif self._aside.exists():
            self._aside.replace(self._output)


def aside_of(output: Path) -> Path:
    """Return where a film is moved while another one takes over from it."""
    return output.with_name(output.name + ".kept")


def _count(path: Path) -> int:
    count = 0
    with contextlib.suppress(*FILM_ERRORS):
        for _ in _packets(path):
            count += 1
    return count


def _packets(path: Path) -> Generator[tuple[bytes, bool]]:
    """Yield the pictures of a film as an encoder gives them, each with whether it stands on its own."""
    with av.open(str(path)) as film:
        stream: Any = film.streams.video[0]
        name = _AS_ENCODED.get(stream.codec_context.name)
        restored = BitStreamFilterContext(name, stream).filter if name else lambda packet: [packet]
        for packet in film.demux(stream):
            if packet.size == 0 or packet.is_corrupt:
                return
            for whole in restored(packet):
                yield bytes(whole), packet.is_keyframe
