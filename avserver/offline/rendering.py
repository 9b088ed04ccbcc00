"""Rendering: a song or a take becomes a film, or one picture of it."""

import itertools
import math
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from PIL import Image

from avserver.audio.source_name import DEMO
from avserver.config import Show
from avserver.errors import ConfigError, RenderError, UserError
from avserver.frame import Frame
from avserver.interruption import first_signal
from avserver.new_file import check_new, check_new_picture
from avserver.offline.ahead import Ahead
from avserver.offline.facts import facts
from avserver.offline.interrupted import Kept, KeptFilm, KeptPictures, Note, Nothing
from avserver.offline.loop import looped
from avserver.offline.performance import Performance
from avserver.offline.reel import Reel, chapter_of
from avserver.offline.shots import Shot, excerpt
from avserver.offline.song_show import SongShow
from avserver.offline.soundtrack import Soundtrack
from avserver.offline.studio import Studio
from avserver.offline.take_show import TakeShow
from avserver.outputs.video.encoding import FilmForm, form_of_file
from avserver.outputs.video.film import FILM_ERRORS, works
from avserver.outputs.video.picture_files import files_of, is_pattern
from avserver.outputs.video.stretch import exact_rate
from avserver.progress import Progress
from avserver.shaping import Shaper
from avserver.take.chunks import is_take

