"""Mutated packets through the whole way: bytes, events, queue, desk, answers. Nothing that they hold stops it.

AVSERVER_FUZZ=1000000 mutates a million packets instead of as many as take a few seconds.
"""

import os
import random
import time

import pytest

from avserver.control.desk import Command, Desk
from avserver.control.events import EventQueue
from avserver.control.fixed_params import FIXED
from avserver.control.osc_intake import OscIntake, OscPeer
from avserver.control.osc_packet import decode, encode
from avserver.control.osc_slip import SlipReader, frame, unframe
from avserver.control.params import ParamTable
from avserver.control.patch_params import bend_params, choir_params
from avserver.control.told import refusals
from avserver.errors import WireError
from tests.control.test_osc_packet import bundle, tag_at

PACKETS = int(os.environ.get("AVSERVER_FUZZ", "40000"))
# Of so many packets a frame is made.
FRAME = 100
NOW_S = 1_800_000_000.0
TABLE = ParamTable(
    [
        *FIXED,
        *choir_params("melody", seeds=range(1, 9), layers=(0.0, 0.35), glide_s=1.0),
        *bend_params("kick_zoom", layer="b32", transform="zoom"),
    ]
)
HEALTHY = [
    *(encode(f"/avserver{address}", 0.5) for address in TABLE),
    *(encode(f"/avserver{address}") for address in TABLE),
    encode("/avserver/choir/melody/seed/1", 2**32 - 1),
    encode("/avserver/choir/melody/seed/1", "+", 2**40),
    encode("/avserver/noise/speed", "*", 1e300),
    encode("/avserver/tempo/source", "link"),
    encode("/avserver/*/{speed,s*}", "-", 0.25),
    encode("/avserver/choir/[a-n]*/seed/[!2-8]", 7),
    encode("/avserver/c*o*i*r/*?/**/1"),
    encode("/avserver/input/onset", "drums", "mid", 0.5),
    encode("/avserver/notify", 1),
    encode("/avserver/notify", 1, 9002),
    encode("/avserver/status"),
    encode("/avserver/sync", "text", b"blob", None, [1, [2.0]], True),
    b"/avserver/sync\0\0,tmrIhdTFN\0\0" + bytes(range(100, 136)),
    bundle(encode("/avserver/noise/speed", 1), bundle(encode("/avserver/panic")), tag=tag_at(NOW_S + 0.5)),
    bundle(encode("/avserver/noise/speed", 1.0), encode("/avserver/noise/strength", 1.0)),
    encode("/other", 1.0),
]


def mutated(packet: bytes, dice: random.Random) -> bytes:
    """Return a packet with some bits flipped, some bytes cut, put in or doubled, some lengths lying."""
    data = bytearray(packet)
    for _ in range(dice.choice((0, 1, 1, 1, 2, 2, 3, 6))):
        at = dice.randrange(len(data) + 1)
        match dice.randrange(7):
            case 0:
                data[at : at + 1] = bytes([dice.randrange(256)])
            case 1 if at < len(data):
                data[at] ^= 1 << dice.randrange(8)
            case 2:
                del data[at:]
            case 3:
                del data[at : at + dice.randint(1, 8)]
            case 4:
                data[at:at] = dice.choice(
                    (b"\0", b",", b"*", b"{", b"[", b"f", b"\0\0\0\0", b"#bundle\0", dice.randbytes(5))
                )
            case 5:
                other = dice.choice(HEALTHY)
                data[at:] = other[dice.randrange(len(other)) :]
            case 6:
                at -= at % 4
                data[at : at + 4] = dice.choice((b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\0\0\0\1"))
    return bytes(data)


class Show:
    """The whole way, without sockets."""

    def __init__(self) -> None:
        self.queue = EventQueue(lambda address: address in self.desk.values)
        commands = {"/audio/seek": Command(lambda _: None, "f", ""), **refusals()}
        self.desk = Desk(TABLE, lambda: {"fps": 30.0}, commands)
        self.intake = OscIntake(self.queue)
        self.client = OscPeer("fuzz", "fuzz", self.answer, lambda _port: self.answer)
        self.answers = 0

    def answer(self, address: str, *arguments: object) -> None:
        decode(encode(address, *arguments))
        self.answers += 1

    def frame(self, number: int) -> None:
        self.desk.apply(self.desk.expand(self.queue.drain(NOW_S + number / 30)))


@pytest.mark.timeout(0)
def test_mutated_packets_do_not_stop_it() -> None:
    dice, show = random.Random(5), Show()
    slowest_s = 0.0
    for number in range(PACKETS):
        show.intake.take(mutated(dice.choice(HEALTHY), dice), show.client)
        if number % FRAME == FRAME - 1:
            start_s = time.perf_counter()
            show.frame(number // FRAME)
            slowest_s = max(slowest_s, time.perf_counter() - start_s)
    assert show.intake.received == PACKETS
    assert 0.2 < show.intake.malformed / PACKETS < 0.8, "neither harmless nor all rubbish"
    assert show.answers > PACKETS / 100
    assert show.desk.failures > PACKETS / 100
    assert all(TABLE[address].coerce(value) == value for address, value in show.desk.values.items())
    print(f"{PACKETS} packets, {show.intake.malformed} malformed, {show.desk.failures} failed, "
          f"{show.answers} answers, slowest frame {1e3 * slowest_s:.1f} ms")  # fmt: skip


@pytest.mark.timeout(0)
def test_mutated_streams_do_not_stop_it() -> None:
    dice, show = random.Random(6), Show()
    reader = SlipReader(10_000)
    broken = 0
    for number in range(PACKETS // 10):
        stream = b"".join(frame(dice.choice(HEALTHY)) for _ in range(3))
        data = mutated(stream, dice)
        for chunk in (data[:50], data[50:]):
            for escaped in reader.feed(chunk):
                try:
                    show.intake.take(unframe(escaped), show.client)
                except WireError:
                    broken += 1
        show.frame(number)
    assert 0 < broken < show.intake.malformed < show.intake.received
    assert show.intake.received > PACKETS // 10
