"""Reseed: other seeds for the choirs, all from one number that is told, so that they can be had again.

`/reseed/all` and `/choir/NAME/reseed` turn the knobs `/choir/NAME/seed/N`. Where the seeds come from says
`/reseed/from`: a number, or AT_RANDOM for one that is drawn.
"""

import hashlib
import logging
import random
from collections.abc import Mapping, Sequence

from avserver.control.events import Event
from avserver.control.params import Value
from avserver.control.patch import Choir
from avserver.frame_spec import FIRST_PICTURE

AT_RANDOM = -1
# Everything drawn lies below: such numbers are exact in the 32-bit floats that many controllers send and keep.
_EXACT = 2**24

_log = logging.getLogger(__name__)


def seed_from(number: int, choir: str, place: int) -> int:
    """Return the seed that `number` gives to a place (from 1) of a choir: the same in every run, on every machine."""
    digest = hashlib.sha256(f"{number} {choir} {place}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % _EXACT


class Reseeder:
    """Finds other seeds when it is asked to.

    Args:
        chance: draws the numbers that seeds come from, where the performer names none.

    Attributes:
        last: the number that seeds came from last; AT_RANDOM before any did.
    """

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.last = AT_RANDOM

    def events(self, fired: frozenset[str], values: Mapping[str, Value], choirs: Sequence[Choir]) -> list[Event]:
        """Return what turns the seeds, given the triggers that fired and where the knobs stand.

        Projected pictures among the seeds keep their places. With a panic there is nothing to be turned.
        """
        asked = [choir for choir in choirs if fired & {"/reseed/all", f"/choir/{choir.name}/reseed"}]
        if not asked or "/panic" in fired:
            return []
        wanted = int(values["/reseed/from"])
        self.last = self._chance.randrange(_EXACT) if wanted == AT_RANDOM else wanted
        _log.info("reseeded %s from %d", ", ".join(choir.name for choir in asked), self.last)
        return [event for choir in asked for event in _turns(choir, self.last, values)]


def _turns(choir: Choir, number: int, values: Mapping[str, Value]) -> list[Event]:
    knobs = {f"/choir/{choir.name}/seed/{place}": place for place in range(1, len(choir.seeds) + 1)}
    return [
        Event(address, (seed_from(number, choir.name, place),), "reseed", lambda *_: None)
        for address, place in knobs.items()
        if values[address] < FIRST_PICTURE
    ]
