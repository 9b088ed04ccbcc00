"""Real MIDI between real ports, over a JACK server: plugging, unplugging, sweeps, feedback.

A JACK server without real-time rights on a busy machine loses a period now and then, with all that was sent in it. So
what is sent here may be sent again, and nothing is counted.
"""

import itertools
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from controller import Controller, until

from avserver.control.desk import Desk
from avserver.control.events import Event
from avserver.control.mapping import parse_patch
from avserver.control.midi.driver import Driver
from avserver.control.midi.hand import MidiHand
from avserver.control.midi.ports import MidiPorts, received_at
from avserver.control.moment import Moment

PATCH = """
[[midi]]
port = "NANO"
control = "cc 1 0"
to = "/noise/strength"
takeover = "jump"

[[midi]]
port = "nano"
control = "note 1 36"
to = "/segment/select"
value = 5
"""


class Show:
    """A desk with a hand, without the rest of the engine."""

    def __init__(self, ports: MidiPorts) -> None:
        patch = parse_patch(PATCH, file="x.toml")
        self.desk = Desk(patch.param_table(), dict)
        self.hand = MidiHand(ports, patch, patch.param_table())
        self.ticks = 0

    def frame(self, *others: Event) -> None:
        moment = Moment(self.ticks / 30, 0.0)
        self.desk.apply([*others, *self.hand.events(moment, self.desk.values)])
        self.ticks += 1

    def frames_until(self, there: Callable[[], object], again: Callable[[], None]) -> None:
        """Let frames pass until something is so, doing something again and again."""

        def so() -> object:
            again()
            for _ in range(30):
                self.frame()
                time.sleep(0.002)
            return there()

        until(so)


def plugged_in(ports: MidiPorts, controller: Controller) -> None:
    """Wait until what a controller sends arrives: JACK joins ports a moment late."""
    before = ports.inbox.received

    def arrives() -> bool:
        if ports.connections:
            controller.send("polytouch", channel=15)
        return ports.inbox.received > before

    until(arrives)


def turned(address: str, value: float) -> Event:
    return Event(address, (value,), "somebody else", lambda *_: None)


def play_and_look(show: Show, controller: Controller) -> None:
    """Sweep a fader, press a key, and see both shown when somebody else turns what they turn."""

    def sweep() -> None:
        for value in range(128):
            controller.send("control_change", channel=0, control=0, value=value)

    def press() -> None:
        controller.send("note_on", channel=0, note=36, velocity=100)
        controller.send("note_on", channel=0, note=36, velocity=0)

    def turn_both() -> None:
        heard.update(controller.heard())
        for value in (1.0, 0.0):
            show.frame(turned("/noise/strength", value), turned("/segment/select", 5 * value))

    show.frames_until(lambda: show.desk.values["/noise/strength"] == 2.0, sweep)
    show.frames_until(lambda: show.desk.values["/segment/select"] == 5, press)
    heard: set[str] = set()
    dark = {"control_change channel=0 control=0 value=0 time=0", "note_on channel=0 note=36 velocity=0 time=0"}
    show.frames_until(lambda: dark <= heard, turn_both)


def test_a_controller_is_played_and_shown_unplugged_and_plugged_in_again(jack_midi) -> None:
    ports = MidiPorts("jack", also=["*"])
    try:
        show = Show(ports)
        for _ in range(2):
            controller = Controller("nanoKONTROL2")
            plugged_in(ports, controller)
            play_and_look(show, controller)
            controller.unplug()
            until(lambda: not ports.connections)
        assert show.hand.status()["midi_dropped"] == 0
    finally:
        ports.close()


def test_a_port_is_let_go_of_a_while_after_it_is_closed(jack_midi, monkeypatch) -> None:
    """JACK's thread may still be reading what RtMidi frees."""
    told: list[tuple[str, int, float]] = []
    numbers = itertools.count()

    class Noted:
        def __init__(self, port: Any) -> None:
            self._port, self._number = port, next(numbers)

        def __getattr__(self, name: str) -> Any:
            if name in ("close_port", "delete"):
                told.append((name, self._number, time.monotonic()))
            return getattr(self._port, name)

    for kind in ("open_input", "open_output"):
        real = getattr(Driver, kind)
        monkeypatch.setattr(Driver, kind, lambda self, name, real=real: Noted(real(self, name)))
    ports = MidiPorts("jack", also=["nano"])
    try:
        for unplugged in (True, False):  # by hand, and by the end of the show
            controller = Controller("nano")
            until(lambda: ports.connections)
            if unplugged:
                controller.unplug()
                until(lambda: not ports.connections)
    finally:
        ports.close()
        controller.unplug()
    closed = {port: at_s for name, port, at_s in told if name == "close_port"}
    freed = {port: at_s for name, port, at_s in told if name == "delete"}
    assert len(closed) == 4
    assert closed.keys() == freed.keys()
    assert all(freed[port] - at_s >= 0.1 for port, at_s in closed.items())


