"""OSC over a real UDP socket; python-osc writes the packets, so that not only we understand ourselves."""

import random
import socket
import struct
import time
from collections.abc import Iterator

import pytest
from pythonosc.osc_bundle_builder import OscBundleBuilder
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import build_msg

from avserver.control.events import HORIZON_S, QUEUE_LENGTH, Event, EventQueue
from avserver.control.osc import OscServer
from avserver.control.osc_packet import MAX_DEPTH, NTP_TO_UNIX_S, Bundle, Message, decode, encode
from avserver.errors import AddressInUse, ConfigError, WireError

NOW = 0x1  # the time tag for "at once"


def bundle(*elements: bytes, tag: int = NOW) -> bytes:
    return b"#bundle\0" + struct.pack(">Q", tag) + b"".join(struct.pack(">i", len(e)) + e for e in elements)


def tag_at(unix_s: float) -> int:
    return int((unix_s + NTP_TO_UNIX_S) * 2**32)


class Peer:
    """A UDP socket that talks to a server."""

    def __init__(self, server: OscServer) -> None:
        self.server = server
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(2)

    def send(self, packet: bytes) -> None:
        self.socket.sendto(packet, self.server.address)

    def hear(self) -> tuple[object, ...]:
        packet, source = self.socket.recvfrom(65536)
        assert source == self.server.address  # answers come from the port that was asked
        message = OscMessage(packet)
        return message.address, *message.params


@pytest.fixture
def queue() -> EventQueue:
    return EventQueue()


@pytest.fixture
def server(queue: EventQueue) -> Iterator[OscServer]:
    server = OscServer("127.0.0.1", 0, queue)
    yield server
    server.close()


@pytest.fixture
def peer(server: OscServer) -> Iterator[Peer]:
    peer = Peer(server)
    yield peer
    peer.socket.close()


def drained(queue: EventQueue, count: int, now_unix_s: float = 0.0) -> list[Event]:
    """Return the next `count` events, waiting up to two seconds for them."""
    events: list[Event] = []
    deadline_s = time.monotonic() + 2
    while len(events) < count and time.monotonic() < deadline_s:
        events += queue.drain(now_unix_s)
        time.sleep(0.001)
    assert len(events) == count
    return events


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


def test_a_message_becomes_an_event_that_can_be_answered(peer: Peer, queue: EventQueue) -> None:
    peer.send(build_msg("/avserver/noise/strength", [0.25]).dgram)
    [event] = drained(queue, 1)
    assert (event.address, event.arguments, event.due_unix_s) == ("/noise/strength", (0.25,), None)
    assert event.sender == ("osc", *peer.socket.getsockname())
    event.reply("/avserver/noise/strength", 0.25)
    assert peer.hear() == ("/avserver/noise/strength", 0.25)


def test_bundles_stay_together_and_wait_for_their_time(peer: Peer, queue: EventQueue) -> None:
    due_s = 1_800_000_000
    builder = OscBundleBuilder(due_s)
    builder.add_content(build_msg("/avserver/a", [1]))
    builder.add_content(build_msg("/avserver/b", [2]))
    peer.send(builder.build().dgram)
    peer.send(bundle(encode("/avserver/c", 3), encode("/avserver/d", 4)))
    before = drained(queue, 2, due_s - 1)
    assert [event.address for event in before] == ["/c", "/d"]
    assert queue.drain(due_s - 0.01) == []
    assert [event.address for event in queue.drain(due_s + 0.01)] == ["/a", "/b"]
    assert queue.late == 0


def test_a_late_bundle_is_executed_at_once_and_counted(peer: Peer, queue: EventQueue) -> None:
    peer.send(bundle(encode("/avserver/a", 1), tag=tag_at(1000.0)))
    assert [event.address for event in drained(queue, 1, 2000.0)] == ["/a"]
    assert queue.late == 1


def test_a_clock_that_is_wrong_does_not_fill_the_queue(peer: Peer, queue: EventQueue) -> None:
    def put(due_s: float) -> None:
        queue.put(Event("/a", (), "x", print, due_s))

    for _ in range(QUEUE_LENGTH):
        put(1000.0 + HORIZON_S + 1)
    assert queue.drain(1000.0) == []
    assert queue.dropped == QUEUE_LENGTH
    for _ in range(QUEUE_LENGTH):
        put(1001.0)
    assert queue.drain(1000.0) == []
    put(1001.0)
    assert queue.drain(1000.0) == []
    assert queue.dropped == QUEUE_LENGTH + 1
    peer.send(encode("/avserver/now"))
    assert [event.address for event in drained(queue, 1, 1000.0)] == ["/now"]
    assert len(queue.drain(1001.0)) == QUEUE_LENGTH


