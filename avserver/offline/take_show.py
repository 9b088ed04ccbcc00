"""TakeShow: a take, every frame of it, at any rate and by any model."""

import logging
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from avserver.audio.overheard import Overheard
from avserver.audio.source import SilentSource
from avserver.clock import SongClock
from avserver.config import Show
from avserver.generator.role import Role
from avserver.offline.shots import Handover, Shot
from avserver.take.casting import Casting
from avserver.take.playback import Playback
from avserver.take.reader import Take
from avserver.take.recast import fitted
from avserver.take.sound import TakeSound

_LOG = logging.getLogger(__name__)


class TakeShow:
    """A performance that was kept, to be drawn again. At the rate and with the model of the take it is what was shown.

    It can be played once.

    Args:
        path: the take.
        show: the size and rate of the frames, and the model; without `recording.sound` the sound is not looked for.

    Attributes:
        sound: what was heard, for whoever records it.
        clock: all of the ticks.
        size: (width, height) of the frames in px.

    Raises UserError if anything cannot be had: the take, a model, a song.
    """

    def __init__(self, path: Path, show: Show) -> None:
        self._take = take = Take(path)
        self._casting = Casting(take, show)
        self.size = show.frame.size or take.size
        length_s = take.ticks / take.fps
        duration_s = show.frame.duration_s
        self.clock = SongClock(show.frame.fps, min(length_s, duration_s) if duration_s else length_s)
        self._source = TakeSound(take) if show.recording.sound else None
        self._stack = ExitStack()
        self.sound = self._stack.enter_context(Overheard(self._source or SilentSource()))
        if take.chunks.cut_off or not take.ended:
            _LOG.warning("%s was cut off; there are %.1f s of it", path, length_s)
        if take.lost:
            _LOG.warning("%s lacks %d frames, which were not written in time; they are filled in", path, take.lost)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def opening(self) -> Role:
        """The role that the take begins with."""
        return self._casting.role(self._take.roles[0])

    @property
    def bad_packets(self) -> int:
        """How many pieces of the sound could not be decoded so far, and are left out."""
        return self._source.bad_packets if self._source else 0

    def shots(self) -> Iterator[Shot]:
        """Decide the whole take as it was decided."""
        playback = Playback(self._take, self.clock.fps)
        drawn_at = 1.0  # opacity of the picture that is seen
        handover, fade_s = Handover(), 0.0
        for tick in self.clock:
            self.sound.read(tick.t_s)
            seen = playback.at(tick.t_s)
            moment, spec = seen.moment, None
            for passed in seen.passed:
                fade_s = float(passed.turned.get("/model/fade_s", fade_s))
            if moment.spec is not None and not moment.frozen:
                spec = self._casting.spec(moment.spec, moment.role)
                drawn_at = moment.opacity
            gain = moment.opacity / drawn_at if drawn_at else 1.0
            role = self._casting.role(moment.role)
            spec_of = None if spec is None else partial(fitted, spec, role)
            leaving = handover.leaving(role, tick.t_s, fade_s, spec_of)
            yield Shot(tick, role, spec, gain, moment.blackout, leaving)
