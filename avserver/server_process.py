"""A server as a process of its own, started as a user starts it; for `bench` and the tests."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from avserver.control.osc_client import OscClient
from avserver.errors import AvserverError

HOST = "127.0.0.1"
_ASK_AGAIN_S = 0.02


class ServerDied(AvserverError):  # noqa: N818  (reads as what happened)
    """The server ended before it did what was waited for; the message holds what it printed."""


class ServerProcess:
    """`avserver serve` on free ports of this machine, entered when it has been started, ended when left.

    Args:
        arguments: further arguments of `avserver serve`.
        log: file that takes what the server prints.
        preview: whether it serves the preview page.
        oscquery: whether it serves OSCQuery.

    Attributes:
        osc: a client of the server.
        zeromq: address of its frames.
        preview: port of its preview page.
        oscquery: port of its OSCQuery.
        started_s: when it was started (s, time.monotonic).
    """

    def __init__(self, arguments: Sequence[str], *, log: Path, preview: bool = False, oscquery: bool = False) -> None:
        self._arguments = arguments
        self._log_path = log
        self._with_preview = preview
        self._with_oscquery = oscquery

    def __enter__(self) -> Self:
        self.osc_port, zeromq_port, self.preview = free_port(), free_port(), free_port()
        self.oscquery = free_port()
        self.zeromq = f"tcp://{HOST}:{zeromq_port}"
        ports = ["--osc-port", str(self.osc_port), "--zeromq", self.zeromq]
        ports += ["--preview-port", str(self.preview)] if self._with_preview else ["--no-preview"]
        ports += ["--oscquery-port", str(self.oscquery)] if self._with_oscquery else ["--no-oscquery"]
        self._log = self._log_path.open("w", encoding="utf-8")
        self.started_s = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "avserver", "serve", *self._arguments, *ports],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            # Its own session: a Ctrl-C meant for the bench is not meant for the server.
            start_new_session=True,
        )
        self.osc = OscClient(HOST, self.osc_port)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.osc.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(5.0)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._log.close()

    @property
    def printed(self) -> str:
        """What the server printed so far."""
        return self._log_path.read_text(encoding="utf-8")

    def wait_for_osc(self, timeout_s: float = 20.0) -> float:
        """Wait until OSC is answered; return how long after the start that was (s)."""
        end_s = self.started_s + timeout_s
        while self.osc.ask("/sync", 1, answer="/synced", timeout_s=_ASK_AGAIN_S) is None:
            self._check(end_s, "answer OSC")
        return time.monotonic() - self.started_s

    def wait_until(self, worker: str, timeout_s: float = 60.0) -> dict[str, object]:
        """Wait until the render worker is in that state (`playing`, …); return the status then."""
        end_s = time.monotonic() + timeout_s
        while True:
            status = self.osc.status()
            if status is not None and status["worker"] == worker:
                return status
            self._check(end_s, f"have its worker {worker}")
            time.sleep(_ASK_AGAIN_S)

    def _check(self, end_s: float, what: str) -> None:
        if self.process.poll() is not None:
            raise ServerDied(f"the server ended with code {self.process.returncode}: {self.printed}")
        if time.monotonic() > end_s:
            raise ServerDied(f"the server did not {what} in time: {self.printed}")


def free_port() -> int:
    """Return a port of this machine that nobody uses at this moment, neither for TCP nor for UDP."""
    while True:
        with socket.socket(socket.AF_INET) as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            tcp.bind((HOST, 0))
            port: int = tcp.getsockname()[1]
            try:
                udp.bind((HOST, port))
            except OSError:
                continue
            return port
