import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avserver.audio.rtp import PATIENCE, REORDER, Depacketizer

SIZE = 100  # samples in a packet


def packet(number, *, kind=97, sender=7, channels=1, first=65_530, extension=b"", padding=0, size=SIZE, value=None):
    """Packet `number` of a stream; its samples all have its number, so that each is known."""
    sequence, timestamp = (first + number) & 0xFFFF, (2**32 - 250 + number * size) & 0xFFFFFFFF
    flags = 0x80 | (0x10 if extension else 0) | (0x20 if padding else 0)
    samples = np.full((size, channels), number + 1 if value is None else value, ">i2").tobytes()
    head = struct.pack(">BBHII", flags, kind, sequence, timestamp, sender)
    return head + extension + samples + (bytes(padding - 1) + bytes([padding]) if padding else b"")


def heard(depacketizer, packets):
    """Return the numbers of the packets that each SIZE samples came from; 0 is silence."""
    blocks = [block for datagram in packets for block in depacketizer.push(datagram)]
    samples = np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
    return np.round(samples * 32_768).astype(int).reshape(-1, SIZE)[:, 0].tolist()


def stream(**formats):
    return Depacketizer(**{"rate_hz": 48_000, "channels": 1} | formats)


def test_packets_in_order_are_heard_at_once_past_the_end_of_both_counters():
    tested = stream()
    assert heard(tested, [packet(n) for n in range(20)]) == list(range(1, 21))
    assert (tested.lost, tested.late, tested.malformed, tested.foreign) == (0, 0, 0, 0)


def test_packets_that_overtook_each_other_are_put_in_order():
    tested = stream()
    assert heard(tested, [packet(n) for n in (0, 2, 1, 3, 5, 4, 4, 6)]) == [1, 2, 3, 4, 5, 6, 7]
    assert (tested.lost, tested.late) == (0, 1)


def test_what_is_lost_becomes_silence_of_its_length():
    tested = stream()
    assert heard(tested, [packet(n) for n in (0, 1, 4, 5, 6, 2, 7)]) == [1, 2, 0, 0, 5, 6, 7, 8]
    assert (tested.lost, tested.late) == (2, 1)


@given(st.permutations(range(12)), st.sets(st.integers(1, 11), max_size=4))
def test_whatever_the_order_every_packet_comes_at_its_place_or_is_counted(order, missing):
    """Packets come at most a place or two away from theirs; then nothing but what is missing is lost."""
    nearly = sorted(range(12), key=lambda n: n + 0.8 * order[n] / 12 * 2 if n else -1)
    sent = [n for n in nearly if n not in missing] + list(range(12, 16))
    tested = stream()
    result = heard(tested, [packet(n) for n in sent])
    assert result == [0 if n in missing else n + 1 for n in range(16)]
    assert (tested.lost, tested.late) == (len(missing), 0)


def test_rfc_3551_knows_rate_and_channels_of_types_10_and_11():
    for kind, channels in ((10, 2), (11, 1)):
        tested = stream()
        assert heard(tested, [packet(n, kind=kind, channels=channels) for n in range(3)]) == [1, 2, 3]
        assert tested.rate_hz == 44_100


def test_channels_are_picked_and_mixed():
    samples = np.array([[1000, 2000, 5000]] * SIZE, ">i2")
    datagram = struct.pack(">BBHII", 0x80, 97, 0, 0, 7) + samples.tobytes()
    for picked, level in (((), 1500), ((3,), 5000), ((1, 3), 3000), ((9,), 8000 / 3)):
        (block,) = stream(channels=3, picked=picked).push(datagram)
        np.testing.assert_allclose(block * 32_768, level, rtol=1e-5)


def test_extensions_padding_and_contributors_are_passed_over():
    extension = struct.pack(">HHI", 0xBEDE, 1, 0)
    assert heard(stream(), [packet(0, extension=extension), packet(1, padding=4), packet(2)]) == [1, 2, 3]
    with_contributors = b"\x82" + packet(0)[1:12] + bytes(8) + packet(0)[12:]
    assert heard(stream(), [with_contributors]) == [1]


def test_another_sender_is_heard_only_when_ours_has_ended():
    tested = stream()
    both = [packet(n, sender=sender, value=sender) for n in range(50) for sender in (1, 2)]
    assert heard(tested, both) == [1] * 50
    assert tested.foreign == 50
    assert 3 in heard(tested, [packet(n, sender=3, value=3) for n in range(PATIENCE + 5)])


def test_a_sender_that_begins_again_is_heard_again():
    tested = stream()
    heard(tested, [packet(n) for n in range(1000, 1005)])
    assert heard(tested, [packet(n) for n in range(PATIENCE + 3)])[-1] == PATIENCE + 3
    # And one whose clock jumps far ahead brings no hours of silence.
    assert len(heard(tested, [packet(n, first=20_000) for n in range(30_000, 30_010)])) <= 10


def test_rtcp_on_the_same_port_is_passed_over():
    tested = stream()
    assert heard(tested, [packet(0), struct.pack(">BBH", 0x80, 200, 6) + bytes(24), packet(1)]) == [1, 2]
    assert tested.malformed == 0


@pytest.mark.parametrize(
    "datagram",
    [
        b"", b"\x80", bytes(11), bytes(200), b"\xff" * 200,
        packet(1, kind=0), packet(1)[:-1], packet(1)[:12], b"\x8f" + packet(1, size=4)[1:], b"\x90" + packet(1)[1:12],
        b"\xa0" + packet(1)[1:-1] + b"\xff",
    ],
)  # fmt: skip
def test_what_is_not_rtp_is_counted_and_the_sound_goes_on(datagram):
    tested = stream()
    assert heard(tested, [packet(0), datagram, packet(1)]) == [1, 2]
    assert tested.malformed == 1


@given(st.lists(st.binary(max_size=60), max_size=30))
def test_no_datagram_raises_and_nothing_piles_up(datagrams):
    tested = stream(channels=2)
    for datagram in datagrams:
        for block in tested.push(b"\x80\x61" + datagram):
            assert np.isfinite(block).all()
            assert block.size <= 48_000
    assert len(tested._early) < REORDER
