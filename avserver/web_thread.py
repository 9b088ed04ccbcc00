"""WebThread: a web server in a thread of its own, which the show never waits for."""

import asyncio
import socket
import threading
from collections.abc import Callable
from typing import Protocol


class WebServing(Protocol):
    """What runs in the thread."""

    async def serve(self, listeners: list[socket.socket]) -> None:
        """Serve until `stop`."""

    def stop(self) -> None:
        """Have `serve` return soon. Called from any thread."""


class WebThread:
    """Serves from `start` to `stop`, and may be started again afterwards.

    Args:
        name: of the thread.
        build: returns what serves; called in the thread, so that the show does not wait for what it imports. Whoever
            connects meanwhile queues at the listener.
    """

    def __init__(self, name: str, build: Callable[[], WebServing]) -> None:
        self._name = name
        self._build = build
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = threading.Event()
        self._serving: WebServing | None = None

    @property
    def ended(self) -> bool:
        """Whether it was started and serves no more, be it for an error."""
        return self._thread is not None and not self._thread.is_alive()

    def start(self, listener: socket.socket) -> None:
        """Serve those who connect to a bound socket, which is closed in the end."""
        listener.listen()
        self._loop, self._serving = None, None
        self._stopping = threading.Event()  # one that did not end in time keeps its own
        self._thread = threading.Thread(target=self._run, args=(listener, self._stopping), name=self._name, daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = 1.0) -> None:
        """Stop serving, and wait `timeout_s` (s) at most for the thread to end."""
        self._stopping.set()
        if self._serving is not None:
            self._serving.stop()
        if self._thread is not None:
            self._thread.join(timeout_s)

    def call_soon(self, function: Callable[..., object], *arguments: object) -> bool:
        """Have the thread call a function; return whether there is one. Called from any thread."""
        if self._loop is None:
            return False
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:  # the loop was closed meanwhile
            return False
        return True

    def _run(self, listener: socket.socket, stopping: threading.Event) -> None:
        with listener:
            asyncio.run(self._serve(listener, stopping))

    async def _serve(self, listener: socket.socket, stopping: threading.Event) -> None:
        serving = self._build()
        self._loop = asyncio.get_running_loop()
        self._serving = serving
        if not stopping.is_set():
            await serving.serve([listener])
