"""A client of avserver in one file: frames over ZeroMQ, knobs over OSC. Needs numpy and pyzmq.

(JPEG streams need simplejpeg or Pillow too.)

with Frames("tcp://127.0.0.1:5555") as frames:
    for header, image in frames:
        ...                                  # always the newest frame, however long this takes

with Frames("tcp://rack:5555", keys="avserver.client.json") as frames:
    ...                                      # encrypted, with the file that `avserver keys new` made

with Osc() as osc:
    osc.send("/noise/strength", 0.8)
    osc.ask("/noise/strength")               # [0.8…]
"""

from __future__ import annotations

import contextlib
import io
import json
import socket
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import zmq

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAGIC = b"AVSF"
REPEATED, FAILSAFE, BLACKOUT = 1, 2, 4
CHANNELS = {b"RGB8": 3, b"RGBA": 4, b"BGRA": 4}
_HEADER = struct.Struct("<4sHHII4sIQdQQII")


@dataclass(frozen=True)
class Header:
    """What comes before the pixels of every frame: 64 bytes, little-endian, in this order."""

    magic: bytes
    version: int
    header_size: int
    width_px: int
    height_px: int
    pixel_format: bytes
    row_bytes: int
    index: int
    t_s: float
    published_ns: int
    audio_ns: int
    flags: int
    size_bytes: int


class Frames:
    """The frames of a server, newest only: a slow reader skips frames and never falls behind.

    Args:
        address: of the server's ZeroMQ output.
        timeout_s: how long to wait for a frame before `TimeoutError` is raised; None waits for ever.
        keys: the client's file that `avserver keys new` made, if the output has keys; with wrong ones nothing comes.
    """

    def __init__(
        self, address: str = "tcp://127.0.0.1:5555", *, timeout_s: float | None = None, keys: str | Path | None = None
    ) -> None:
        self.address = address
        self.timeout_s = timeout_s
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        self._socket.setsockopt(zmq.CONFLATE, 1)  # without effect if it were set after connect
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.subscribe(MAGIC)
        if keys is not None:
            own = json.loads(Path(keys).read_text())
            self._socket.setsockopt(zmq.CURVE_SERVERKEY, own["server"].encode())
            self._socket.setsockopt(zmq.CURVE_PUBLICKEY, own["public"].encode())
            self._socket.setsockopt(zmq.CURVE_SECRETKEY, own["secret"].encode())
        self._socket.connect(address)

    def read(self) -> tuple[Header, np.ndarray]:
        """Return the newest frame that was not read yet: its header, and uint8 (height, width, 3 or 4), RGB or RGBA.

        The image of an RGB or RGBA stream is a read-only view of what was received; copy it to change it.

        Raises TimeoutError if none comes in time, ValueError if what comes is not a frame.
        """
        if not self._socket.poll(None if self.timeout_s is None else round(self.timeout_s * 1000)):
            raise TimeoutError(f"no frame from {self.address} in {self.timeout_s} s")
        return decode(self._socket.recv())

    def __iter__(self) -> Iterator[tuple[Header, np.ndarray]]:
        while True:
            yield self.read()

    def close(self) -> None:
        """Hang up."""
        self._socket.close()
        self._context.term()

    def __enter__(self) -> Frames:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def decode(message: bytes) -> tuple[Header, np.ndarray]:
    """Return the header and the image of one message. Raises ValueError if it is not a frame."""
    if len(message) < _HEADER.size or not message.startswith(MAGIC):
        raise ValueError(f"expected a frame that begins with {MAGIC!r}, got {len(message)} bytes: {message[:8]!r}")
    header = Header(*_HEADER.unpack_from(message))
    payload = memoryview(message)[header.header_size :]
    if header.version != 1 or len(payload) != header.size_bytes:
        raise ValueError(f"expected version 1 and {header.size_bytes} bytes, got {header.version} and {len(payload)}")
    if header.pixel_format == b"JPEG":
        return header, _decode_jpeg(payload)
    if header.pixel_format not in CHANNELS:
        raise ValueError(f"unknown pixel format {header.pixel_format!r}, known: {[*CHANNELS, b'JPEG']}")
    channels = CHANNELS[header.pixel_format]
    if header.row_bytes < header.width_px * channels or header.row_bytes * header.height_px != header.size_bytes:
        raise ValueError(f"{header.height_px} rows of {header.row_bytes} bytes are not {header.size_bytes} bytes")
    rows = np.frombuffer(payload, np.uint8).reshape(header.height_px, header.row_bytes)
    image = rows[:, : header.width_px * channels].reshape(header.height_px, header.width_px, channels)
    return header, image[..., [2, 1, 0, 3]] if header.pixel_format == b"BGRA" else image


