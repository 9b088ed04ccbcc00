"""Events: what control threads hand to the engine's thread, and nothing else crosses between them."""

import heapq
import itertools
import threading
from collections import deque
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

    What waits is bounded apart from what has just arrived, so that no client's clock can crowd out what is played now.

    Attributes:
        dropped: events that found no room, or whose time is more than HORIZON_S ahead.
        late: bundles that came after their time; they are executed at once.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._arrived: deque[tuple[Event, ...]] = deque()
        self._arrived_events = 0
        self._waiting: list[tuple[float, int, tuple[Event, ...]]] = []
        self._waiting_events = 0
        self._order = itertools.count()
        self.dropped = 0
        self.late = 0

    def put(self, *events: Event) -> None:
        """Hand over one event, or several that belong together (a bundle) and are executed in the same frame."""
        with self._lock:
            if self._arrived_events + len(events) > QUEUE_LENGTH:
                self.dropped += len(events)
                return
            self._arrived_events += len(events)
            self._arrived.append(events)

    def drain(self, now_unix_s: float) -> list[Event]:
        """Return what is due by `now_unix_s` (s, Unix): timed ones in the order of their times, then the others."""
        with self._lock:
            arrived, self._arrived = self._arrived, deque()
            self._arrived_events = 0
        at_once: list[Event] = []
        for bundle in arrived:
            due_s = bundle[0].due_unix_s if bundle else None
            if due_s is None:
                at_once.extend(bundle)
            else:
                self._wait(bundle, due_s, now_unix_s)
        return self._due(now_unix_s) + at_once

    def _wait(self, bundle: tuple[Event, ...], due_s: float, now_s: float) -> None:
        self.late += due_s < now_s
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
