"""The engine of a server that replays a take, stepped by hand."""

from pathlib import Path

from avserver.audio.overheard import Overheard
from avserver.bundled import mapping_path
from avserver.clock import Tick
from avserver.config import Show, change
from avserver.control.desk import Desk
from avserver.control.events import Event, EventQueue
from avserver.control.mapping import load_patch
from avserver.engine_room import build_engine
from avserver.frame_spec import FrameSpec
from avserver.generator.role import Role
from avserver.meter import Meter
from avserver.repertoire import Repertoire
from avserver.take.casting import Casting
from avserver.take.facts import as_it_was
from avserver.take.reader import Take
from avserver.take.replay import Replay
from avserver.take.sound import TakeSound
from tests.take.performing import FPS


class Stage:
    """Replays a take, tick by tick; `model` draws it in place of its own."""

    def __init__(self, path: Path, *, fps: float = FPS, loop: bool = False, model: Path | None = None) -> None:
        take = Take(path)
        show = as_it_was(Show(), take)
        show = change(show, "model", path=str(model)) if model else show
        self.models, patch = Repertoire([show.model.path]), load_patch(mapping_path(show.mapping.path))
        table = patch.param_table(self.models.names)
        self.replay = Replay(take, Casting(take, show), fps=fps, patch=patch, table=table, loop=loop)
        self.fps, self.queue, self.index = fps, EventQueue(), 0
        self.desk = Desk(table, dict, on_fire=self.replay.on_fire())
        self.engine = build_engine(
            source=Overheard(TakeSound(take, loop=loop)),
            patch=patch,
            table=table,
            queue=self.queue,
            desk=self.desk,
            meter=Meter(),
            hands=[self.replay],
            script=self.replay,
        )

    def turn(self, address: str, value: object) -> None:
        self.queue.put(Event(address, (value,), "a hand", lambda *_: None))

    def next(self) -> FrameSpec:
        tick = Tick(self.index, self.index / self.fps)
        self.index += 1
        self.engine.step(tick, tick.t_s)
        return self.engine.spec_for(self.role)

    @property
    def role(self) -> Role:
        return self.replay.role(self.models.role(0, self.engine.patch))

    @property
    def turned(self) -> object:
        """What hands have taken over."""
        return self.replay.status()["replay.turned"]


def same(spec: FrameSpec, decided: FrameSpec) -> bool:
    """Tell whether two frames are the same, at whatever time."""
    return spec.to_plain() | {"index": 0, "t_s": 0.0} == decided.to_plain() | {"index": 0, "t_s": 0.0}
