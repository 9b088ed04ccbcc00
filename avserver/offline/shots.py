"""Shots: what each frame of a film is to be."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from avserver.clock import Tick
from avserver.engine import Engine
from avserver.frame_spec import FrameSpec
from avserver.generator.role import Role


@dataclass(frozen=True, slots=True)
class Shot:
    """One frame, decided.

    Attributes:
        tick: when it is shown.
        role: who draws it.
        spec: what to draw; None while the picture is frozen: the one before stays.
        gain: how bright it is beside what was drawn: a frozen picture follows the opacity that hands set.
        blackout: show black.
    """

    tick: Tick
    role: Role
    spec: FrameSpec | None
    gain: float
    blackout: bool


def decide(engine: Engine, role_of: Callable[[int], Role], ticks: Iterable[Tick]) -> Iterator[Shot]:
    """Yield what an engine decides at each tick; `role_of` tells who plays the model of that number."""
    drawn_at = 1.0  # opacity of the picture that is seen
    for tick in ticks:
        params = engine.step(tick, tick.t_s)  # nothing comes from outside, so that the show has no other time
        role = role_of(int(params["/model/select"]))
        spec = None if params["/output/freeze"] else engine.spec_for(role)
        if spec is not None:
            drawn_at = engine.opacity
        # What was drawn at opacity 0 is black and stays so.
        gain = engine.opacity / drawn_at if drawn_at else 1.0
        yield Shot(tick, role, spec, gain, bool(params["/output/blackout"]))


def excerpt(shots: Iterable[Shot], first: int) -> Iterator[Shot]:
    """Yield the shots from number `first` on; if that one is frozen, the picture it shows comes along in it."""
    shown = None
    for shot in shots:
        shown = shot.spec or shown
        if shot.tick.index > first:
            yield shot
        elif shot.tick.index == first:
            yield dataclasses.replace(shot, spec=shown)
