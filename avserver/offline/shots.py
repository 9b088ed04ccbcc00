"""Shots: what each frame of a film is to be."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from avserver.clock import Tick
from avserver.engine import Engine
from avserver.frame_spec import FrameSpec
from avserver.generator.role import Role


@dataclass(frozen=True, slots=True)
class Leaving:
    """The picture that another one fades into.

    Attributes:
        role: who draws it.
        spec: what to draw.
        share: how much of the other one is seen, 0 to 1.
    """

    role: Role
    spec: FrameSpec
    share: float


@dataclass(frozen=True, slots=True)
class Shot:
    """One frame, decided.

    Attributes:
        tick: when it is shown.
        role: who draws it.
        spec: what to draw; None while the picture is frozen: the one before stays.
        gain: how bright it is beside what was drawn: a frozen picture follows the opacity that hands set.
        blackout: show black.
        leaving: what it fades in over, while one model takes over from another.
    """

    tick: Tick
    role: Role
    spec: FrameSpec | None
    gain: float
    blackout: bool
    leaving: Leaving | None = None

    @property
    def drawn(self) -> list[tuple[Role, FrameSpec]]:
        """Who draws what of it: the picture, and the one that is leaving."""
        own = [(self.role, self.spec)] if self.spec is not None else []
        return [*own, (self.leaving.role, self.leaving.spec)] if self.leaving else own


class Handover:
    """Tells who is leaving while another takes over, as the relay of a live show has it if nobody has to load."""

    def __init__(self) -> None:
        self._playing: Role | None = None
        self._coming: Role | None = None
        self._since_s = 0.0

    def leaving(
        self, role: Role, t_s: float, fade_s: float, spec_of: Callable[[Role], FrameSpec] | None
    ) -> Leaving | None:
        """Return what the picture of `role` fades in over, at `t_s` (s); to be asked at every tick.

        A change takes `fade_s` (s); one that is taken back is over at once. `spec_of` returns what another role would
        draw; None while the picture is frozen: nobody is seen to leave then.
        """
        if self._playing is None or role == self._playing:
            self._playing, self._coming = role, None
            return None
        if role != self._coming:
            self._coming, self._since_s = role, t_s
        gone_s = t_s - self._since_s
        if gone_s >= fade_s:
            self._playing, self._coming = role, None
            return None
        return Leaving(self._playing, spec_of(self._playing), gone_s / fade_s) if spec_of else None


def decide(engine: Engine, role_of: Callable[[int], Role], ticks: Iterable[Tick]) -> Iterator[Shot]:
    """Yield what an engine decides at each tick; `role_of` tells who plays the model of that number."""
    drawn_at = 1.0  # opacity of the picture that is seen
    handover = Handover()
    for tick in ticks:
        params = engine.step(tick, tick.t_s)  # nothing comes from outside, so that the show has no other time
        role = role_of(int(params["/model/select"]))
        spec = None if params["/output/freeze"] else engine.spec_for(role)
        if spec is not None:
            drawn_at = engine.opacity
        # What was drawn at opacity 0 is black and stays so.
        gain = engine.opacity / drawn_at if drawn_at else 1.0
        spec_of = None if spec is None else engine.spec_for
        leaving = handover.leaving(role, tick.t_s, float(params["/model/fade_s"]), spec_of)
        yield Shot(tick, role, spec, gain, bool(params["/output/blackout"]), leaving)


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
        self._chains: dict[Role, list[tuple[Shot, FrameSpec]]] = {}

    def note(self, shot: Shot) -> None:
        """Take note of what is drawn next."""
        for role, spec in shot.drawn:
            chain = self._chains.setdefault(role, [])
            if not spec.looks_back(chain[-1][1] if chain else None):
                chain.clear()
            chain.append((shot, spec))

    def before(self, shot: Shot, shown: Shot | None) -> list[Shot]:
        """Return what is to be drawn before a shot, in order; `shown` was drawn last."""
        remembered = [chain for chain in self._chains.values() if chain[-1][1].looks_back(chain[-1][1])]
        needed = {past.tick.index: past for chain in remembered for past, _ in chain}
        if shot.spec is None and shown is not None:
            needed[shown.tick.index] = shown
        return [needed[index] for index in sorted(needed)]
