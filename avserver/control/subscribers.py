"""Subscribers: who is told when a knob is turned."""

from collections.abc import Hashable, Mapping

from avserver.control.events import ROOT, Reply
from avserver.control.params import Value

# Feedback goes to this many clients. A UDP client that left never says so: the one unheard for longest makes room.
MAX_SUBSCRIBERS = 64


class Subscribers:
    """Those who asked for feedback, the one unheard for longest first.

    Whoever turned a knob is not told of it, unless the knob stands elsewhere than they sent it (clamped, rounded, moved
    by a step): then their own display would be wrong.
    """

    def __init__(self) -> None:
        self._replies: dict[Hashable, Reply] = {}
        self._turned_by: dict[str, Hashable] = {}
        self._astray: dict[Hashable, set[str]] = {}

    def __contains__(self, sender: object) -> bool:
        return sender in self._replies

    def add(self, sender: Hashable, reply: Reply) -> None:
        """Tell `sender` from now on, by `reply`. Whoever was told at the same place before is told no more."""
        for other in [other for other, place in self._replies.items() if other == sender or place == reply]:
            del self._replies[other]
        if len(self._replies) >= MAX_SUBSCRIBERS:
            leaver = self._replies.pop(next(iter(self._replies)))
            leaver(
                f"{ROOT}/fail", f"{ROOT}/notify", f"{MAX_SUBSCRIBERS} others were heard since you were: unsubscribed"
            )
        self._replies[sender] = reply

    def remove(self, sender: Hashable) -> None:
        """Tell `sender` nothing more; no error if nothing was told."""
        self._replies.pop(sender, None)

    def heard(self, sender: Hashable) -> None:
        """Take note that somebody is still there."""
        if sender in self._replies:
            self._replies[sender] = self._replies.pop(sender)

    def turned(self, address: str, by: Hashable, *, as_sent: bool, moved: bool) -> None:
        """Take note of a knob: who turned it, whether it stands where they sent it, whether it was moved at all."""
        if moved:
            self._turned_by[address] = by
        if by in self._replies:
            astray = self._astray.setdefault(by, set())
            (astray.discard if as_sent else astray.add)(address)

    def tell(self, changes: Mapping[str, Value], values: Mapping[str, Value]) -> None:
        """Tell everybody what they do not know of `changes`, each address once. `values` is where all knobs stand."""
        for sender, reply in self._replies.items():
            news = dict.fromkeys(address for address in changes if self._turned_by.get(address) != sender)
            news.update(dict.fromkeys(sorted(self._astray.get(sender, ()))))
            for address in news:
                if address in values:
                    reply(ROOT + address, values[address])
        self._turned_by.clear()
        self._astray.clear()

    def announce(self, address: str, *arguments: object) -> None:
        """Tell everybody of something that is no knob."""
        for reply in self._replies.values():
            reply(ROOT + address, *arguments)