MOST_WORKERS = 64  # each has a framework of its own in memory
# Frames that lie ready to be encoded; a frame of 4K is 25 MB.
READY = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """What is to be rendered.

    Attributes:
        song: a file, or `demo`; or a take.
        output: the film (.mp4, .mkv, .mov), or names for its pictures (frames-%05d.png), or the picture of `still_s`.
        show: everything else; a film is stored as its recordings are.
        codec: see `form_of_file`.
        from_s: where in the show the film begins (s).
        to_s: where it ends; None: with the song.
        still_s: when the picture is seen; None for a film.
        force: write over a file that exists.
        live_like: as a live show of the song would play it, without foresight.
        loop: the end leads into the beginning, see `looped`.
        resume: go on with a film that was interrupted.
        workers: processes that draw; None: one, or in a cluster as many as it has room for.
        cluster: address of the cluster of Ray's whose machines draw, see `ray_cluster.joined`; empty: this one does.

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
    live_like: bool = False
    loop: bool = False
    resume: bool = False
    workers: int | None = None
    cluster: str = ""

    def __post_init__(self) -> None:
        if self.workers is not None and not 1 <= self.workers <= MOST_WORKERS:
            raise ConfigError(f"--workers is a number from 1 to {MOST_WORKERS}, got {self.workers}")
        for flag, time_s in (("--from", self.from_s), ("--to", self.to_s), ("--still", self.still_s)):
            if time_s is not None and not 0 <= time_s < math.inf:
                raise ConfigError(f"{flag} is a number of seconds from 0 on, got {time_s:g}")
        if self.still_s is None:
            self._check_film()
        else:
            if self.from_s or self.to_s is not None or self.loop or self.resume:
                raise ConfigError("--still is one picture: it goes without --from, --to, --loop and --resume")
            check_new_picture(self.output, force=self.force)
        if self.song != DEMO and self.output.exists() and Path(self.song).exists() and self.output.samefile(self.song):
            raise ConfigError(f"{self.output} is the song itself; choose another file for the film")

    def _check_film(self) -> None:
        if self.form is not None and not works(self.form.encoder):
            raise ConfigError(f"{self.form.encoder.library} does not work on this machine; choose another codec")
        if not (self.force or self.resume) and self.output.exists() and self.note.path.exists():
            raise ConfigError(
                f"{self.output} exists and is not complete; --resume goes on with it, --force writes over it"
            )
        check_new(self.output, force=self.force or self.resume)
        if self.form is None and not (self.force or self.resume) and (there := files_of(self.output)):
            raise ConfigError(f"{min(there)} exists; --force writes over it and all others of that name")

    @property
    def form(self) -> FilmForm | None:
        """How the film is stored; None as pictures."""
        if is_pattern(self.output):
            return None
        return form_of_file(self.output, self.codec, self.show.recording.quality)

    @property
    def note(self) -> Note:
        """What says, beside the film, that it is not complete."""
        asked = [self.codec, self.from_s, self.to_s, self.live_like, self.loop]
        return Note(self.output, lambda: facts(self.song, self.show, asked))


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
        more = "" if self.complete else "; --resume goes on with it"
        return f"{made} frames, {self.seconds:.2f} s, made in {self.took_s:.1f} s{missing}{more}"


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
        Studio(
            show.size, threads=model.threads, wide=model.wide, workers=rendering.workers, cluster=rendering.cluster
        ) as studio,
    ):
        if rendering.still_s is not None:
            return _still(rendering, rendering.still_s, show, studio)
        return _film(rendering, show, studio, out)


def _performance(rendering: Rendering) -> SongShow | TakeShow:
    """Return what is to be drawn."""
    path = Path(rendering.song)
    if is_take(path):
        return TakeShow(path, rendering.show)
    return SongShow(rendering.song, rendering.show, live_like=rendering.live_like)


def _still(rendering: Rendering, still_s: float, show: Performance, studio: Studio) -> Rendered:
    index = _frame_at(still_s, show, "--still")
    studio.hire(show.opening)  # its model loads while the song is heard
    frame = next(_seen(studio, excerpt(show.shots(), index, index + 1), index))
    Image.fromarray(_shaper(rendering.show)(frame).pixels).save(rendering.output, quality=95)
    return Rendered(1, 1, 1 / show.clock.fps, 0.0, show.bad_packets)


def _film(rendering: Rendering, show: Performance, studio: Studio, out: TextIO) -> Rendered:
    first, last = _stretch(rendering, show)
    kept = _kept(rendering, last - first)
    form, shape = rendering.form, _shaper(rendering.show)
    sounds = form is not None and rendering.show.recording.sound
    sound = Soundtrack(show.sound, first / show.clock.fps) if sounds else None
    reel = Reel(
        rendering.output,
        form,
        size=_size(rendering.show, show),
        fps=exact_rate(show.clock.fps),
        sound=sound,
        kept=kept,
        note=rendering.note,
        overwrite=rendering.force or rendering.resume,
    )
    studio.hire(show.opening)  # its model loads while the song is heard
    with first_signal(signal.SIGINT, signal.SIGTERM) as asked_to_stop, Progress(last - first, out) as progress:

        def stopped() -> bool:
            speed = max(0, reel.pictures - kept.count) / max(reel.took_s, 1e-6)
            progress.show(reel.pictures, f"{speed:.1f} frames a second")
            return asked_to_stop()

        def keep(shot: Shot) -> None:
            if shot.tick.index >= first:
                reel.keep()
                if stopped():
                    raise KeyboardInterrupt  # what was kept stays as it was

        shots = show.shots()
        if rendering.loop:
            shots = iter(looped(_heard(excerpt(shots, first, last), sound), first, show.clock.fps))
        left = excerpt(shots, first + kept.count, last, keep)
        _fill(reel, left, lambda shots: map(shape, _seen(studio, shots, first + kept.count)), stopped, last - first)
    return Rendered(reel.pictures, last - first, float(reel.pictures / reel.fps), reel.took_s, show.bad_packets)


def _fill(
    reel: Reel,
    shots: Iterator[Shot],
    drawn: Callable[[Iterator[Shot]], Iterator[Frame]],
    stopped: Callable[[], bool],
    count: int,
) -> None:
    """Put the frames of shots into a film and close it, whatever ends them; it is complete with so many."""
    try:
        try:
            # What is kept goes into the film now, here, and not in the other thread.
            begun = itertools.chain([*itertools.islice(shots, 1)], shots)
            with Ahead(drawn(begun), READY) as ready:
                for frame in ready:
                    reel.add(frame)
                    if stopped():
                        break
        except UserError as err:
            if not reel.is_open:
                raise
            reel.complete(count)
            raise RenderError(f"{reel.output} ends after {reel.pictures} frames: {err}") from err
        reel.complete(count)
    except FILM_ERRORS as err:
        reel.abandon()
        why = os.strerror(err.errno) if isinstance(err, OSError) and err.errno else str(err)
        raise RenderError(f"{reel.output} ends after some {reel.pictures} frames: {why}") from err
    except BaseException:
        reel.abandon()
        raise


def _seen(studio: Studio, shots: Iterable[Shot], first: int) -> Iterator[Frame]:
    """Draw shots, and yield the frames from number `first` on."""
    return itertools.dropwhile(lambda frame: frame.index < first, studio.frames(shots))


def _heard(shots: Iterable[Shot], sound: Soundtrack | None) -> Iterator[Shot]:
    """Yield shots that are all decided before the first is drawn, and keep what is heard with them."""
    for shot in shots:
        if sound is not None:
            sound.listen()
        yield shot


def _kept(rendering: Rendering, count: int) -> Kept:
    """Return what there is already. Raises ConfigError if it is not of this film."""
    if not rendering.resume:
        return Nothing()
    rendering.note.check()
    if rendering.form is None:
        return KeptPictures(rendering.output, count)
    chapter = chapter_of(exact_rate(rendering.show.frame.fps))
    return KeptFilm(rendering.output, rendering.form, chapter, count)


def _shaper(show: Show) -> Callable[[Frame], Frame]:
    """Return what makes frames have the shape that recordings have."""
    shape = show.recording.shape
    return Shaper(shape) if shape else lambda frame: frame


def _size(show: Show, performance: Performance) -> tuple[int, int]:
    shape = show.recording.shape
    return (shape.width_px, shape.height_px) if shape else performance.size


def _stretch(rendering: Rendering, show: Performance) -> tuple[int, int]:
    """Return the numbers of the first frame of the film and of the first one after it."""
    first = _frame_at(rendering.from_s, show, "--from")
    last = show.clock.ticks if rendering.to_s is None else round(rendering.to_s * show.clock.fps)
    last = min(last, show.clock.ticks)
    if last <= first:
        raise ConfigError(f"a film ends after it begins at {rendering.from_s:g} s, got --to {rendering.to_s:g}")
    return first, last


def _frame_at(t_s: float, show: Performance, flag: str) -> int:
    """Return the frame that is seen at a time of the show (s); `flag` is what asked for it."""
    length_s = show.clock.ticks / show.clock.fps
    # 1e-6 of a frame is rounding, not time.
    index = int(t_s * show.clock.fps + 1e-6)
    if index >= show.clock.ticks:
        raise ConfigError(f"the song lasts {length_s:.3f} s, got {flag} {t_s:g}")
    return index
