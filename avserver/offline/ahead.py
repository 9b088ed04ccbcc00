"""Ahead: work that is done in a thread of its own while its results are used."""

import queue
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Generic, Self, TypeVar

T = TypeVar("T")

_LOOKS_EVERY_S = 0.1  # whether it is still wanted


class Ahead(Generic[T]):
    """Takes items of an iterator before they are asked for, and gives them on in their order.

    An exception of the iterator's comes where its next item would have come. When this is left, the iterator stands
    still: nothing is taken any more.

    Args:
        items: used by the thread alone, until this is left.
        most: how many lie ready at most.
    """

    def __init__(self, items: Iterator[T], most: int) -> None:
        self._items = items
        self._ready: queue.Queue[T | None] = queue.Queue(most)
        self._error: BaseException | None = None
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._run, name="avserver-ahead", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left.set()
        # Whoever is impatient waits for nothing.
        if kind is None or issubclass(kind, Exception):
            self._thread.join()

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        item = self._ready.get()
        if item is not None:
            return item
        self._ready.put(None)  # for whoever asks again
        if self._error is not None:
            raise self._error
        raise StopIteration

    def _run(self) -> None:
        try:
            for item in self._items:
                if not self._put(item):
                    return
        except Exception as err:  # noqa: BLE001  (raised in the other thread)
            self._error = err
        self._put(None)

    def _put(self, item: T | None) -> bool:
        """Wait for room; return whether anybody still wants it."""
        while not self._left.is_set():
            try:
                self._ready.put(item, timeout=_LOOKS_EVERY_S)
            except queue.Full:
                continue
            return True
        return False
