"""JACK, and PipeWire's JACK: ports of our own, connected to those of other programs. Used in the capture process."""

import time
from types import ModuleType
from typing import Any

from avserver.audio.capture_process import CaptureSettings
from avserver.audio.ring import Ring
from avserver.errors import AudioError

CLIENT = "avserver"


def jack_client() -> ModuleType:
    """Import JACK-Client, and keep the library from writing to stderr. Raises AudioError where it cannot be had."""
    try:
        import jack  # noqa: PLC0415  (an extra)
    except ImportError as err:
        raise AudioError("JACK needs JACK-Client; install it with: pip install 'avserver[jack]'") from err
    except OSError as err:
        raise AudioError(f"JACK needs its library ({err}); install it with: sudo apt install libjack-jackd2-0") from err
    module: ModuleType = jack
    module.set_error_function(lambda message: None)
    module.set_info_function(lambda message: None)
    return module


def open_client(jack: ModuleType, name: str = CLIENT) -> Any:
    """Return a client of the running server (JACK_DEFAULT_SERVER names another). Raises AudioError if none runs."""
    try:
        return jack.Client(name, no_start_server=True)
    except jack.JackOpenError as err:
        raise AudioError("no JACK server is running; start one, or use PipeWire's: pw-jack avserver serve …") from err


def source_ports(jack: ModuleType, client: Any, pattern: str = "") -> list[str]:
    """Return the names of all ports that bring sound and match a pattern (a regular expression of JACK's)."""
    return [
        port.name
        for port in client.get_ports(pattern, is_audio=True, is_output=True)
        if not port.name.startswith(f"{client.name}:")
    ]


class JackStream:
    """A client with a port for each channel. See `capture_process.Stream`.

    With a pattern the ports that match are numbered from 1 as JACK lists them; `channels` picks from these, and each is
    connected whenever it is there. Without one the ports wait for somebody to connect them.
    """

    def __init__(self, settings: CaptureSettings, ring: Ring) -> None:
        self._jack = jack_client()
        self._client = open_client(self._jack)
        self._ring = ring
        self._pattern = settings.name
        self._ended = ""
        self.label = f"JACK {self._client.name}" + (f" from {settings.name}" if settings.name else "")
        self.rate_hz = int(self._client.samplerate)
        self._channels = self._choose(settings.channels)
        self._ports = [self._client.inports.register(f"input_{i + 1}") for i in range(len(self._channels))]
        self._connected: list[Any] = []
        self._client.set_process_callback(self._hear)
        self._client.set_xrun_callback(lambda _delay_us: ring.count_xrun())
        self._client.set_shutdown_callback(self._end)
        self._client.activate()
        self.tend()

    def tend(self) -> None:
        """Connect what is to be connected. Raises AudioError when the server has gone."""
        if self._ended:
            raise AudioError(self._ended)
        try:
            self._connect()
            self._connected = [port for port in self._ports if port.number_of_connections > 0]
        except self._jack.JackError as err:  # a port that went away just now
            if not self._client.status:
                raise AudioError(str(err)) from err

    def close(self) -> None:
        """Leave the server."""
        self._client.deactivate()
        self._client.close()

    def _choose(self, channels: tuple[int, ...]) -> tuple[int, ...]:
        """Return which of the matching ports (from 1) to hear. Raises AudioError if there are none such."""
        if not self._pattern:
            return channels or (1, 2)
        found = source_ports(self._jack, self._client, self._pattern)
        if not found or max(channels, default=0) > len(found):
            matching = f"{len(found)} ports match" if found else "no port matches"
            listed = ", ".join(source_ports(self._jack, self._client)) or "none"
            raise AudioError(f"{matching} {self._pattern!r} in JACK; ports that bring sound: {listed}")
        return channels or tuple(range(1, min(2, len(found)) + 1))

    def _connect(self) -> None:
        """Connect each of our ports to the one that it is meant for, where that is there and not connected."""
        if not self._pattern:
            return
        found = source_ports(self._jack, self._client, self._pattern)
        for port, channel in zip(self._ports, self._channels, strict=True):
            if channel <= len(found) and port.number_of_connections == 0:
                self._client.connect(found[channel - 1], port)

    def _hear(self, count: int) -> None:
        """Write the mean of the ports that somebody is connected to; called in JACK's thread."""
        ports = self._connected or self._ports[:1]
        block = ports[0].get_array() / len(ports)
        for port in ports[1:]:
            block += port.get_array() / len(ports)
        self._ring.write(block, time.monotonic())

    def _end(self, _status: Any, reason: str) -> None:
        """Note that the server went; called in JACK's thread."""
        self._ended = reason or "the JACK server went away"
