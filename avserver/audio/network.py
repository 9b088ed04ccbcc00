"""Sound over a network: RTP, and samples over ZeroMQ.

Neither needs a thread: the system keeps what arrives until it is read, once a frame.

A ZeroMQ message is one part: a little-endian header of 12 bytes, then interleaved samples, little-endian too. 5 to
40 ms of sound are a good length.

| at | type | field                              |
|----|------|------------------------------------|
| 0  | 4s   | magic `AVSA`                       |
| 4  | u8   | version = 1                        |
| 5  | u8   | channels, 1 or more                |
| 6  | u16  | format: 0 is int16, 1 is float32   |
| 8  | u32  | samples per second (Hz) a channel  |
"""

import errno
import socket
import struct
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import zmq

from avserver.addresses import bound_socket, is_loopback, refuse_taken_path
from avserver.audio.live import LiveSource, Status
from avserver.audio.resampler import Resampler
from avserver.audio.rtp import Depacketizer, mixed
from avserver.audio.source import ALLOWED_RATES_HZ, Samples, clean
from avserver.errors import AddressInUse, AudioError, ConfigError, WireError

_RECEIVE_BUFFER_BYTES = 1 << 20
_DATAGRAM_BYTES = 65_536
# Of one read: five seconds of the busiest stream. Somebody who floods us must not hold up the frame.
_MOST_MESSAGES = 2_000
_MOST_CHANNELS = 64

_CHOOSE = "--audio or [audio] source"

MAGIC, VERSION = b"AVSA", 1
HEADER = struct.Struct("<4sBBHI")
FORMATS: dict[int, np.dtype[Any]] = {0: np.dtype("<i2"), 1: np.dtype("<f4")}
RTP_FORM = "rtp://HOST:PORT, or rtp://HOST:PORT?rate=48000&channels=2"
ZEROMQ_FORM = "zmq+tcp://HOST:PORT or zmq+ipc://PATH"


class RtpSource(LiveSource):
    """RTP L16 on a UDP port.

    Args:
        url: RTP_FORM. Rate (Hz, default 48000) and channels (default 2) are those of dynamic payload types; 10 and 11
            bring their own.
        channels: which to hear, counted from 1; none given means the first two.
        insecure: allow addresses that other machines reach, of which anybody may send.
        sample_rate: samples per second (Hz) of what `read` returns.

    Attributes:
        address: (host, port) as bound.

    Raises:
        AudioError: for a URL of another kind.
        ConfigError: for an address that is not to be listened on.
        AddressInUse: if somebody has the port.
    """

    def __init__(
        self, url: str, *, channels: tuple[int, ...] = (), insecure: bool = False, sample_rate: int = 44_100
    ) -> None:
        host, port, rate_hz, count = _parse_rtp(url)
        _refuse_open(host, url, insecure)
        self._depacketizer = Depacketizer(rate_hz=rate_hz, channels=count, picked=channels)
        super().__init__(sample_rate)
        self._resample = Resampler(rate_hz, sample_rate)
        self._resampled_hz = rate_hz
        self._socket = bound_socket(host, port, socket.SOCK_DGRAM, name="RTP", choose=_CHOOSE)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
        self.address: tuple[str, int] = self._socket.getsockname()[:2]

    def status(self) -> Status:
        """Return how it is doing, by name."""
        stream = self._depacketizer
        counts = {"lost": stream.lost, "late": stream.late, "malformed": stream.malformed, "foreign": stream.foreign}
        return {**super().status(), **counts}

    def _fetch(self, now_s: float) -> Samples:
        parts = []
        for datagram in self._datagrams():
            blocks = self._depacketizer.push(datagram)
            if self._depacketizer.rate_hz != self._resampled_hz:
                self._resampled_hz = self._depacketizer.rate_hz
                self._resample = Resampler(self._resampled_hz, self.sample_rate)
            parts += [self._resample(block) for block in blocks]
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)

    def _datagrams(self) -> list[bytes]:
        """Return what has arrived."""
        datagrams = []
        for _ in range(_MOST_MESSAGES):
            try:
                datagrams.append(self._socket.recv(_DATAGRAM_BYTES))
            except BlockingIOError:
                break
            except OSError:  # on some systems an error of the network is reported here
                continue
        return datagrams

    def _forget(self) -> None:
        self._datagrams()
        self._depacketizer.reset()

    def _close(self) -> None:
        self._socket.close()


