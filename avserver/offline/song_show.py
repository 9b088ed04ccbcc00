"""SongShow: a song played by the engine of the live show, every frame of it decided."""

from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

from avserver.analysis.analyser import Listening
from avserver.audio.catalogue import DEMO_FILE
from avserver.audio.file import FileSource
from avserver.audio.overheard import Overheard
from avserver.audio.source_name import DEMO
from avserver.bundled import mapping_path
from avserver.clock import SongClock
from avserver.config import Show
from avserver.control.desk import Desk
from avserver.control.events import EventQueue
from avserver.control.librarian import Librarian
from avserver.control.mapping import load_patch
from avserver.control.preset_folder import PresetFolder
from avserver.control.preset_hand import PresetHand
from avserver.control.transport import Transport
from avserver.engine import Ears
from avserver.engine_room import build_engine
from avserver.generator.role import Role
from avserver.meter import Meter
from avserver.offline.foresight import Foresight
from avserver.offline.segment_search import SegmentSearch
from avserver.offline.shots import Shot, decide
from avserver.offline.tempo_segment import SHORTEST_S, WHOLE, since
from avserver.repertoire import Repertoire

_READ_S = 10.0


class SongShow:
    """What a live show of a song would show if it never were late. No port is opened, nobody turns a knob.

    It can be played once. Nothing is left to chance: the same song and show give the same frames.

    Args:
        song: a file of one of the formats of FileSource, or `demo`.
        show: everything else; its source, its outputs, and what listens for controllers are not used.
        live_like: know nothing of the song that a live show of it would not know; see `Foresight`.

    Attributes:
        sound: what the engine hears, for whoever records it.
        clock: all of the song's ticks.
        size: (width, height) of the frames in px.

    Raises UserError if anything cannot be had: the song, a model, the mapping, the preset.
    """

    def __init__(self, song: str, show: Show, *, live_like: bool = False) -> None:
        self._show = show
        self._live_like = live_like
        self._models = Repertoire([show.model.path, *show.model.also], show.model.partner, show.grade.luts)
        resolution = self._models.config(0).resolution
        self.size = show.frame.size or (resolution, resolution)
        self._patch = load_patch(*[mapping_path(name) for name in (show.mapping.path, *show.mapping.also)])
        # Its thread is not started: presets that are edited while a film is made are not for that film.
        self._librarian = Librarian(PresetFolder(Path(show.presets.path)))
        if show.presets.start:
            self._librarian.shelf.find(show.presets.start).fit(self._patch.param_table(self._models.names))
        self._path = DEMO_FILE if song == DEMO else song
        self._song = FileSource(self._path, start_s=show.audio.start_s)
        self._stack = ExitStack()
        self.sound = self._stack.enter_context(Overheard(self._song))
        length_s = _length_s(self._song)
        duration_s = show.frame.duration_s
        self.clock = SongClock(show.frame.fps, min(length_s, duration_s) if duration_s else length_s)
        self._search: SegmentSearch | None = None
        if not live_like and length_s >= 2 * SHORTEST_S:
            self._search = self._stack.enter_context(SegmentSearch(self._path, recurring=show.audio.recurring_segments))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def opening(self) -> Role:
        """The role that the song begins with."""
        return self._models.role(0, self._patch)

    @property
    def bad_packets(self) -> int:
        """How many pieces of the song could not be decoded so far, and are left out."""
        return self._song.bad_packets

    def shots(self) -> Iterator[Shot]:
        """Decide the whole song."""
        table = self._patch.param_table(self._models.names)
        presets = PresetHand(self._librarian, self._show.presets.start)
        transport = Transport()
        self._stack.callback(transport.close)
        engine = build_engine(
            source=self.sound,
            patch=self._patch,
            table=table,
            queue=EventQueue(),
            desk=Desk(table, dict, presets.commands(), presets.on_fire()),
            meter=Meter(),
            listening=Listening(recurring_segments=self._show.audio.recurring_segments),
            hands=[presets],
            transport=transport,
            foresight=None if self._live_like else self._foreseeing,
        )
        role_of = cache(lambda number: self._models.role(number, self._patch))
        return decide(engine, role_of, self.clock)

    def _foreseeing(self, ears: Ears) -> Foresight:
        """Return ears that know the song. The whole of it has then been searched for segments."""
        segments = self._search.segments() if self._search else [WHOLE]
        return Foresight(ears, self._show.frame.fps, since(segments, self._show.audio.start_s))


def _length_s(song: FileSource) -> float:
    """Return how long a song is from where it begins (s), to the sample: its file may say anything."""
    begins_s = song.position_s
    until_s = 0.0
    while not song.ended:
        until_s += _READ_S
        song.read(until_s)
    length_s = song.position_s - begins_s
    song.reset()
    return length_s
