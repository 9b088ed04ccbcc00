"""The 64 bytes on the wire, checked against the offsets of the contract, not against our own packing."""

import struct

import numpy as np
import pytest

from avserver.errors import WireError
from avserver.frame import HEADER_SIZE, Flags, Frame, FrameHeader


def frame() -> Frame:
    pixels = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    return Frame(pixels=pixels, index=2**40, t_s=1.5, audio_ns=77, flags=Flags.REPEATED | Flags.BLACKOUT)


def test_every_field_stands_where_the_contract_says() -> None:
    data = frame().header(published_ns=123456789).pack()
    assert len(data) == HEADER_SIZE == 64
    assert data[0:4] == b"AVSF"
    assert struct.unpack_from("<HH", data, 4) == (1, 64)
    assert struct.unpack_from("<II", data, 8) == (6, 4)
    assert data[16:20] == b"RGB8"
    assert struct.unpack_from("<I", data, 20) == (18,)
    assert struct.unpack_from("<Q", data, 24) == (2**40,)
    assert struct.unpack_from("<d", data, 32) == (1.5,)
    assert struct.unpack_from("<QQ", data, 40) == (123456789, 77)
    assert struct.unpack_from("<II", data, 56) == (5, 72)


def test_a_header_is_read_back() -> None:
    header = frame().header(published_ns=5)
    assert FrameHeader.unpack(header.pack() + b"pixels") == header


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"AVSF", "has 64 bytes, got 4"),
        (b"NOPE" + bytes(60), "expected a frame header"),
        (frame().header(0).pack().replace(b"RGB8", b"YUV9"), "unknown pixel format 'YUV9', allowed: RGB8"),
    ],
)
def test_what_is_no_header_is_refused(data: bytes, sentence: str) -> None:
    with pytest.raises(WireError, match=sentence):
        FrameHeader.unpack(data)
