"""SLIP; python-osc's writes and reads the other end."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pythonosc import slip

from avserver.control.osc_slip import SlipReader, frame, unframe
from avserver.errors import WireError

# Bytes that mean something are as likely as all others together.
STREAM = st.lists(st.sampled_from([b"\xc0", b"\xdb", b"\xdc", b"\xdd"]) | st.binary(max_size=4)).map(b"".join)
CUTS = st.lists(st.integers(0, 400), max_size=10).map(sorted)


def fed(stream: bytes, cuts: list[int], most_bytes: int = 10_000) -> list[bytes]:
    reader = SlipReader(most_bytes)
    ends = [0, *cuts, len(stream)]
    return [found for start, stop in pairwise(ends) for found in reader.feed(stream[start:stop])]


@given(st.lists(STREAM.filter(bool), max_size=5), CUTS)
def test_packets_come_out_of_the_stream_however_it_is_cut(packets: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(frame(packet) for packet in packets)
    assert stream == b"".join(slip.encode(packet) for packet in packets)
    assert [unframe(found) for found in fed(stream, [cut for cut in cuts if cut < len(stream)])] == packets


def test_one_end_between_packets_is_enough_and_empty_frames_are_none() -> None:
    assert fed(b"one\xc0two\xc0\xc0\xc0\xc0three\xc0four", [2, 3, 4, 8]) == [b"one", b"two", b"three"]


@given(STREAM, CUTS)
def test_any_stream_is_read_as_the_reference_reads_it(stream: bytes, cuts: list[int]) -> None:
    frames = fed(stream, [cut for cut in cuts if cut < len(stream)])
    assert frames == [found for found in stream.split(b"\xc0")[:-1] if found]
    for found in frames:
        if slip.is_valid(found):
            assert unframe(found) == slip.decode(found)
        else:
            with pytest.raises(WireError):
                unframe(found)


def test_a_frame_that_does_not_end_is_refused() -> None:
    reader = SlipReader(8)
    assert reader.feed(b"12345678\xc01234") == [b"12345678"]
    with pytest.raises(WireError, match="at most 8 bytes"):
        reader.feed(b"56789")
