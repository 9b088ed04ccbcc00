"""`avserver bench render`: what a film's frames cost, and in which share of the time the generator draws.

The demo is rendered as `avserver render` does it: decided in one thread, drawn by a process, encoded in another thread.
"""

import logging
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from avserver.bench.report import Report
from avserver.bundled import model_path
from avserver.config import FrameSettings, ModelSettings, Show
from avserver.errors import AvserverError
from avserver.generator.drawer import Drawer
from avserver.offline.ahead import Ahead
from avserver.offline.interrupted import Note, Nothing
from avserver.offline.reel import Reel
from avserver.offline.rendering import READY
from avserver.offline.shots import Shot, excerpt
from avserver.offline.song_show import SongShow
from avserver.offline.soundtrack import Soundtrack
from avserver.offline.studio import draw
from avserver.outputs.video.encoding import form_of_file
from avserver.outputs.video.stretch import exact_rate

_LOG = logging.getLogger(__name__)

_FPS = 30.0
# Not counted: the drawer and the encoder come up to speed, and the song's beginning is heard ahead.
_BEGINNING = 15


def bench_render(report: Report, *, model: str, duration_s: float, threads: int = 1) -> None:
    """Render so many seconds of the demo, or all of it if it is shorter, with `threads` of the CPU to draw."""
    settings = ModelSettings(path=str(model_path(model)), threads=threads)
    show = Show(model=settings, frame=FrameSettings(fps=_FPS, duration_s=duration_s))
    with (
        tempfile.TemporaryDirectory(prefix="avserver-bench-") as folder,
        SongShow("demo", show) as song,
        Drawer(song.opening, song.size, threads=threads) as drawer,
    ):
        _LOG.info("rendering %d frames", song.clock.ticks)
        _render(report, Path(folder) / "film.mp4", song, drawer, show)


def _render(report: Report, path: Path, song: SongShow, drawer: Drawer, show: Show) -> None:
    reel = Reel(
        path,
        form_of_file(path, "auto", show.recording.quality),
        size=song.size,
        fps=exact_rate(_FPS),
        sound=Soundtrack(song.sound, 0.0),
        kept=Nothing(),
        note=Note(path, dict),
    )
    decided = _Timed(excerpt(song.shots(), 0, song.clock.ticks))
    frames = draw(decided, lambda _: drawer, width_px=song.size[0], height_px=song.size[1])
    with Ahead(frames, READY) as ready:
        for number, frame in enumerate(ready):
            reel.add(frame)
            if number == _BEGINNING:
                begun_s = time.perf_counter()
                before_s = decided.took_s, drawer.drawing_s, reel.encoding_s
    count = reel.pictures - _BEGINNING - 1
    if count < 1:
        raise AvserverError(f"the film has only {reel.pictures} frames")
    took_s = time.perf_counter() - begun_s
    deciding_s, drawing_s, encoding_s = (
        after - before
        for before, after in zip(before_s, (decided.took_s, drawer.drawing_s, reel.encoding_s), strict=True)
    )
    reel.complete(reel.pictures)
    report.add("film", "size (px)", f"{song.size[0]}x{song.size[1]}")
    report.add("film", "frames", count)
    report.add("film", "frames a second", count / took_s)
    report.add("a frame", "decided (ms)", 1e3 * deciding_s / count)
    report.add("a frame", "drawn (ms)", 1e3 * drawing_s / count)
    report.add("a frame", "encoded (ms)", 1e3 * encoding_s / count)
    report.add("generator", "busy (%)", 100 * drawing_s / took_s)


class _Timed:
    """Shots, and how long it took to decide them (s)."""

    def __init__(self, shots: Iterator[Shot]) -> None:
        self._shots = shots
        self.took_s = 0.0

    def __iter__(self) -> Iterator[Shot]:
        return self

    def __next__(self) -> Shot:
        begun_s = time.perf_counter()
        try:
            return next(self._shots)
        finally:
            self.took_s += time.perf_counter() - begun_s
