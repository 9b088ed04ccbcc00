"""Sound track: what was heard, kept as FLAC of 16 bits, a few chunks a second, each readable by itself.

A chunk's payload is the number of its first sample (u64, of the take, little-endian) and FLAC frames, each after its
size (u32). The codec's own header, which decoders want to see first, is in the record `sound`.
"""

import base64
import struct
from collections.abc import Iterator
from typing import Any

import av
import numpy as np

from avserver.audio.source import Samples

_FIRST, _SIZE = struct.Struct("<Q"), struct.Struct("<I")
# 16 bits: 98 dB between the loudest and the quietest, more than a room has.
_FULL_SCALE = 32767.0


class SoundEncoder:
    """Makes chunks of sound.

    Args:
        rate_hz: samples per second.
    """

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._codec: Any = av.CodecContext.create("flac", "w")
        self._codec.sample_rate, self._codec.format, self._codec.layout = rate_hz, "s16", "mono"
        self._codec.open()
        self._waiting = np.zeros(0, np.int16)
        self._encoded = 0

    def describe(self) -> dict[str, object]:
        """Return what a reader needs to know."""
        return {"codec": "flac", "rate_hz": self._rate_hz, "header": base64.b64encode(self._codec.extradata).decode()}

    def add(self, block: Samples) -> None:
        """Take the samples that follow."""
        self._waiting = np.concatenate([self._waiting, np.rint(block * _FULL_SCALE).astype(np.int16)])

    def chunk(self, *, end: bool = False) -> bytes:
        """Return what has been added as a chunk, but for less than a frame (0.1 s), unless this is the end.

        Empty if there is nothing yet.
        """
        size = self._codec.frame_size
        first, packets = self._encoded, []
        while self._waiting.size >= size or (end and self._waiting.size):
            frame = av.AudioFrame.from_ndarray(self._waiting[None, :size], format="s16", layout="mono")
            frame.sample_rate, frame.pts = self._rate_hz, self._encoded
            packets += self._codec.encode(frame)
            self._encoded += frame.samples
            self._waiting = self._waiting[size:]
        if end:
            packets += self._codec.encode(None)
        frames = b"".join(_SIZE.pack(packet.size) + bytes(packet) for packet in packets if packet.size)
        return _FIRST.pack(first) + frames if frames else b""


def first_sample(payload: bytes) -> int:
    """Return the number of a chunk's first sample, of the take."""
    return int(_FIRST.unpack_from(payload)[0])


def decoded(sound: dict[str, Any], payload: bytes) -> Samples:
    """Return the samples of a chunk. Raises ValueError if it is none."""
    try:
        codec: Any = av.CodecContext.create(sound["codec"], "r")
        codec.extradata = base64.b64decode(sound["header"])
        frames = [frame for packet in _packets(payload) for frame in codec.decode(packet)]
        frames += codec.decode(None)
    except (av.FFmpegError, struct.error, KeyError) as err:
        raise ValueError(f"sound that cannot be decoded: {err}") from err
    blocks = [frame.to_ndarray()[0].astype(np.float32) / _FULL_SCALE for frame in frames]
    return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)


def _packets(payload: bytes) -> Iterator[Any]:
    at = _FIRST.size
    while at < len(payload):
        (size,) = _SIZE.unpack_from(payload, at)
        at += _SIZE.size
        yield av.Packet(payload[at : at + size])
        at += size
