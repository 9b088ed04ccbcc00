"""A short film by hand: two roles take turns, and for a while pictures look back at those before."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from avserver.clock import Tick
from avserver.frame_spec import Bend, BendSlot, Feedback, FrameSpec, Grade, LatentTerm
from avserver.generator.checkpoint import inspect
from avserver.generator.role import Role
from avserver.offline.shots import Leaving, Shot
from avserver.offline.studio import Studio

SIZE = (16, 12)  # no larger than the model draws: nothing is enlarged
FPS = 30
FED_BACK = range(20, 44)
STROBE_SAFE = range(50, 70)
BY_THE_OTHER = (*range(30, 36), *range(54, 58))
FADING = range(34, 42)  # over the picture of whoever does not draw it
FROZEN = (7, 8)
COUNT = 80


def scripted(model: Path) -> list[Shot]:
    shape = inspect(model).shape
    role = Role(model.name, model, shape)
    bent = Role(model.name, model, shape, bends=(BendSlot("b8", "zoom"),))
    return [_shot(index, *((bent, role) if index in BY_THE_OTHER else (role, bent))) for index in range(COUNT)]


def _shot(index: int, role: Role, other: Role) -> Shot:
    tick = Tick(index, index / FPS)
    spec = _spec(index, tick.t_s, role)
    leaving = Leaving(other, _spec(index, tick.t_s, other), 0.6) if index in FADING else None
    return Shot(tick, role, None if index in FROZEN else spec, 1.0, blackout=False, leaving=leaving)


def _spec(index: int, t_s: float, role: Role) -> FrameSpec:
    share = index / COUNT
    return FrameSpec(
        index=index,
        t_s=t_s,
        latents=(LatentTerm((0, role.shape.num_ws), (1, 2), (1 - share, share)),),
        bends=(Bend("b8", "zoom", (0.5,)),) if role.bends else (),
        # It flashes, too brightly and too fast to be safe.
        grade=Grade(opacity=1.0 if index % 4 < 2 else 0.1, lift=(0.6, 0.6, 0.6)),
        feedback=Feedback(0.8, 0.9, 10.0) if index in FED_BACK else Feedback(),
        strobe_safe=index in STROBE_SAFE,
    )


def film(shots: Iterable[Shot], studio: Studio) -> np.ndarray:
    asked: list[int] = []
    frames = list(studio.frames(_noted(shots, asked)))
    assert [frame.index for frame in frames] == asked
    return np.stack([frame.pixels for frame in frames])


def _noted(shots: Iterable[Shot], indices: list[int]) -> Iterator[Shot]:
    for shot in shots:
        indices.append(shot.tick.index)
        yield shot
