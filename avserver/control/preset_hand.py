"""Preset hand: recalls presets, at once or over a time, and has them saved.

| address (under /avserver)          | does                                                                         |
|------------------------------------|------------------------------------------------------------------------------|
| `/preset/recall NAME MORPH_S`      | goes to a preset, by name or number; the time may be left out                |
| `/preset/next`, `/preset/previous` | goes to the one after or before: by number, then by name                     |
| `/preset/save NAME ADDRESS …`      | keeps where the knobs stand: all, or those named; answers `/preset/saved`    |
| `/preset/delete NAME`              | deletes its file; answers `/preset/deleted`                                  |
| `/preset/list`                     | is answered with `/preset/list.reply NAME …`                                 |

How long a recall takes: as the message says; else as the preset's file says; else `/preset/morph_s`. 0 is a cut: all
of it within one frame, without the smoothing of knobs or the glides of choirs. It begins at the frame at which it is
executed, unless the file is new: then as soon as it has been read.
"""

import logging
from collections import deque
from collections.abc import Hashable, Mapping
from functools import partial

from avserver.control.desk import PANIC, AtDesk, Command, Desk
from avserver.control.events import ROOT, SHOW, Event
from avserver.control.fixed_params import MOST_MORPH_S
from avserver.control.librarian import Librarian
from avserver.control.moment import Moment
from avserver.control.morph import Morph, is_seed
from avserver.control.params import ParamTable, Value
from avserver.control.patch import Patch
from avserver.control.presets import Preset, check_name, snapshot
from avserver.errors import ParamError, PresetError, nearest

_LOG = logging.getLogger(__name__)
# So many of the addresses that a preset has in vain are named.
_NAMED = 3
# So many recalls for which the folder is looked at again are remembered: some never come back, being overtaken.
_REMEMBERED = 64


