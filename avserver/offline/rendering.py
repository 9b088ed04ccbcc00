"""Rendering: a song or a take becomes a film, or one picture of it."""

import itertools
import math
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TextIO

from PIL import Image

from avserver.audio.overheard import Overheard
from avserver.audio.source import Samples
from avserver.audio.source_name import DEMO
from avserver.config import Show
from avserver.errors import ConfigError, RenderError, UserError
from avserver.frame import Frame
from avserver.interruption import first_signal
from avserver.new_file import check_new, check_new_picture
from avserver.offline.performance import Performance
from avserver.offline.shots import excerpt
from avserver.offline.song_show import SongShow
from avserver.offline.studio import Studio
from avserver.offline.take_show import TakeShow
from avserver.outputs.video.encoding import FilmForm, form_of_file
from avserver.outputs.video.film import FILM_ERRORS, Film, FilmFile, works
from avserver.outputs.video.stretch import Lane, exact_rate
from avserver.progress import Progress
from avserver.shaping import Shaper
from avserver.take.chunks import is_take

MOST_WORKERS = 64  # each has a framework of its own in memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """What is to be rendered.

    Attributes:
        song: a file, or `demo`; or a take.
        output: the film (.mp4, .mkv, .mov), or the picture if there is `still_s`.
        show: everything else; a film is stored as its recordings are.
        codec: see `form_of_file`.
        from_s: where in the show the film begins (s).
        to_s: where it ends; None: with the song.
        still_s: when the picture is seen; None for a film.
        force: write over a file that exists.
        workers: processes that draw.

    Raises ConfigError for what does not fit together, and a file that exists.
    """

    song: str
    output: Path
    show: Show
    codec: str = "auto"
    from_s: float = 0.0
    to_s: float | None = None
    still_s: float | None = None
    force: bool = False
    workers: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.workers <= MOST_WORKERS:
            raise ConfigError(f"--workers is a number from 1 to {MOST_WORKERS}, got {self.workers}")
        for flag, time_s in (("--from", self.from_s), ("--to", self.to_s), ("--still", self.still_s)):
            if time_s is not None and not 0 <= time_s < math.inf:
                raise ConfigError(f"{flag} is a number of seconds from 0 on, got {time_s:g}")
        if self.still_s is None:
            if not works(self.form.encoder):
                raise ConfigError(f"{self.form.encoder.library} does not work on this machine; choose another codec")
            check_new(self.output, force=self.force)
        else:
            if self.from_s or self.to_s is not None:
                raise ConfigError("--still is one picture: it goes without --from and --to")
            check_new_picture(self.output, force=self.force)
        if self.song != DEMO and self.output.exists() and Path(self.song).exists() and self.output.samefile(self.song):
            raise ConfigError(f"{self.output} is the song itself; choose another file for the film")

    @property
    def form(self) -> FilmForm:
        """How the film is stored."""
        return form_of_file(self.output, self.codec, self.show.recording.quality)


@dataclass(frozen=True, slots=True)
class Rendered:
    """What came of it.

    Attributes:
        frames: how many were drawn.
        asked: how many were asked for.
        seconds: of the show.
        took_s: of our time, from the first frame on.
        bad_packets: pieces of the song that could not be decoded.
    """

    frames: int
    asked: int
    seconds: float
    took_s: float
    bad_packets: int

    @property
    def complete(self) -> bool:
        """Whether nobody stopped it."""
        return self.frames == self.asked

    def summary(self) -> str:
        """Say it in a line."""
        made = f"{self.frames}" if self.complete else f"stopped after {self.frames} of {self.asked}"
        missing = f"; {self.bad_packets} pieces of the song could not be decoded" if self.bad_packets else ""
        return f"{made} frames, {self.seconds:.2f} s, made in {self.took_s:.1f} s{missing}"


def render(rendering: Rendering, out: TextIO) -> Rendered:
    """Render; Ctrl-C or SIGTERM ends the film with the frames that there are.

    Args:
        rendering: what.
        out: shows how far it is, if it is a terminal.

    Raises UserError if anything cannot be had, and RenderError if the film cannot go on: what was written stays.
    """
    model = rendering.show.model
    with (
        _performance(rendering) as show,
        Studio(show.size, threads=model.threads, wide=model.wide, workers=rendering.workers) as studio,
    ):
        if rendering.still_s is not None:
            return _still(rendering, rendering.still_s, show, studio)
        return _film(rendering, show, studio, out)


def _performance(rendering: Rendering) -> SongShow | TakeShow:
    """Return what is to be drawn."""
    path = Path(rendering.song)
    return TakeShow(path, rendering.show) if is_take(path) else SongShow(rendering.song, rendering.show)


def _still(rendering: Rendering, still_s: float, show: Performance, studio: Studio) -> Rendered:
    frame = next(_frames(_frame_at(still_s, show, "--still"), 1, show, studio))
    Image.fromarray(_shaper(rendering.show)(frame).pixels).save(rendering.output, quality=95)
    return Rendered(1, 1, 1 / show.clock.fps, 0.0, show.bad_packets)


def _film(rendering: Rendering, show: Performance, studio: Studio, out: TextIO) -> Rendered:
    first = _frame_at(rendering.from_s, show, "--from")
    last = show.clock.ticks if rendering.to_s is None else round(rendering.to_s * show.clock.fps)
    count = min(last, show.clock.ticks) - first
    if count < 1:
        raise ConfigError(f"a film ends after it begins at {rendering.from_s:g} s, got --to {rendering.to_s:g}")
    sound = Soundtrack(show.sound, first / show.clock.fps) if rendering.show.recording.sound else None
    shape = _shaper(rendering.show)
    frames = (shape(frame) for frame in _frames(first, count, show, studio))
    # Nothing is written over before there is a picture to write.
    head = next(frames)
    begun_s = time.monotonic()
    film = _open(rendering, head)
    with first_signal(signal.SIGINT, signal.SIGTERM) as asked_to_stop, Progress(count, out) as progress:

        def stopped() -> bool:
            speed = film.pictures / max(time.monotonic() - begun_s, 1e-6)
            progress.show(film.pictures, f"{speed:.1f} frames a second")
            return asked_to_stop()

        try:
            _fill(film, itertools.chain([head], frames), sound, stopped)
        except FILM_ERRORS as err:
            why = os.strerror(err.errno) if isinstance(err, OSError) and err.errno else str(err)
            raise RenderError(f"{rendering.output} ends after some {film.pictures} frames: {why}") from err
        except UserError as err:
            raise RenderError(f"{rendering.output} ends after {film.pictures} frames: {err}") from err
    took_s = time.monotonic() - begun_s
    return Rendered(film.pictures, count, float(film.pictures / film.fps), took_s, show.bad_packets)


def _frames(first: int, count: int, show: Performance, studio: Studio) -> Iterator[Frame]:
    """Draw so many frames of a show from `first` on; what comes before is decided, but not drawn."""
    studio.hire(show.opening)  # its model loads while the song is heard
    return studio.frames(itertools.islice(excerpt(show.shots(), first), count))


def _fill(film: Film, frames: Iterable[Frame], sound: "Soundtrack | None", stopped: Callable[[], bool]) -> None:
    """Put frames and their sound into a film and complete it, whatever ends the frames."""
    try:
        try:
            for frame in frames:
                film.add_picture(frame.pixels)
                if sound is not None:
                    film.add_sound(sound.until(film.pictures / film.fps))
                if stopped():
                    break
        except UserError:
            _complete(film, sound)
            raise
        _complete(film, sound)
    except BaseException:
        film.abandon()
        raise


def _complete(film: Film, sound: "Soundtrack | None") -> None:
    if sound is not None:
        film.add_sound(sound.up_to(film.pictures / film.fps))
    film.finish()


class Soundtrack:
    """What an engine hears, from `began_s` (show time, s) on. Made before the engine hears that."""

    def __init__(self, sound: Overheard, began_s: float) -> None:
        self._sound = sound
        self._began_s = began_s
        self._lane = Lane(sound, began_s)

    def until(self, film_s: Fraction) -> Samples:
        """Return what has not been returned before that time of the film, as far as it has been heard."""
        return self._lane.until(self._began_s + float(film_s), fill=False)

    def up_to(self, film_s: Fraction) -> Samples:
        """Return all of it, heard or not: the last picture is seen for a while after its tick."""
        self._sound.read(self._began_s + float(film_s))
        return self._lane.until(self._began_s + float(film_s), fill=True)


def _open(rendering: Rendering, head: Frame) -> Film:
    """Make the file. Raises ConfigError if that cannot be done."""
    height_px, width_px, _ = head.pixels.shape
    try:
        target = FilmFile(rendering.output, overwrite=rendering.force)
    except OSError as err:
        raise ConfigError(f"cannot write {rendering.output}: {err.strerror}") from err
    return Film(
        target,
        rendering.form,
        width_px=width_px,
        height_px=height_px,
        fps=exact_rate(rendering.show.frame.fps),
        sound=rendering.show.recording.sound,
    )


def _shaper(show: Show) -> Callable[[Frame], Frame]:
    """Return what makes frames have the shape that recordings have."""
    shape = show.recording.shape
    return Shaper(shape) if shape else lambda frame: frame


def _frame_at(t_s: float, show: Performance, flag: str) -> int:
    """Return the frame that is seen at a time of the show (s); `flag` is what asked for it."""
    length_s = show.clock.ticks / show.clock.fps
    # 1e-6 of a frame is rounding, not time.
    index = int(t_s * show.clock.fps + 1e-6)
    if index >= show.clock.ticks:
        raise ConfigError(f"the song lasts {length_s:.3f} s, got {flag} {t_s:g}")
    return index
