"""A show without a worker or a wall clock, whose decisions are written into a take."""

from collections.abc import Callable, Iterator
from pathlib import Path

from avserver.audio.catalogue import open_source
from avserver.audio.overheard import Overheard
from avserver.bundled import mapping_path
from avserver.clock import SongClock
from avserver.config import Show, change
from avserver.control.desk import Desk
from avserver.control.events import Event, EventQueue
from avserver.control.mapping import load_patch
from avserver.engine_room import build_engine
from avserver.meter import Meter
from avserver.repertoire import Repertoire
from avserver.take.decision import Decision, Song
from avserver.take.facts import facts_of
from avserver.take.writer import TakeWriter

FPS = 20.0
SIZE = (64, 48)
# What hands do, by tick.
Script = Callable[[int], list[tuple[str, object]]]


def nothing(_tick: int) -> list[tuple[str, object]]:
    return []


def settings(model: Path | str, *, audio: str = "demo", fps: float = FPS) -> Show:
    show = change(Show(), "model", path=str(model))
    show = change(show, "audio", source=audio)
    return change(show, "frame", fps=fps, width_px=SIZE[0], height_px=SIZE[1])


def decisions(show: Show, seconds: float, script: Script = nothing, *, first: int = 0) -> "Iterator[Decision]":
    """Yield what is decided, from tick `first` on."""
    models, patch = Repertoire([show.model.path, *show.model.also]), load_patch(mapping_path(show.mapping.path))
    table, queue = patch.param_table(models.names), EventQueue()
    with Overheard(open_source(show.audio.source, loop=show.audio.loop)) as source:
        engine = build_engine(
            source=source, patch=patch, table=table, queue=queue, desk=Desk(table, dict), meter=Meter()
        )
        for tick in SongClock(show.frame.fps, seconds):
            for address, value in script(tick.index):
                queue.put(Event(address, (value,), "a hand", lambda *_: None))
            params = engine.step(tick, tick.t_s)
            role = models.role(int(params["/model/select"]), patch)
            place = source.place()
            if tick.index < first:
                continue
            assert engine.signals is not None
            yield Decision(
                tick=tick,
                role=role,
                spec=None if params["/output/freeze"] else engine.spec_for(role),
                opacity=engine.opacity,
                blackout=bool(params["/output/blackout"]),
                hit_s=max((onset.t_s for onset in engine.signals.onsets), default=None),
                knobs=engine.knobs,
                fired=params.fired,
                song=Song(place[0], source.samples_read, place[1]) if place else None,
            )


def written(path: Path, show: Show, seconds: float, script: Script = nothing, *, first: int = 0) -> list[Decision]:
    """Write a take of a song, flushed twice a second, and return what is in it."""
    with Overheard(open_source("none")) as sound:
        writer = TakeWriter(path, facts_of(show, SIZE, sound.sample_rate), sound, overwrite=False)
        made = []
        for decision in decisions(show, seconds, script, first=first):
            writer.write(decision)
            made.append(decision)
            if decision.tick.index % round(show.frame.fps / 2) == 0:
                writer.flush()
        writer.finish(0)
    return made
