"""Processes that make pictures, and end with the one that they work for."""

import os
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, parent_process


def start_workers(count: int) -> ProcessPoolExecutor:
    """Return so many processes; each starts afresh, whatever threads this one has."""
    return ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=_end_with_parent)


def _end_with_parent() -> None:
    # A killed parent says nothing, and its workers would wait for ever for what to do next.
    threading.Thread(target=_wait_for_the_end, daemon=True).start()


def _wait_for_the_end() -> None:
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