def test_clock_is_handed_on_with_the_time_and_the_port(jack_midi) -> None:
    heard: list[tuple[bytes, float, str]] = []
    ports = MidiPorts("jack", also=["drum"], clock=lambda *what: heard.append(what))
    controller = Controller("Drum machine")
    try:
        plugged_in(ports, controller)
        name = ports.connections[0].name
        before_s = time.monotonic()

        def all_heard() -> bool:
            for kind in ("start", "clock", "stop", "continue"):
                controller.send(kind)
            controller.send("songpos", pos=300)
            time.sleep(0.1)
            return {message for message, _, _ in heard} == {b"\xfa", b"\xf8", b"\xfc", b"\xfb", b"\xf2\x2c\x02"}

        until(all_heard)
        times = [before_s, *(received_s for _, received_s, _ in heard), time.monotonic()]
        assert times == sorted(times)
        assert {port for _, _, port in heard} == {name}
        assert {message[0] for _, message, _ in ports.inbox.drain()} == {0xAF}  # the clock is not for knobs
    finally:
        ports.close()
        controller.unplug()


def test_a_server_that_is_started_later_is_found(jack_midi, caplog: pytest.LogCaptureFixture, monkeypatch) -> None:
    monkeypatch.setattr("avserver.control.midi.ports._ASK_AGAIN_S", 0.2)
    jack_midi.stop()
    ports = MidiPorts("jack", also=["nano"])
    try:
        until(lambda: caplog.records)
        jack_midi.start()
        controller = Controller("nano")
        until(lambda: ports.connections)
        controller.unplug()
    finally:
        ports.close()
    problems = [r.message for r in caplog.records if r.levelname == "WARNING"]
    assert problems[0] == (
        "MIDI does not answer: MidiInJack::initialize: JACK server not running?; the show goes on without MIDI"
    )
    # JACK may name a port to one client a moment before it does to the next, which opens it at the next look.
    assert all("is not in list" in problem for problem in problems[1:])


@pytest.mark.parametrize(
    ("hidden", "sentence"),
    [
        ("rtmidi", "MIDI needs python-rtmidi, which is made for Python 3.11 and 3.12"),
        ("", 'this machine has no MIDI by ALSA (nowhere is missing); the backend "jack" does without'),
    ],
)
def test_a_machine_without_midi_says_so_once(hidden, sentence, caplog, monkeypatch) -> None:
    monkeypatch.setattr("avserver.control.midi.ports._ASK_AGAIN_S", 0.01)
    monkeypatch.setattr("avserver.control.midi.ports.LOOK_EVERY_S", 0.01)
    monkeypatch.setattr("avserver.control.midi.driver._SEQUENCER", Path("nowhere"))
    if hidden:
        monkeypatch.setitem(sys.modules, hidden, None)
    else:
        pytest.importorskip("rtmidi")
    ports = MidiPorts("", also=["nano"])
    until(lambda: caplog.records)
    time.sleep(0.1)
    ports.close()
    assert [record.message.startswith(sentence) for record in caplog.records] == [True]
    assert caplog.records[0].message.endswith("the show goes on without MIDI")


def test_nothing_wanted_is_nothing_looked_for(caplog: pytest.LogCaptureFixture) -> None:
    ports = MidiPorts("no such backend")
    time.sleep(0.05)
    ports.close()
    assert caplog.records == []


def test_the_time_of_the_driver_is_trusted_unless_it_cannot_be() -> None:
    assert received_at(10.0, 0.021, 10.025) == pytest.approx(10.021)
    assert received_at(0.0, 0.0, 10.0) == 10.0
    assert received_at(10.0, 0.05, 10.04) == 10.04
    assert received_at(10.0, 0.5, 10.6) == 10.6