def _decode_jpeg(payload: memoryview) -> np.ndarray:
    try:
        image: np.ndarray = _jpeg_decoder()(payload)
    except (ValueError, OSError) as error:
        raise ValueError(f"expected JPEG that can be read: {error}") from error
    return image


def _jpeg_decoder() -> Callable[[memoryview], np.ndarray]:
    with contextlib.suppress(ImportError):
        import simplejpeg  # noqa: PLC0415  (three times as fast as Pillow)

        return lambda payload: simplejpeg.decode_jpeg(payload, "RGB")
    try:
        from PIL import Image  # noqa: PLC0415
    except ImportError as error:
        raise ValueError("it needs simplejpeg or Pillow: pip install simplejpeg") from error
    return lambda payload: np.asarray(Image.open(io.BytesIO(payload)).convert("RGB"))


class Osc:
    """The knobs of a server. Addresses are those of `avserver params`, without `/avserver`."""

    def __init__(self, host: str = "127.0.0.1", port: int = 9000) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect((host, port))

    def send(self, address: str, *values: float | str) -> None:
        """Turn a knob (one value) or fire a trigger (none)."""
        self._socket.send(encode_osc("/avserver" + address, *values))

    def ask(self, address: str, *, timeout_s: float = 1.0) -> list[Any]:
        """Return what the server answers at `address` (`/status`: alternating names and values).

        Raises TimeoutError or ConnectionRefusedError if it does not answer, ValueError if it answers that it cannot.
        """
        self.send(address)
        self._socket.settimeout(timeout_s)
        while True:
            heard, values = decode_osc(self._socket.recv(65536))
            if heard == "/avserver/fail":
                raise ValueError(" ".join(map(str, values)))
            if heard in ("/avserver" + address, f"/avserver{address}.reply"):
                return values

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def __enter__(self) -> Osc:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def encode_osc(address: str, *values: float | str) -> bytes:
    """Return an OSC message; whole numbers go out as 64 bits (`h`), others as 32-bit floats."""
    tags, data = ",", b""
    for value in values:
        if isinstance(value, str):
            tags, data = tags + "s", data + _padded(value)
        elif isinstance(value, int):
            tags, data = tags + "h", data + struct.pack(">q", value)
        else:
            tags, data = tags + "f", data + struct.pack(">f", value)
    return _padded(address) + _padded(tags) + data


def decode_osc(packet: bytes) -> tuple[str, list[Any]]:
    """Return the address and the values of a message that avserver sent."""
    address, at = _text(packet, 0)
    tags, at = _text(packet, at)
    values: list[Any] = []
    for tag in tags[1:]:
        if tag == "s":
            text, at = _text(packet, at)
            values.append(text)
        else:
            layout = ">" + {"i": "i", "h": "q", "f": "f", "d": "d"}[tag]
            values += struct.unpack_from(layout, packet, at)
            at += struct.calcsize(layout)
    return address, values


def _padded(text: str) -> bytes:
    data = text.encode()
    return data + bytes(4 - len(data) % 4)


def _text(packet: bytes, at: int) -> tuple[str, int]:
    end = packet.index(b"\0", at)
    return packet[at:end].decode(), (end // 4 + 1) * 4
