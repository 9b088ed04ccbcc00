"""Events: what control threads hand to the engine's thread, and nothing else crosses between them."""

import heapq
import itertools
import threading
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass

# Ten seconds of the densest stream that a fader bank sends; beyond that the oldest are of no interest to anyone.
QUEUE_LENGTH = 10_000

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
    """

    address: str
    arguments: tuple[object, ...]
    sender: Hashable
    reply: Reply
    due_unix_s: float | None = None


class EventQueue:
    """Many threads put, the engine's thread drains; events with a time wait for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._arrived: deque[tuple[Event, ...]] = deque()
        self._waiting: list[tuple[float, int, tuple[Event, ...]]] = []
        self._order = itertools.count()
        self._length = 0
        self.dropped = 0
        self.late = 0

    def put(self, *events: Event) -> None:
        """Hand over one event, or several that belong together (a bundle) and are executed in the same frame."""
        with self._lock:
            if self._length + len(events) > QUEUE_LENGTH:
                self.dropped += len(events)
                return
            self._length += len(events)
            self._arrived.append(events)

    def drain(self, now_unix_s: float) -> list[Event]:
        """Return what is due by `now_unix_s` (s, Unix): timed ones in the order of their times, then the others."""
        with self._lock:
            arrived, self._arrived = self._arrived, deque()
            at_once: list[Event] = []
            for bundle in arrived:
                due = bundle[0].due_unix_s if bundle else None
                if due is None:
                    at_once.extend(bundle)
                    self._length -= len(bundle)
                    continue
                self.late += due < now_unix_s
                heapq.heappush(self._waiting, (due, next(self._order), bundle))
            timed: list[Event] = []
            while self._waiting and self._waiting[0][0] <= now_unix_s:
                bundle = heapq.heappop(self._waiting)[2]
                timed.extend(bundle)
                self._length -= len(bundle)
        return timed + at_once
