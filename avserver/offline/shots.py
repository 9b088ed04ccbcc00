"""Shots: what each frame of a film is to be, and the frames that are drawn of them, all and in order."""

import dataclasses
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from avserver.clock import Tick
from avserver.engine import Engine
from avserver.frame import Flags, Frame
from avserver.frame_spec import FrameSpec
from avserver.generator.drawer import IN_FLIGHT, Drawer
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


def draw(
    shots: Iterable[Shot], drawer_of: Callable[[Role], Drawer], *, width_px: int, height_px: int
) -> Iterator[Frame]:
    """Yield the frame of every shot; black until there is a picture. While one is used, others are being drawn."""
    drawn = black = np.zeros((height_px, width_px, 3), np.uint8)
    waiting = deque[Shot]()

    def take() -> Frame:
        nonlocal drawn
        shot = waiting.popleft()
        if shot.spec is not None:
            drawn = drawer_of(shot.role).take().pixels
        seen = drawn if shot.gain == 1.0 else np.asarray(cv2.convertScaleAbs(drawn, alpha=shot.gain), np.uint8)
        flags = Flags.BLACKOUT if shot.blackout else Flags.NONE
        return Frame(pixels=black if shot.blackout else seen, index=shot.tick.index, t_s=shot.tick.t_s, flags=flags)

    for shot in shots:
        waiting.append(shot)
        if shot.spec is not None:
            drawer_of(shot.role).submit(shot.spec)
        if len(waiting) == IN_FLIGHT:
            yield take()
    while waiting:
        yield take()
