"""What goes out to other programs: over real sockets, only what is new, and never waiting."""

import socket
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from heard import heard, hit

from avserver.control.mapping import parse_patch
from avserver.control.osc_packet import decode
from avserver.control.patch import Patch
from avserver.control.sender import Sender

LEVEL = '[[send]]\nfrom = "mix.rms_db"\nto = "osc {to} /level"\ninput = [-40, 0]\nrange = [0, 1]\n'
KICK = '[[send]]\nfrom = "drums.low.peaks"\nto = "osc {to} /columns/4/connect"\nwhen = 0.5\n'
CAMERA = '[[send]]\nfrom = "osc /avserver/input/camera/motion"\nto = "osc {to} /motion"\n'


@pytest.fixture
def sender() -> Iterator[Sender]:
    sender = Sender()
    yield sender
    sender.close()


@pytest.fixture
def resolume() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(0.05)
        yield sock


def patch(text: str, resolume: socket.socket) -> Patch:
    return parse_patch(text.replace("{to}", f"127.0.0.1:{resolume.getsockname()[1]}"), file="x.toml")


def received(sock: socket.socket) -> list[tuple[str, tuple[object, ...]]]:
    messages = []
    try:
        while True:
            message = decode(sock.recv(1000))[0].messages[0]
            messages.append((message.address, message.arguments))
    except TimeoutError:
        return messages


def test_only_changes_are_sent(sender, resolume):
    sender.take(patch(LEVEL, resolume).sends)
    for index, rms_db in enumerate([-20.0, -20.0, -20.0, -10.0, -100.0, -90.0]):
        sender.update(heard(index / 60, rms_db=rms_db), {}, index / 60)
    assert received(resolume) == [("/level", (0.5,)), ("/level", (0.75,)), ("/level", (0.0,))]
    assert (sender.sent, sender.unsent) == (3, 0)


def test_an_onset_is_a_one_and_nothing_else(sender, resolume):
    sender.take(patch(KICK, resolume).sends)
    for index in range(60):
        strength = {10: 1.0, 20: 0.3, 30: 0.5}.get(index)
        onsets = [hit(index / 60, "drums.low", strength)] if strength else []
        sender.update(heard(index / 60, onsets=onsets), {}, index / 60)
    assert received(resolume) == [("/columns/4/connect", (1,))] * 2


def test_what_comes_from_outside_goes_on_once_it_is_heard(sender, resolume):
    sends = patch(CAMERA, resolume)
    assert sends.inputs() == ("osc /avserver/input/camera/motion 1",)
    sender.take(sends.sends)
    sender.update(heard(0.0), {}, 0.0)
    sender.update(heard(0.1), {"osc /avserver/input/camera/motion 1": 0.25}, 0.1)
    assert received(resolume) == [("/motion", (0.25,))]


def test_an_edit_leaves_alone_what_stays(sender, resolume):
    sender.take(patch(LEVEL + CAMERA, resolume).sends)
    sender.update(heard(rms_db=-20.0), {}, 0.0)
    sender.take(patch(KICK + LEVEL, resolume).sends)
    sender.update(heard(rms_db=-20.0), {}, 0.1)
    assert received(resolume) == [("/level", (0.5,))]
    sender.take(patch(LEVEL.replace("[0, 1]", "[0, 2]"), resolume).sends)
    sender.update(heard(rms_db=-20.0), {}, 0.2)
    assert received(resolume) == [("/level", (1.0,))]
    sender.take(())
    sender.update(heard(rms_db=-30.0), {}, 0.3)
    assert received(resolume) == []


def test_what_the_network_does_not_take_is_counted_and_tried_again(sender, resolume):
    # A broadcast, which nobody asked for, is what an ordinary socket is always refused.
    (sending,) = patch(LEVEL, resolume).sends
    sender.take([replace(sending, host="255.255.255.255")])
    began_s = time.monotonic()
    sender.update(heard(rms_db=-20.0), {}, 0.0)
    sender.update(heard(rms_db=-20.0), {}, 0.1)
    assert (sender.sent, sender.unsent) == (0, 2)
    sender.take([replace(sending, host="127.0.0.1", port=9)])  # where nobody listens
    for index in range(100):
        sender.update(heard(rms_db=-20.0 + index / 10), {}, 0.2)
    assert sender.sent == 100
    assert time.monotonic() - began_s < 5
