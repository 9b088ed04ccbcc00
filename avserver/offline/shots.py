"""Shots: what each frame of a film is to be."""

import itertools
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


def excerpt(
    shots: Iterable[Shot], first: int, last: int | None = None, passed: Callable[[Shot], object] = lambda _: None
) -> Iterator[Shot]:
    """Yield the shots from number `first` on, to before `last`, and ahead of them whatever they look back at.

    What is drawn of the latter is not to be seen: with feedback a picture is made of all before it, and a frozen one is
    one before. `passed` is called with every shot before number `first`, as it is decided.
    """
    shots, past, shown = iter(shots), Past(), None
    for shot in shots:
        if shot.tick.index >= first:
            yield from past.before(shot, shown)
            yield shot
            break
        passed(shot)
        past.note(shot)
        shown = shot if shot.spec is not None else shown
        if shot.tick.index + 1 == last:
            return
    # Not one more is decided than is asked for: that takes as long as any other.
    yield from shots if last is None else itertools.islice(shots, last - first - 1)


class Past:
    """Of each role, the shots that its next picture may be made of."""

    def __init__(self) -> None:
        self._chains: dict[Role, list[Shot]] = {}

    def note(self, shot: Shot) -> None:
        """Take note of what is drawn next."""
        if shot.spec is None:
            return
        chain = self._chains.setdefault(shot.role, [])
        if not shot.spec.looks_back(chain[-1].spec if chain else None):
            chain.clear()
        chain.append(shot)

    def before(self, shot: Shot, shown: Shot | None) -> list[Shot]:
        """Return what is to be drawn before a shot, in order; `shown` was drawn last."""
        needed = {
            past.tick.index: past for chain in self._chains.values() if _is_remembered(chain[-1]) for past in chain
        }
        if shot.spec is None and shown is not None:
            needed[shown.tick.index] = shown
        return [needed[index] for index in sorted(needed)]


def _is_remembered(shot: Shot) -> bool:
    return shot.spec is not None and shot.spec.looks_back(shot.spec)
