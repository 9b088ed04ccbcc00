"""Replay: a take that plays again, while hands may still turn everything."""

import dataclasses
from collections.abc import Callable, Collection, Mapping

from avserver.control.desk import PANIC, AtDesk, Desk
from avserver.control.events import SHOW, Event
from avserver.control.moment import Moment as Now
from avserver.control.params import ParamTable, Value
from avserver.control.patch import Patch
from avserver.control.presets import is_kept
from avserver.frame_spec import FrameSpec
from avserver.generator.role import Role
from avserver.take.casting import Casting
from avserver.take.overlay import Turned, overlaid
from avserver.take.playback import Playback
from avserver.take.reader import Moment, Take
from avserver.take.recast import fitted

# What is played of the take beside what belongs in a preset. How the show is run, its beat and its locks, is not.
_PLAYED = frozenset({"/output/blackout", "/output/freeze", "/model/select"})
# What these did to knobs is in the take itself.
_NOT_FIRED = ("/panic", "/preset/", "/reseed/", "/tempo/", "/link/")


class Replay:
    """A hand that turns the knobs as they were turned, and a script that says what to draw as it was decided.

    A knob that stands elsewhere than the take has put it has been turned: from then on it is its turner's, and the part
    of the picture that it belongs to (see `overlay`) is decided anew. A panic gives everything back to the take.

    Args:
        take: what is played.
        casting: who draws it.
        fps: of the show.
        patch: what the show plays.
        table: its parameters.
        loop: begin again at the end.
    """

    def __init__(
        self, take: Take, casting: Casting, *, fps: float, patch: Patch, table: ParamTable, loop: bool = False
    ) -> None:
        self._take, self._casting, self._fps, self._loop = take, casting, fps, loop
        self._patch, self._table = patch, table
        self.length_s = take.ticks / take.fps
        self._playback, self._lap = Playback(take, fps), 0
        self._moment: Moment | None = None
        self._put: dict[str, Value] = {}  # where the take has put the knobs
        self._turned_s: dict[str, float] = {}  # what hands have turned, and when
        self._now_s = 0.0
        self._noise_ahead: float | None = None

    def take(self, patch: Patch, table: ParamTable) -> None:
        """Take note that another patch is played."""
        self._patch, self._table = patch, table

    def events(self, moment: Now, values: Mapping[str, Value]) -> list[Event]:
        """Return what was turned and fired since the last frame, but for what hands have turned meanwhile."""
        self._now_s = moment.t_s
        for address, value in self._put.items():
            if address not in self._turned_s and values.get(address, value) != value:
                self._turned_s[address] = moment.t_s
        seen = self._at(moment.t_s)
        turned: dict[str, Value] = {}
        fired: list[str] = []
        for passed in seen:
            turned |= {at: value for at, value in passed.turned.items() if self._plays(at)}
            fired += [at for at in passed.fired if at in self._table and not at.startswith(_NOT_FIRED)]
        turned = {at: self._table[at].coerce(value) for at, value in turned.items()}
        self._put |= turned
        return [
            *(_event(at, value) for at, value in turned.items() if at not in self._turned_s),
            *(_event(at) for at in fired),
        ]

    def on_fire(self) -> dict[str, AtDesk]:
        """Return what triggers do, by address."""
        return {PANIC: self._release}

    def spec_for(self, role: Role, own: Callable[[Role], FrameSpec]) -> FrameSpec:
        """Return what `role` is to draw; `own` is what the show would decide by itself."""
        decided = own(role)
        moment = self._moment
        if moment is None or moment.spec is None:
            return decided
        spec = dataclasses.replace(fitted(moment.spec, moment.role, role), index=decided.index, t_s=decided.t_s)
        if not self._turned_s:
            return spec
        if "/noise/speed" not in self._turned_s or self._noise_ahead is None:
            self._noise_ahead = _phase(spec) - _phase(decided)
        turned = Turned(self._turned_s, self._now_s, self._noise_ahead)
        return overlaid(spec, decided, turned, self._patch.bends)

    def role(self, own: Role) -> Role:
        """Return who is to draw: the one of the take, ready for the bends of `own` too, which the show would choose."""
        if "/model/select" in self._turned_s:
            return own
        role = self._casting.role(self._moment.role if self._moment else self._take.roles[0])
        if role.model != own.model:
            return role
        more = [slot for slot in own.bends if slot not in role.bends]
        kinds = [kind for kind in own.directions if kind not in role.directions]
        return dataclasses.replace(role, bends=(*role.bends, *more), directions=(*role.directions, *kinds))

    def status(self) -> Mapping[str, str | float | int]:
        """Return how far it is, and what hands have taken over."""
        return {
            "replay": str(self._take.path),
            "replay.t_s": round(self._now_s % self.length_s if self._loop else min(self._now_s, self.length_s), 3),
            "replay.length_s": round(self.length_s, 3),
            "replay.turned": " ".join(self._turned_s),
        }

    def _at(self, t_s: float) -> Collection[Moment]:
        """Go on to a show time (s), and return the ticks of the take that went by."""
        lap = int(t_s / self.length_s) if self._loop else 0
        if lap != self._lap:
            self._playback, self._lap = Playback(self._take, self._fps), lap
        seen = self._playback.at(t_s - lap * self.length_s)
        self._moment = seen.moment
        return seen.passed

    def _plays(self, address: str) -> bool:
        return address in self._table and (address in _PLAYED or is_kept(self._table[address]))

    def _release(self, _panic: Event, desk: Desk) -> list[Event]:
        """Give everything back to the take."""
        self._turned_s.clear()
        self._noise_ahead = None
        return [_event(at, value) for at, value in self._put.items() if at in desk.table]


def _phase(spec: FrameSpec) -> float:
    """Return where its fields of noise stand (rad): all stand at the same place."""
    return spec.noise[0].phase if spec.noise else 0.0


def _event(address: str, *arguments: Value) -> Event:
    return Event(address, arguments, SHOW, lambda *_: None)