def test_an_address_of_somebody_else_is_marked(peer: Peer, server: OscServer, queue: EventQueue) -> None:
    for address in ("/composition/layers/1", "/avserver", "/avserverx/noise"):
        peer.send(encode(address, 1))
        [event] = drained(queue, 1)
        assert (event.address, event.arguments, event.outside) == (address, (1,), True)
    assert (server.received, server.malformed) == (3, 0)


def test_malformed_packets_are_counted_and_logged_once(
    peer: Peer, server: OscServer, queue: EventQueue, caplog: pytest.LogCaptureFixture
) -> None:
    for packet in (b"", b"/a\0\0,?\0\0", b"junk", b"#bundle\0"):
        peer.send(packet)
    peer.send(encode("/avserver/x"))
    drained(queue, 1)
    assert (server.received, server.malformed) == (5, 4)
    assert len([record for record in caplog.records if "malformed" in record.message]) == 1


def test_ten_thousand_mutated_packets_do_not_stop_it(peer: Peer, server: OscServer, queue: EventQueue) -> None:
    dice = random.Random(2)
    healthy = [
        encode("/avserver/noise/strength", 0.5),
        encode("/avserver/choir/melody/seed/1", 2**32 - 1),
        encode("/avserver/x", "text", b"blob", None, [1, [2.0]], True),
        bundle(encode("/avserver/a", 1), bundle(encode("/avserver/b", 2)), tag=tag_at(time.time() + 1)),
        build_msg("/other", [1.0]).dgram,
    ]
    for number in range(10_000):
        packet = bytearray(dice.choice(healthy))
        for _ in range(dice.randint(1, 6)):
            match dice.randrange(4):
                case 0:
                    packet[dice.randrange(len(packet))] = dice.randrange(256)
                case 1:
                    del packet[dice.randrange(len(packet)) :]
                case 2:
                    at = dice.randrange(len(packet) + 1)
                    packet[at:at] = dice.randbytes(dice.randint(1, 8))
                case 3:
                    packet = bytearray(dice.randbytes(dice.randint(0, 200)))
            packet = packet or bytearray(b"/")
        peer.send(bytes(packet))
        if number % 50 == 49:  # UDP drops what is sent faster than it is read
            peer.send(encode("/avserver/still/there", number))
            heard: list[Event] = []
            deadline_s = time.monotonic() + 2
            while not any(e.address == "/still/there" and e.arguments == (number,) for e in heard):
                assert time.monotonic() < deadline_s, f"no answer after {number} packets"
                heard = queue.drain(time.time())
            for event in heard:
                event.reply("/avserver/fail", event.address[:100], repr(event.arguments)[:100])
    assert server.received == 10_200
    assert 2_000 < server.malformed < 10_000


def test_a_client_that_is_gone_or_an_answer_too_long_is_no_error(
    peer: Peer, server: OscServer, queue: EventQueue, caplog: pytest.LogCaptureFixture
) -> None:
    peer.send(encode("/avserver/x"))
    [event] = drained(queue, 1)
    event.reply("/avserver/long", "x" * 70_000)
    assert server.unsent == 1
    assert "was not sent" in caplog.text
    peer.socket.close()
    for _ in range(10):
        event.reply("/avserver/x", 1.0)
    server.close()
    event.reply("/avserver/x", 1.0)
    assert server.unsent == 2


def test_a_port_in_use_is_told(server: OscServer, queue: EventQueue) -> None:
    port = server.address[1]
    with pytest.raises(AddressInUse, match=f"^OSC port {port} on 127.0.0.1 is in use; choose another with --osc-port"):
        OscServer("127.0.0.1", port, queue)


@pytest.mark.parametrize(("host", "port"), [("no.such.host.invalid", 9000), ("8.8.8.8", 0)])
def test_an_address_that_is_not_ours_is_told(queue: EventQueue, host: str, port: int) -> None:
    with pytest.raises(ConfigError, match=f"^OSC cannot listen on {host}:{port}: "):
        OscServer(host, port, queue)


def test_a_port_that_is_none_is_told(queue: EventQueue) -> None:
    with pytest.raises(ConfigError, match="from 0 to 65535, got 99999"):
        OscServer("127.0.0.1", 99999, queue)


def test_close_is_quick_and_frees_the_port(queue: EventQueue) -> None:
    server = OscServer("127.0.0.1", 0, queue)
    start_s = time.monotonic()
    server.close()
    server.close()
    assert time.monotonic() - start_s < 0.5
    again = OscServer(*server.address, queue)
    assert again.address == server.address
    again.close()
