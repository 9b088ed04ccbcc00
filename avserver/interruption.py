"""Interruption: Ctrl-C and its like, taken as a wish to stop soon with what there is."""

import contextlib
import signal
import types
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def first_signal(*signals: signal.Signals) -> Iterator[Callable[[], bool]]:
    """Yield what tells whether one of `signals` has come; the next one raises KeyboardInterrupt.

    An exception instead could be raised, and lost, in the middle of a framework's callback.
    """
    asked = False

    def note(_number: int, _frame: types.FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    before = {number: signal.signal(number, note) for number in signals}
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
