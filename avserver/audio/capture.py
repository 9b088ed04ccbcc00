"""CaptureSource: sound from a device or another program, through a process of its own.

PortAudio hangs for good when its JACK server dies, it finds new devices only when it is started anew, and a callback in
Python that waits for the show's interpreter makes everybody's JACK graph stumble. So the driver lives in a process that
can be killed: its callback writes a ring in shared memory, the show process reads it, and nothing that happens to a
device can stop the show.
"""

import logging
import multiprocessing

import numpy as np

from avserver.audio.capture_process import CaptureSettings, capture
from avserver.audio.live import LiveSource, Status
from avserver.audio.resampler import Resampler
from avserver.audio.ring import Ring, SharedRing
from avserver.audio.source import Samples, clean
from avserver.errors import AudioError

_log = logging.getLogger(__name__)

# A process that starts on a loaded machine, and a driver that looks at every device.
OPEN_S = 20.0
# A device whose callback is silent for this long is gone; drivers call at least every 100 ms.
LOST_S = 1.0
RETRY_S = 1.5
_QUIT_S = 0.5


class _Attempt:
    """One capture process and its ring, from start to end."""

    def __init__(self, settings: CaptureSettings) -> None:
        self.ring = SharedRing.create()
        context = multiprocessing.get_context("spawn")
        self._pipe, there = context.Pipe()
        self._process = context.Process(
            target=capture, args=(there, settings, self.ring.name), name="avserver-capture", daemon=True
        )
        self._process.start()
        there.close()
        self.label = ""
        self.rate_hz = 0

    def poll(self, timeout_s: float = 0.0) -> bool:
        """Hear what the process says; return whether it has its device. Raises AudioError when it has none."""
        try:
            while self._pipe.poll(0.0 if self.rate_hz else timeout_s):
                message = self._pipe.recv()
                if isinstance(message, str):
                    raise AudioError(message)
                self.label, self.rate_hz = message
        except (EOFError, ConnectionResetError):
            raise AudioError("the process that listens to the device has ended") from None
        return self.rate_hz > 0

    def close(self) -> None:
        """End the process, politely first if it is at work."""
        self._pipe.close()
        if self.rate_hz:
            self._process.join(_QUIT_S)
        self.kill()

    def kill(self) -> None:
        """End the process at once."""
        self._pipe.close()
        self._process.kill()
        self._process.join(_QUIT_S)
        if not self._process.is_alive():  # one that hangs in the kernel is left to it
            self._process.close()
        self.ring.close()


class CaptureSource(LiveSource):
    """Sound of a device, or of another program.

    A device that vanishes is looked for by its name until it is back; meanwhile there is silence.

    Args:
        settings: what to listen to.
        sample_rate: samples per second (Hz) of what `read` returns.

    Attributes:
        label: name of the device as its driver gives it, and of the driver.
        reconnects: how often it was found again.

    Raises:
        AudioError: when it cannot be opened now; the message lists those that can.
    """

    def __init__(self, settings: CaptureSettings, *, sample_rate: int = 44_100) -> None:
        super().__init__(sample_rate)
        self._settings = settings
        self.reconnects = 0
        self._past_xruns = self._past_overruns = 0
        self._attempt: _Attempt | None = _Attempt(settings)
        try:
            if not self._attempt.poll(OPEN_S):
                raise AudioError(f"the driver of {settings.driver} {settings.name!r} has not answered in {OPEN_S:g} s")
        except AudioError:
            self.close()
            raise
        self.label = self._attempt.label
        self._resample = Resampler(self._attempt.rate_hz, sample_rate)

    @property
    def ring(self) -> Ring | None:
        """The ring that is read now, None while there is no process."""
        return self._attempt.ring if self._attempt else None

    def status(self) -> Status:
        """Return how it is doing, by name."""
        ring = self.ring
        return {
            **super().status(),
            "device": self.label,
            "reconnects": self.reconnects,
            "xruns": self._past_xruns + (ring.xruns if ring else 0),
            "overruns": self._past_overruns + (ring.overruns if ring else 0),
        }

    def _begin(self) -> None:
        super()._begin()
        # In show time (s): what the process does is looked at whenever it is read.
        self._alive_s = 0.0
        self._retry_s = 0.0
        self._seen = -1

    def _forget(self) -> None:
        if self._attempt:
            self._attempt.ring.forget()

    def _fetch(self, now_s: float) -> Samples:
        try:
            if self._attempt is None and now_s >= self._retry_s:
                self._retry_s = now_s + RETRY_S
                self._attempt = _Attempt(self._settings)
                self._alive_s = now_s
            if self._attempt is not None and self._is_open(self._attempt, now_s):
                return self._resample(clean(self._attempt.ring.take()))
        except AudioError as err:
            self._lose(str(err), now_s)
        except OSError as err:  # no memory to share, no process to be had: next time perhaps
            _log.debug("no capture process: %s", err)
        return np.zeros(0, np.float32)

    def _is_open(self, attempt: _Attempt, now_s: float) -> bool:
        """Return whether the device is there. Raises AudioError if it is not any more, or not yet."""
        was_open = attempt.rate_hz > 0
        if not attempt.poll():
            if now_s - self._alive_s > OPEN_S:
                raise AudioError("its driver does not answer")
            return False
        if not was_open:
            self.reconnects += 1
            self._resample = Resampler(attempt.rate_hz, self.sample_rate)
            self._alive_s = now_s
            _log.info("%s is back", attempt.label)
        if attempt.ring.written != self._seen:
            self._seen, self._alive_s = attempt.ring.written, now_s
        elif now_s - self._alive_s > LOST_S:
            raise AudioError(f"nothing came from it for {LOST_S:g} s")
        return True

    def _lose(self, reason: str, now_s: float) -> None:
        """Give the device up for now, and look for it again later."""
        assert self._attempt is not None
        if self._attempt.rate_hz:  # an attempt that never came that far is no news
            _log.warning("lost %s: %s; looking for it again every %g s", self.label, reason, RETRY_S)
        self._past_xruns += self._attempt.ring.xruns
        self._past_overruns += self._attempt.ring.overruns
        self._attempt.kill()
        self._attempt = None
        self._retry_s = now_s + RETRY_S

    def _close(self) -> None:
        if self._attempt is not None:
            self._attempt.close()
            self._attempt = None
