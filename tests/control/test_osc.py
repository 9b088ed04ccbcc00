"""OSC over a real UDP socket; python-osc writes the packets, so that not only we understand ourselves."""

import socket
import time
from collections.abc import Iterator

import pytest
from pythonosc.osc_bundle_builder import OscBundleBuilder
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import build_msg

from avserver.control.desk import Desk
from avserver.control.events import HORIZON_S, QUEUE_LENGTH, Event, EventQueue
from avserver.control.fixed_params import FIXED
from avserver.control.osc import OscServer
from avserver.control.osc_packet import encode
from avserver.control.params import ParamTable
from avserver.errors import AddressInUse, ConfigError
from tests.control.test_osc_packet import bundle, tag_at


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
    queue.drain(1500.0)
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


def test_faders_are_read_by_their_heads_and_nothing_else_is(peer: Peer, queue: EventQueue) -> None:
    odd = [
        (build_msg("/avserver/x", [0.5]).dgram, (0.5,)),
        (build_msg("/avserver/x", [0.25]).dgram, (0.25,)),
        (build_msg("/avserver/x", [7]).dgram, (7,)),
        (build_msg("/avserver/x", [-8]).dgram, (-8,)),
        # An int and, behind it, what looks like another message's head: only what the types name is read.
        (encode("/avserver/x", 1) + b",i\0\0" + b"\0\0\0\2", (1,)),
        (encode("/avserver/x", 1) + b",i\0\0" + b"\0\0\0\3", (1,)),
        (encode("/avserver/x", ",f") + b"\0\0\0\4", (",f",)),
        (build_msg("/avserver/x", ["a", 3]).dgram, ("a", 3)),
    ]
    for _ in range(2):
        for packet, arguments in odd:
            peer.send(packet)
            [event] = drained(queue, 1)
            assert (event.address, event.arguments) == ("/x", arguments)
            assert [type(each) for each in event.arguments] == [type(each) for each in arguments]


def test_feedback_goes_to_the_port_that_was_asked_for(peer: Peer, server: OscServer, queue: EventQueue) -> None:
    other = Peer(server)
    desk = Desk(ParamTable(FIXED), dict)
    port = other.socket.getsockname()[1]
    peer.send(encode("/avserver/notify", 1, float(port)))
    [event] = drained(queue, 1)
    assert (event.address, event.arguments) == ("/notify", (1,))
    desk.apply([event, Event("/noise/speed", (3.0,), "somebody", print)])
    assert other.hear() == ("/avserver/noise/speed", 3.0)
    # The same client, started again from another port: it is told once, not twice.
    again = Peer(server)
    again.send(encode("/avserver/notify", 1, port))
    again.send(encode("/avserver/sync", 1))
    desk.apply([*drained(queue, 2), Event("/noise/speed", (4.0,), "somebody", print)])
    assert other.hear() == ("/avserver/noise/speed", 4.0)
    assert again.hear() == ("/avserver/synced", 1)  # answers come to who asked
    other.socket.settimeout(0.05)
    with pytest.raises(TimeoutError):
        other.hear()
    for each in (other, again):
        each.socket.close()


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
        OscServer(host, port, queue, insecure=True)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.2", "rack.local", "::"])
def test_a_host_that_others_reach_needs_to_be_asked_for(queue: EventQueue, host: str) -> None:
    with pytest.raises(ConfigError, match=rf"^OSC on {host} can be reached by .* insecure = true in \[osc\]$"):
        OscServer(host, 0, queue)


def test_with_insecure_others_reach_it(queue: EventQueue) -> None:
    server = OscServer("0.0.0.0", 0, queue, insecure=True)
    assert server.address[0] == "0.0.0.0"
    server.close()


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
