"""A whole show but for the pictures, stepped by hand: real sockets, the real engine, told what is heard."""

import contextlib
import socket
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from avserver.analysis.analyser import Analyser
from avserver.audio.source import SilentSource
from avserver.clock import Tick
from avserver.control.desk import Desk
from avserver.control.events import EventQueue
from avserver.control.mapping import load_patch
from avserver.control.osc import OscServer
from avserver.control.osc_packet import decode, encode
from avserver.control.params import Params
from avserver.control.sender import Sender
from avserver.control.told import Told
from avserver.engine_room import build_engine
from avserver.meter import Meter

FRAME_S = 1 / 60


class SteppedShow:
    """An engine with these mapping files, and another program that speaks OSC with it.

    Attributes:
        address: where it hears OSC.
        desk: its knobs.
    """

    def __init__(self, *files: Path) -> None:
        self.patch = load_patch(*files)
        self.table = self.patch.param_table()
        self._queue = EventQueue()
        told = Told(Analyser(SilentSource()).until(0.0))
        self.desk = Desk(self.table, dict, told.commands())
        self._sender = Sender()
        self._engine = build_engine(
            source=SilentSource(),
            patch=self.patch,
            table=self.table,
            queue=self._queue,
            desk=self.desk,
            meter=Meter(),
            told=told,
            sender=self._sender,
        )
        self._index, self._t_s = 0, 0.0

    def __enter__(self) -> Self:
        self._server = OscServer("127.0.0.1", 0, self._queue)
        self.address = self._server.address
        self._other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._other.connect(self.address)
        self._other.settimeout(0.01)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._other.close()
        self._server.close()
        self._sender.close()

    def step(self, dt_s: float = FRAME_S) -> Params:
        """Decide the next frame."""
        self._index += 1
        self._t_s += dt_s
        return self._engine.step(Tick(self._index, self._t_s), time.time())

    def after(self, *packets: bytes) -> Params:
        """Send packets and return the parameters a second later, when whatever is smoothed has arrived."""
        for packet in packets:
            self._other.send(packet)
        return self.caught_up()

    def caught_up(self) -> Params:
        """Step until everything that was sent is executed, and return the parameters a second later."""
        self._other.send(encode("/avserver/sync", 1))
        fired: frozenset[str] = frozenset()
        end_s = time.monotonic() + 5
        while time.monotonic() < end_s:
            fired |= self.step().fired
            with contextlib.suppress(TimeoutError):
                while not (answer := self._other.recv(1000)).startswith(b"/avserver/synced"):
                    assert not answer.startswith(b"/avserver/fail"), decode(answer)
                return Params(self.step(1.0).values, fired)
        raise AssertionError("the engine did not hear of it")


class Listener:
    """A program that hears OSC on a port of its own (0: any), as `Resolume` on 7000."""

    def __init__(self, port: int = 0) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", port))
        self._socket.settimeout(0.02)
        self.port: int = self._socket.getsockname()[1]

    def heard(self) -> list[tuple[str, tuple[object, ...]]]:
        """Return what has arrived since the last call."""
        messages = []
        with contextlib.suppress(TimeoutError):
            while True:
                (bundle,) = decode(self._socket.recv(65536))
                messages += [(message.address, message.arguments) for message in bundle.messages]
        return messages

    def close(self) -> None:
        self._socket.close()
