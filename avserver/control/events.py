"""Events: what control threads hand to the engine's thread, and nothing else crosses between them."""

import heapq
import itertools
import math
import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass

# What every OSC address begins with on the wire; inside, addresses go without it.
ROOT = "/avserver"
# The sender of what the show itself turns, such as a preset that morphs. A lock keeps everybody else out.
SHOW = "the show"
# Ten seconds of the densest stream that a fader bank sends; beyond that the oldest are of no interest to anyone.
QUEUE_LENGTH = 10_000
# Sequencers schedule a bar ahead; a time tag beyond a minute is a clock that is set wrongly.
HORIZON_S = 60.0

Reply = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Event:
    """One message from outside.

    Attributes:
        address: OSC address without `/avserver`, e.g. `/noise/strength`.
        arguments: as they came.
        sender: who sent it (equal for messages of the same client); who turned a knob is not told of it again.
        reply: `reply(address, *arguments)` answers the sender; never blocks, never raises.
        due_unix_s: when it is to be executed (an OSC time tag); None is at once.
        outside: whether the address is not one of ours, but goes as it is.
        glide_s: how long what it turns is to take, 0 at once (s); None leaves that to the parameter.
        received_unix_s: when it arrived, for taps; None is now.
    """

    address: str
    arguments: tuple[object, ...]
    sender: Hashable
    reply: Reply
    due_unix_s: float | None = None
    outside: bool = False
    glide_s: float | None = None
    received_unix_s: float | None = None


class EventQueue:
    """Many threads put, the engine's thread drains; events with a time wait for it.

    A fader says more than a frame can show. Of the numbers that a sender gives for the same knob within a frame, only
    the newest is kept; it has the place of the newest in the order. Whatever is more than a number (a trigger, a
    command, a relative step, a question) is kept, and no number passes it: what came before it still happens before.
    Bundles stay whole: one gives way only to one that turns the same knobs.

    What waits is bounded apart from what has just arrived, so that no client's clock can crowd out what is played now.

    Args:
        is_knob: tells, from any thread, whether an address holds a value.

    Attributes:
        dropped: events that found no room, or whose time is more than HORIZON_S ahead.
        coalesced: events that gave way to a newer one.
        late: bundles that came after the frame of their time; they are executed at once.
    """

    def __init__(self, is_knob: Callable[[str], bool] = lambda _address: False) -> None:
        self._is_knob = is_knob
        self._lock = threading.Lock()
        self._arrived: dict[object, tuple[Event, ...]] = {}
        self._arrived_events = 0
        self._era = 0  # what is more than a number begins another one
        self._waiting: list[tuple[float, int, tuple[Event, ...]]] = []
        self._waiting_events = 0
        self._order = itertools.count()
        self._decided_s = -math.inf
        self.dropped = 0
        self.coalesced = 0
        self.late = 0

    def put(self, *events: Event) -> None:
        """Hand over one event, or several that belong together (a bundle) and are executed in the same frame."""
        if not events:
            return
        turns = all(self._is_turn(event) for event in events)
        with self._lock:
            if turns:
                key: object = (self._era, events[0].sender, *[event.address for event in events])
                if self._arrived.pop(key, None) is not None:
                    self.coalesced += len(events)
                    self._arrived_events -= len(events)
            else:
                self._era += 1
                key = self._era
            if self._arrived_events + len(events) > QUEUE_LENGTH:
                self.dropped += len(events)
                return
            self._arrived_events += len(events)
            self._arrived[key] = events

    def drain(self, now_unix_s: float) -> list[Event]:
        """Return what is due by `now_unix_s` (s, Unix): timed ones in the order of their times, then the others."""
        with self._lock:
            arrived, self._arrived = self._arrived, {}
            self._arrived_events = 0
        at_once: list[Event] = []
        for bundle in arrived.values():
            due_s = bundle[0].due_unix_s
            if due_s is None:
                at_once.extend(bundle)
            else:
                self._wait(bundle, due_s, now_unix_s)
        self._decided_s = now_unix_s
        return self._due(now_unix_s) + at_once

    def _is_turn(self, event: Event) -> bool:
        """Tell whether an event sets a knob to a number, at once."""
        if event.due_unix_s is not None or len(event.arguments) != 1 or event.outside:
            return False
        value = event.arguments[0]
        # What is no finite number is refused later, and must not take the place of one.
        return isinstance(value, (float, int)) and -math.inf < value < math.inf and self._is_knob(event.address)

    def _wait(self, bundle: tuple[Event, ...], due_s: float, now_s: float) -> None:
        self.late += due_s <= self._decided_s
        if due_s > now_s + HORIZON_S or self._waiting_events + len(bundle) > QUEUE_LENGTH:
            self.dropped += len(bundle)
            return
        self._waiting_events += len(bundle)
        heapq.heappush(self._waiting, (due_s, next(self._order), bundle))

    def _due(self, now_s: float) -> list[Event]:
        due: list[Event] = []
        while self._waiting and self._waiting[0][0] <= now_s:
            due.extend(heapq.heappop(self._waiting)[2])
        self._waiting_events -= len(due)
        return due
