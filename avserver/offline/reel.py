"""Reel: a film in the making, its pictures and their sound, first what is kept of it and then what is drawn."""

import time
from fractions import Fraction
from pathlib import Path

from avserver.errors import ConfigError
from avserver.frame import Frame
from avserver.offline.interrupted import Kept, Note, aside_of
from avserver.offline.soundtrack import Soundtrack
from avserver.outputs.video.encoding import FilmForm
from avserver.outputs.video.film import Film, FilmFile
from avserver.outputs.video.picture_files import PictureFiles, files_of

# Of so much (s) an encoder makes a chapter: a film that is killed loses no more than one, and what it holds ready.
CHAPTER_S = 4.0


class Reel:
    """Opened with the first picture: nothing is written over before there is one.

    Args:
        output: the film, or the pattern of pictures' names.
        form: how it is stored; None for pictures.
        size: (width, height) in px.
        fps: pictures a second.
        sound: what is heard, None for a film without.
        kept: what there is of it.
        note: says that it is in the making.
        overwrite: whether there may be another film, which it then takes the place of.

    Attributes:
        output, fps: as given.
        encoding_s: how long pictures and sound took to be taken.
    """

    def __init__(
        self,
        output: Path,
        form: FilmForm | None,
        *,
        size: tuple[int, int],
        fps: Fraction,
        sound: Soundtrack | None,
        kept: Kept,
        note: Note,
        overwrite: bool = False,
    ) -> None:
        self.fps = fps
        self.encoding_s = 0.0
        self.output = output
        self._form, self._size = form, size
        self._sound, self._kept, self._note, self._overwrite = sound, kept, note, overwrite
        self._film: Film | PictureFiles | None = None
        self._begun_s: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether anything has been written."""
        return self._film is not None

    @property
    def pictures(self) -> int:
        """How many there are so far."""
        return self._film.pictures if self._film else 0

    @property
    def took_s(self) -> float:
        """Time since the first picture that was drawn."""
        return 0.0 if self._begun_s is None else time.monotonic() - self._begun_s

    def keep(self) -> None:
        """Have the next picture be the next one that is kept. May raise FILM_ERRORS, as `add`."""
        film = self._opened()
        self._kept.put(film)
        self._hear(film)

    def add(self, frame: Frame) -> None:
        """Add the next picture. Raises ConfigError if the film cannot be made."""
        film = self._opened()
        begun_s = time.perf_counter()
        self._begun_s = self._begun_s or time.monotonic()
        film.add_picture(frame.pixels)
        self._hear(film)
        self.encoding_s += time.perf_counter() - begun_s

    def complete(self, count: int) -> None:
        """Close it, playable as far as it is; with `count` pictures it is complete. Nobody hears any more meanwhile."""
        film = self._opened()
        if self._sound is not None:
            film.add_sound(self._sound.up_to(film.pictures / self.fps))
        film.finish()
        self._kept.done()
        if film.pictures == count:
            self._note.remove()

    def abandon(self) -> None:
        """Let go of it as it is."""
        if self._film is not None:
            self._film.abandon()
        self._kept.done()

    def _hear(self, film: Film | PictureFiles) -> None:
        if self._sound is not None:
            film.add_sound(self._sound.until(film.pictures / self.fps))

    def _opened(self) -> Film | PictureFiles:
        if self._film is None:
            try:
                self._film = self._open()
            except OSError as err:
                raise ConfigError(f"cannot write {self.output}: {err.strerror}") from err
            self._note.write()
        return self._film

    def _open(self) -> Film | PictureFiles:
        self._kept.set_aside()
        if self._form is None:
            if not self._kept.count:
                for path in files_of(self.output):
                    path.unlink()
            return PictureFiles(self.output, self.fps)
        if not self._kept.count:
            aside_of(self.output).unlink(missing_ok=True)
        return Film(
            FilmFile(self.output, overwrite=self._overwrite),
            self._form,
            width_px=self._size[0],
            height_px=self._size[1],
            fps=self.fps,
            sound=self._sound is not None,
            chapter=chapter_of(self.fps),
        )


def chapter_of(fps: Fraction) -> int:
    """Return how many pictures make a chapter."""
    return max(1, round(CHAPTER_S * fps))