class PresetHand:
    """The hand that moves knobs to where presets have them. A `Hand`; lives in the engine's thread.

    Args:
        librarian: who has the presets.
        start: name of the preset to start with; empty for none.

    Attributes:
        playing: name of the preset that was recalled last, empty for none and after a panic.
    """

    def __init__(self, librarian: Librarian, start: str = "") -> None:
        self._librarian = librarian
        self.playing = ""
        self._t_s = 0.0
        self._morphs: list[Morph] = []
        self._to_execute = [_of_the_show("/preset/recall", start, 0.0)] if start else []
        self._looked_for: deque[tuple[Hashable, tuple[object, ...]]] = deque(maxlen=_REMEMBERED)

    @property
    def count(self) -> int:
        """How many presets there are."""
        return len(self._librarian.shelf.presets)

    def events(self, moment: Moment, values: Mapping[str, Value]) -> list[Event]:
        """Return the knobs that morphs move at this frame."""
        self._t_s = moment.t_s
        self._librarian.report()
        moves = [
            _of_the_show(address, value, glide_s=0.0)
            for morph in self._morphs
            for address, value in morph.at(moment.t_s, values).items()
        ]
        self._morphs = [morph for morph in self._morphs if not morph.over]
        waiting, self._to_execute = self._to_execute, []
        return moves + waiting

    def take(self, _patch: Patch, _table: ParamTable) -> None:
        """Do nothing: presets are fitted to the desk's table when they are recalled."""

    def commands(self) -> dict[str, Command]:
        """Return what messages do, by address."""
        return {
            "/preset/recall": Command(self._recall, "sf", "go to a preset: its name or number, how long (s)", True),
            "/preset/save": Command(self._save, "ss", "keep where the knobs stand: a name, which groups", True),
            "/preset/delete": Command(self._delete, "s", "delete a preset", True),
            "/preset/list": Command(self._list, "", "answered with the names of all presets", True),
        }

    def on_fire(self) -> dict[str, AtDesk]:
        """Return what triggers do, by address."""
        return {
            "/preset/next": partial(self._step, 1),
            "/preset/previous": partial(self._step, -1),
            PANIC: self._end,
        }

    def _recall(self, event: Event, desk: Desk) -> list[Event]:
        wanted, morph_s = _wanted(event.arguments)
        try:
            preset = self._librarian.shelf.find(wanted)
        except PresetError:
            if (event.sender, event.arguments) in self._looked_for:
                self._looked_for.remove((event.sender, event.arguments))
                raise
            # It may have been put there just now.
            self._librarian.ask(lambda _folder: None, lambda _problem: self._recall_again(event))
            return []
        return self._go_to(preset, morph_s, event, desk)

    def _recall_again(self, event: Event) -> None:
        self._looked_for.append((event.sender, event.arguments))
        self._to_execute.append(event)

    def _step(self, steps: int, event: Event, desk: Desk) -> list[Event]:
        return self._go_to(self._librarian.shelf.beside(self.playing, steps), None, event, desk)

    def _go_to(self, preset: Preset, morph_s: float | None, event: Event, desk: Desk) -> list[Event]:
        """Begin to go to a preset; return what is turned at once."""
        targets, unknown = preset.fit(desk.table)
        if unknown:
            event.reply(f"{ROOT}/fail", ROOT + event.address, _complaint(preset, unknown, desk))
        if morph_s is None:
            morph_s = preset.morph_s
        if morph_s is None:
            morph_s = float(desk.value("/preset/morph_s"))
        self.playing = preset.name
        for morph in self._morphs:
            morph.leave(targets)
        at_once = {address: value for address, value in targets.items() if morph_s <= 0.0 or is_seed(address)}
        later = {at: value for at, value in targets.items() if at not in at_once and value != desk.value(at)}
        if later:
            self._morphs.append(
                Morph(
                    {address: desk.value(address) for address in later},
                    later,
                    {address: desk.table[address] for address in later},
                    begun_s=self._t_s,
                    morph_s=morph_s,
                    switch_at=float(desk.value("/preset/switch_at")),
                )
            )
        return [_of_the_show(*pair, glide_s=morph_s) for pair in at_once.items()]

    def _end(self, _event: Event, _desk: Desk) -> list[Event]:
        self._morphs.clear()
        self.playing = ""
        return []

    def _save(self, event: Event, desk: Desk) -> list[Event]:
        if not event.arguments:
            raise ParamError("/preset/save takes a name, and what to keep if not everything")
        name, *addresses = event.arguments
        preset = snapshot(
            check_name(name), desk.table, {at: desk.value(at) for at in desk.values}, [_bare(at) for at in addresses]
        )

        def saved(problem: str | None) -> None:
            if problem is None:
                self.playing = preset.name
            _answer(event, "saved", preset.name, problem)

        self._librarian.ask(lambda folder: folder.save(preset), saved)
        return []

    def _delete(self, event: Event, _desk: Desk) -> list[Event]:
        match event.arguments:
            case (str(name),):
                self._librarian.ask(
                    lambda folder: folder.delete(name), lambda problem: _answer(event, "deleted", name, problem)
                )
                return []
        raise ParamError("/preset/delete takes a name")

    def _list(self, event: Event, _desk: Desk) -> list[Event]:
        event.reply(f"{ROOT}/preset/list.reply", *(preset.name for preset in self._librarian.shelf.presets))
        return []


def _wanted(arguments: tuple[object, ...]) -> tuple[str | float, float | None]:
    """Read what a recall asks for: a name or a number, and how long (s)."""
    match arguments:
        case (str() | int() | float() as wanted,):
            return wanted, None
        case (str() | int() | float() as wanted, int() | float() as morph_s) if 0 <= morph_s <= MOST_MORPH_S:
            return wanted, float(morph_s)
    raise ParamError(f"/preset/recall takes a name or a number, and how long from 0 to {MOST_MORPH_S:g} s")


def _bare(address: object) -> object:
    """Return an address as the table has it, for whoever writes it as on the wire."""
    return address.removeprefix(ROOT) if isinstance(address, str) else address


def _complaint(preset: Preset, unknown: list[str], desk: Desk) -> str:
    """Say what of a preset there is no parameter for."""
    named = "; ".join(f"{address}, {nearest(address, desk.values)}" for address in unknown[:_NAMED])
    more = f" and {len(unknown) - _NAMED} more" if len(unknown) > _NAMED else ""
    text = f"{preset.name!r} is recalled without what there is no parameter for: {named}{more}"
    _LOG.warning("preset %s", text)
    return text


def _answer(event: Event, what: str, name: str, problem: str | None) -> None:
    if problem is None:
        event.reply(f"{ROOT}/preset/{what}", name)
    else:
        event.reply(f"{ROOT}/fail", ROOT + event.address, problem)


def _of_the_show(address: str, *arguments: object, glide_s: float | None = None) -> Event:
    return Event(address, arguments, SHOW, _log_answer, glide_s=glide_s)


def _log_answer(address: str, *arguments: object) -> None:
    if address == f"{ROOT}/fail":
        _LOG.warning("%s", arguments[-1])
