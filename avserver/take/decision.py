"""Decision: all that was decided at a tick of a show, as the engine hands it to whoever keeps a take."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from avserver.clock import Tick
from avserver.control.params import Value
from avserver.frame_spec import FrameSpec
from avserver.generator.role import Role


@dataclass(frozen=True, slots=True)
class Song:
    """A place in a song: at sample `sample` of the show's sound the song at `path` is at `position_s` (s)."""

    path: Path
    sample: int
    position_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A tick, decided.

    Attributes:
        tick: when.
        role: who is to draw it, seen by the audience if it does so in time.
        spec: what to draw, None while the picture is frozen.
        opacity: what hands have set it to.
        blackout: show black.
        hit_s: when the last onset was that is heard in this frame and not in the one before (show time, s), if any.
        knobs: where they stand.
        fired: triggers that fired.
        song: where the song is that is played, None for other sound.
    """

    tick: Tick
    role: Role
    spec: FrameSpec | None
    opacity: float
    blackout: bool
    hit_s: float | None
    knobs: Mapping[str, Value]
    fired: frozenset[str]
    song: Song | None
