"""OSC packets; python-osc reads and writes the other end, so that not only we understand ourselves."""

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import build_msg

from avserver.control.osc_packet import MAX_DEPTH, NTP_TO_UNIX_S, Bundle, Message, decode, encode
from avserver.control.osc_types import MAX_NESTED
from avserver.errors import WireError

NOW = 0x1  # the time tag for "at once"


def bundle(*elements: bytes, tag: int = NOW) -> bytes:
    return b"#bundle\0" + struct.pack(">Q", tag) + b"".join(struct.pack(">i", len(e)) + e for e in elements)


def tag_at(unix_s: float) -> int:
    return int((unix_s + NTP_TO_UNIX_S) * 2**32)


def test_decode_reads_what_python_osc_writes() -> None:
    arguments = [1, 2**40, 0.5, "é", b"\1\2\3\4\5", True, False, None, [1, [0.25, "x"]]]
    packet = build_msg("/avserver/x", arguments).dgram
    [read] = decode(packet)
    assert read == Bundle(
        None,
        [Message("/avserver/x", (1, 2**40, 0.5, "é", b"\1\2\3\4\5", True, False, None, (1, (0.25, "x"))))],
    )


def test_python_osc_reads_what_encode_writes() -> None:
    message = OscMessage(encode("/a", 1, -1, 2**32 - 1, 0.5, 1e300, "é", b"\1", True, None, [1, ["x"]]))
    assert message.address == "/a"
    assert message.params == [1, -1, 2**32 - 1, 0.5, 1e300, "é", b"\1", 1, None, [1, ["x"]]]
    with pytest.raises(TypeError, match="OSC has no type for object"):
        encode("/a", object())


def test_bundles_with_a_later_time_stand_apart() -> None:
    late = bundle(encode("/b", 2), tag=tag_at(2000.5))
    same = bundle(encode("/c", 3), tag=tag_at(1000.0))
    read = decode(bundle(encode("/a", 1), late, same, encode("/d"), tag=tag_at(1000.0)))
    assert read == [
        Bundle(1000.0, [Message("/a", (1,)), Message("/c", (3,)), Message("/d", ())]),
        Bundle(2000.5, [Message("/b", (2,))]),
    ]


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"x",
        b"hello world",
        b"/",
        b"/unterminated",
        b"/a\0\0nocomma\0",
        b"/a\0\0,i\0\0\0\0",
        b"/a\0\0,b\0\0\x7f\xff\xff\xff1234",
        b"/a\0\0,s\0\0text",
        b"/a\0\0,?\0\0",
        b"/a\0\0,[i\0\0\0\0\1",
        b"/a\0\0,]\0\0",
        b"/\xff\xfe\0,\0\0\0",
        b"/a\0\0," + b"[" * 100 + b"]" * 100 + b"\0\0\0",
        b"#bundle\0",
        b"#bundle\0\0\0\0\0\0\0\0\1\xff",
        b"#bundle\0\0\0\0\0\0\0\0\1" + struct.pack(">i", -4) + b"/a\0\0",  # python-osc never returns from this
        b"#bundle\0\0\0\0\0\0\0\0\1" + struct.pack(">i", 0) + b"/a\0\0",
        b"#bundle\0\0\0\0\0\0\0\0\1" + struct.pack(">i", 400) + b"/a\0\0",
    ],
)
def test_what_is_not_osc_is_refused(packet: bytes) -> None:
    with pytest.raises(WireError):
        decode(packet)


def test_a_deep_nest_of_bundles_is_refused() -> None:
    nest = encode("/a", 1)
    for _ in range(MAX_DEPTH):
        nest = bundle(nest)
    assert decode(nest)
    for _ in range(2000):
        nest = bundle(nest)
    with pytest.raises(WireError, match="nested deeper"):
        decode(nest)


def test_types_that_are_seldom_seen() -> None:
    def packet(tags: bytes, *parts: bytes) -> bytes:
        return b"/a\0\0" + tags + bytes(4 - len(tags) % 4) + b"".join(parts)

    rare = packet(b",Irmth", struct.pack(">I4BQq", 0xFF00FF80, 1, 2, 3, 4, 2**63 + 1, -1))
    [read] = decode(rare)
    assert read.messages[0].arguments == (True, 0xFF00FF80, (1, 2, 3, 4), 2**63 + 1, -1)
    # Whatever can be read can be answered with.
    assert encode("/a", *read.messages[0].arguments)
    with pytest.raises(WireError):
        decode(packet(b"," + b"[" * (MAX_NESTED + 1) + b"]" * (MAX_NESTED + 1)))


TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
ARGUMENTS = st.recursive(
    st.one_of(
        st.integers(-(2**63), 2**63 - 1), st.floats(width=32), st.booleans(), st.none(), TEXTS, st.binary(max_size=20)
    ),
    lambda parts: st.lists(parts, max_size=3).map(tuple),
    max_leaves=6,
)


@given(TEXTS.map("/".__add__), st.lists(ARGUMENTS, max_size=5))
def test_what_is_encoded_is_decoded_to_the_same(address: str, arguments: list[object]) -> None:
    packet = encode(address, *arguments)
    assert len(packet) % 4 == 0
    [read] = decode(packet)
    [message] = read.messages
    assert message.address == address
    assert same(message.arguments, arguments)
    assert same(OscMessage(packet).params, arguments)


def same(read: object, meant: object) -> bool:
    """Tell whether two are equal, but for what OSC makes of them: lists, 1 and 0; NaN is NaN."""
    if isinstance(meant, (list, tuple)):
        assert isinstance(read, (list, tuple))
        return len(read) == len(meant) and all(same(a, b) for a, b in zip(read, meant, strict=True))
    if isinstance(meant, float) and math.isnan(meant):
        return isinstance(read, float) and math.isnan(read)
    return read == meant


@given(
    st.binary(max_size=200)
    | st.binary(max_size=100).map(b"#bundle\0".__add__)
    | st.binary(max_size=80).map(b"/".__add__)
)
def test_any_bytes_are_read_or_refused(packet: bytes) -> None:
    try:
        bundles = decode(packet)
    except WireError:
        return
    for each in bundles:
        for message in each.messages:
            encode(message.address, *message.arguments)
