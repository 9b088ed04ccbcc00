"""OSC over real TCP sockets, with a real desk; python-osc writes and reads the SLIP frames."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from pythonosc import slip
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import build_msg

from avserver.control.desk import Desk
from avserver.control.events import EventQueue
from avserver.control.fixed_params import FIXED
from avserver.control.osc import OscServer
from avserver.control.osc_tcp import MAX_CLIENTS, MAX_FRAME_BYTES
from avserver.control.params import ParamTable
from avserver.errors import AddressInUse
from avserver.server_process import free_port


class Show:
    """A desk that is played by a thread, and an OSC server on a TCP port too."""

    def __init__(self) -> None:
        self.queue = EventQueue()
        self.desk = Desk(ParamTable(FIXED), dict)
        self.server = OscServer("127.0.0.1", free_port(), self.queue, tcp=True)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._play)
        self._thread.start()

    def _play(self) -> None:
        while not self._stopped.wait(0.002):
            self.desk.apply(self.queue.drain(time.time()))

    def close(self) -> None:
        self._stopped.set()
        self._thread.join()
        self.server.close()


class Peer:
    """A TCP client that speaks SLIP."""

    def __init__(self, show: Show) -> None:
        self.socket = socket.create_connection(show.server.address, timeout=5)
        self._read = b""

    def send(self, address: str, *arguments: object) -> None:
        self.socket.sendall(slip.encode(build_msg(f"/avserver{address}", arguments).dgram))

    def hear(self) -> tuple[object, ...]:
        while b"\xc0" not in self._read.lstrip(b"\xc0"):
            data = self.socket.recv(65536)
            assert data, "the server hung up"
            self._read += data
        packet, _, self._read = self._read.lstrip(b"\xc0").partition(b"\xc0")
        message = OscMessage(slip.decode(packet))
        return message.address, *message.params

    def is_hung_up_on(self) -> bool:
        try:
            while self.socket.recv(65536):
                pass
        except ConnectionResetError:
            pass
        return True


@pytest.fixture
def show() -> Iterator[Show]:
    show = Show()
    yield show
    show.close()


@pytest.fixture
def peers(show: Show) -> Iterator[list[Peer]]:
    peers = [Peer(show), Peer(show)]
    yield peers
    for peer in peers:
        peer.socket.close()


def until(condition: Callable[[], object]) -> None:
    deadline_s = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline_s, "it did not happen"
        time.sleep(0.005)


def test_clients_turn_ask_and_are_told_on_their_own_connections(show: Show, peers: list[Peer]) -> None:
    ann, bob = peers
    bob.send("/notify", 1)
    bob.send("/sync", 5)
    assert bob.hear() == ("/avserver/synced", 5)
    ann.send("/noise/speed", 2.5)
    ann.send("/noise/speed")
    assert ann.hear() == ("/avserver/noise/speed", 2.5)
    assert bob.hear() == ("/avserver/noise/speed", 2.5)
    assert show.server.tcp_clients == 2
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:  # the same port, the other protocol
        udp.sendto(build_msg("/avserver/noise/speed", [3.5]).dgram, show.server.address)
        assert bob.hear() == ("/avserver/noise/speed", 3.5)


def test_frames_in_pieces_and_many_at_once(show: Show, peers: list[Peer]) -> None:
    ann, _ = peers
    frame = slip.encode(build_msg("/avserver/sync", [b"\xc0\xdb\xdc\xdd"]).dgram)
    for byte in frame:
        ann.socket.sendall(bytes([byte]))
        time.sleep(0.0005)
    ann.socket.sendall(frame.strip(b"\xc0") + b"\xc0" + frame * 2)
    for _ in range(4):
        assert ann.hear() == ("/avserver/synced", b"\xc0\xdb\xdc\xdd")
    assert (show.server.received, show.server.malformed) == (4, 0)


def test_a_broken_frame_costs_only_itself(show: Show, peers: list[Peer]) -> None:
    ann, _ = peers
    ann.socket.sendall(b"\xc0nonsense\xc0/\xdbx\xc0")
    ann.send("/sync", 1)
    assert ann.hear() == ("/avserver/synced", 1)
    assert show.server.malformed == 2


def test_a_frame_without_end_costs_only_its_sender(show: Show, peers: list[Peer]) -> None:
    ann, bob = peers
    with contextlib.suppress(ConnectionError):
        ann.socket.sendall(b"x" * (MAX_FRAME_BYTES + 100_000))
    assert ann.is_hung_up_on()
    bob.send("/sync", 1)
    assert bob.hear() == ("/avserver/synced", 1)


def test_who_does_not_read_loses_only_the_own_connection(show: Show, peers: list[Peer]) -> None:
    ann, bob = peers
    blob = b"x" * 50_000
    with contextlib.suppress(ConnectionError):
        for _ in range(1000):  # more than the buffers of all systems on the way
            ann.send("/sync", blob)  # and never reads what comes back
    until(lambda: show.server.tcp_clients == 1)
    bob.send("/sync", 1)
    assert bob.hear() == ("/avserver/synced", 1)


def test_who_left_is_not_told_any_more(show: Show, peers: list[Peer]) -> None:
    ann, bob = peers
    ann.send("/notify", 1)
    ann.send("/sync", 1)
    ann.hear()
    told: list[object] = []
    show.desk.subscribe(("osc-tcp", 1), lambda *words: told.append(words))  # in ann's place, to see what she is told
    ann.socket.close()
    until(lambda: show.server.tcp_clients == 1)
    bob.send("/sync", 2)
    bob.hear()
    bob.send("/noise/speed", 3.0)
    bob.send("/sync", 3)
    bob.hear()
    assert told == []


def test_too_many_clients_are_refused(show: Show, peers: list[Peer]) -> None:
    more = [Peer(show) for _ in range(MAX_CLIENTS - len(peers) + 1)]
    assert more[-1].is_hung_up_on()
    peers[0].send("/sync", 1)
    assert peers[0].hear() == ("/avserver/synced", 1)
    for peer in more:
        peer.socket.close()


def test_close_hangs_up_and_frees_the_port(show: Show, peers: list[Peer]) -> None:
    peers[0].send("/sync", 1)
    peers[0].hear()
    show.server.close()
    assert all(peer.is_hung_up_on() for peer in peers)
    again = OscServer(*show.server.address, show.queue, tcp=True)
    again.close()


def test_a_port_in_use_is_told(show: Show) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(AddressInUse, match=f"OSC over TCP port {port} .* or tcp = false"):
            OscServer("127.0.0.1", port, show.queue, tcp=True)
        OscServer("127.0.0.1", port, show.queue).close()  # UDP is free, and was let go of
