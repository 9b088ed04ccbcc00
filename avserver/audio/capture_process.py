"""The capture process: a driver, and its callback that writes a ring in shared memory. See `capture`.

Over the pipe it says, once, `(label, rate in Hz)` when the device is there, or else a sentence why not.
"""

import contextlib
import importlib
import os
import signal
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Protocol

from avserver.audio.ring import SharedRing
from avserver.errors import AudioError

# Driver -> where its stream is. Imported in the capture process only.
DRIVERS = {"device": "avserver.audio.device:DeviceStream", "jack": "avserver.audio.jack:JackStream"}

# How often a driver looks after its stream (s).
_TEND_S = 0.25


@dataclass(frozen=True, slots=True)
class CaptureSettings:
    """What to listen to.

    Attributes:
        driver: one of DRIVERS.
        name: of the device (part of it, or its number), or a pattern of JACK ports; empty: the default one, or wait.
        channels: which, counted from 1; none given means the first two.
        rate_hz: samples per second wanted of the device (Hz), 0 for its own.
    """

    driver: str
    name: str = ""
    channels: tuple[int, ...] = ()
    rate_hz: int = 0


class Stream(Protocol):
    """What a driver offers, in the capture process. Made with (settings, ring); from then on it writes the ring.

    Raises AudioError on making when it cannot be opened; the message lists those that can.
    """

    label: str
    rate_hz: int

    def tend(self) -> None:
        """Look after it a few times a second. Raises AudioError when it has ended."""

    def close(self) -> None:
        """Stop."""


def capture(pipe: Connection, settings: CaptureSettings, ring_name: str) -> None:
    """Run the capture process until the other end of the pipe is closed."""
    # Ctrl-C reaches every process of the terminal; only the show process decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Drivers write to stderr as they please; whatever matters goes through the pipe.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        try:
            module, name = DRIVERS[settings.driver].split(":")
            stream: Stream = getattr(importlib.import_module(module), name)(settings, SharedRing.attach(ring_name))
            pipe.send((stream.label, stream.rate_hz))
            while not pipe.poll(_TEND_S):
                stream.tend()
            stream.close()
        except AudioError as err:
            pipe.send(str(err))
    os._exit(0)  # a driver whose device is gone may hang in what it does at exit