class ZeroMqSource(LiveSource):
    """Samples over ZeroMQ: a PULL socket that is bound here; senders connect their PUSH sockets to it.

    Args:
        url: ZEROMQ_FORM.
        channels: which to hear, counted from 1; none given means the first two.
        insecure: allow addresses that other machines reach, of which anybody may send.
        sample_rate: samples per second (Hz) of what `read` returns.

    Attributes:
        address: where it is bound.
        malformed: messages that are not of the form above.

    Raises:
        AudioError: for a URL of another kind.
        ConfigError: for an address that is not to be listened on.
        AddressInUse: if somebody has it.
    """

    def __init__(
        self, url: str, *, channels: tuple[int, ...] = (), insecure: bool = False, sample_rate: int = 44_100
    ) -> None:
        super().__init__(sample_rate)
        self._picked = channels
        self.malformed = 0
        self._resample: Resampler | None = None
        self._resampled_hz = 0
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.PULL)
        try:
            self._bind(url, insecure)
        except (AudioError, ConfigError, AddressInUse):
            self.close()
            raise
        self.address = self._socket.getsockopt_string(zmq.LAST_ENDPOINT)

    def status(self) -> Status:
        """Return how it is doing, by name."""
        return {**super().status(), "malformed": self.malformed}

    def _bind(self, url: str, insecure: bool) -> None:
        address = url.removeprefix("zmq+")
        if not (url.startswith("zmq+") and address.startswith(("tcp://", "ipc://"))):
            raise AudioError(f"cannot listen to {url!r}; allowed: {ZEROMQ_FORM}")
        if address.startswith("tcp://"):
            _refuse_open(address.removeprefix("tcp://").rpartition(":")[0], url, insecure)
        refuse_taken_path(address, choose=_CHOOSE)
        self._socket.setsockopt(zmq.IPV6, "[" in address)
        self._socket.setsockopt(zmq.MAXMSGSIZE, 1 << 24)
        try:
            self._socket.bind(address)
        except zmq.ZMQError as err:
            if err.errno == errno.EADDRINUSE:
                raise AddressInUse(f"{url} is in use; choose another with {_CHOOSE}") from err
            reason = zmq.strerror(err.errno or 0)
            raise AudioError(f"cannot listen to {url!r}: {reason}; allowed: {ZEROMQ_FORM}") from err

    def _fetch(self, now_s: float) -> Samples:
        parts = []
        for message in self._messages():
            try:
                rate_hz, samples = unpack(message)
            except WireError:
                self.malformed += 1
                continue
            if self._resample is None or rate_hz != self._resampled_hz:
                self._resample, self._resampled_hz = Resampler(rate_hz, self.sample_rate), rate_hz
            parts.append(self._resample(mixed(samples, self._picked)))
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)

    def _messages(self) -> list[bytes]:
        """Return what has arrived; a message of several parts is none of ours."""
        messages = []
        for _ in range(_MOST_MESSAGES):
            try:
                parts = self._socket.recv_multipart(zmq.DONTWAIT)
            except zmq.Again:
                break
            messages.append(parts[0] if len(parts) == 1 else b"")
        return messages

    def _forget(self) -> None:
        self._messages()

    def _close(self) -> None:
        self._context.destroy(linger=0)


def unpack(message: bytes) -> tuple[int, Samples]:
    """Return rate (Hz) and samples (n, channels) in [-1, 1] of a ZeroMQ message. Raises WireError for another."""
    if len(message) < HEADER.size:
        raise WireError(f"a message has at least {HEADER.size} bytes, got {len(message)}")
    magic, version, channels, number, rate_hz = HEADER.unpack_from(message)
    if magic != MAGIC or version != VERSION:
        raise WireError(f"expected {MAGIC!r} version {VERSION}, got {magic!r} version {version}")
    low, high = ALLOWED_RATES_HZ
    if not (1 <= channels <= _MOST_CHANNELS and number in FORMATS and low <= rate_hz <= high):
        raise WireError(f"no sound has {channels} channels of format {number} at {rate_hz} Hz")
    kind = FORMATS[number]
    payload = memoryview(message)[HEADER.size :]
    if len(payload) % (kind.itemsize * channels):
        raise WireError(f"{len(payload)} bytes are not whole samples of {channels} channels")
    samples = np.frombuffer(payload, kind).reshape(-1, channels).astype(np.float32)
    return rate_hz, samples / np.float32(32_768) if kind.kind == "i" else clean(samples)


def _parse_rtp(url: str) -> tuple[str, int, int, int]:
    """Return host, port, rate (Hz) and channels of an RTP URL. Raises AudioError for another."""
    try:
        parts = urlsplit(url)
        query = {
            key: int(values[-1]) for key, values in parse_qs(parts.query, strict_parsing=bool(parts.query)).items()
        }
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, query = None, None, {}
    rate_hz, channels = query.pop("rate", 48_000), query.pop("channels", 2)
    low, high = ALLOWED_RATES_HZ
    usable = low <= rate_hz <= high and 1 <= channels <= _MOST_CHANNELS and not query
    if not usable or host is None or port is None or parts.scheme != "rtp" or parts.path not in ("", "/"):
        raise AudioError(f"cannot listen to {url!r}; allowed: {RTP_FORM}")
    return host, port, rate_hz, channels


def _refuse_open(host: str, url: str, insecure: bool) -> None:
    """Raise ConfigError for an address that other machines reach."""
    if not insecure and not is_loopback(host):
        raise ConfigError(
            f"{url} can be reached by other machines, where anybody may send; allowed: 127.0.0.1, localhost, "
            "or any with insecure = true in [audio]"
        )
