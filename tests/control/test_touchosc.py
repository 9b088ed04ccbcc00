"""TouchOSC's own messages, over a real socket, into an engine that plays."""

import contextlib
import re
import socket
import time
from collections.abc import Iterator

import pytest
from pythonosc.osc_message_builder import build_msg

from avserver.audio.source import SilentSource
from avserver.bundled import mapping_path
from avserver.clock import Tick
from avserver.control.desk import Desk
from avserver.control.events import EventQueue
from avserver.control.mapping import load_patch
from avserver.control.osc import OscServer
from avserver.control.params import Params, Value
from avserver.engine_room import build_engine
from avserver.meter import Meter

# What the layout "Simple" sends, and the accelerometer.
SENT = re.compile(r"/1/fader[1-5] 1|/[123]/toggle[1-4] 1|/2/push([1-9]|1[0-6]) 1|/3/xy [12]|/accxyz [123]")


class Show:
    """An engine that is stepped by hand, and a telephone."""

    def __init__(self) -> None:
        self.patch = load_patch(*map(mapping_path, ("default", "touchosc")))
        self.table = self.patch.param_table()
        self._queue = EventQueue()
        self._server = OscServer("127.0.0.1", 0, self._queue)
        self._engine = build_engine(
            source=SilentSource(),
            patch=self.patch,
            table=self.table,
            queue=self._queue,
            desk=Desk(self.table, dict),
            meter=Meter(),
        )
        self._phone = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._phone.connect(self._server.address)
        self._phone.settimeout(0.01)
        self._index, self._t_s = 0, 0.0

    def close(self) -> None:
        self._phone.close()
        self._server.close()

    def after(self, address: str, *numbers: float) -> Params:
        """Send a message and return the parameters a second later, when whatever is smoothed has arrived."""
        self._phone.send(build_msg(address, list(numbers)).dgram)
        self._phone.send(build_msg("/avserver/sync", [1]).dgram)
        fired: frozenset[str] = frozenset()
        end_s = time.monotonic() + 5
        while time.monotonic() < end_s:
            fired |= self._step(1 / 60).fired
            with contextlib.suppress(TimeoutError):
                assert self._phone.recv(1000).startswith(b"/avserver/synced")
                return Params(self._step(1.0).values, fired)
        raise AssertionError("the engine did not hear of it")

    def _step(self, dt_s: float) -> Params:
        self._index += 1
        self._t_s += dt_s
        return self._engine.step(Tick(self._index, self._t_s), time.time())


@pytest.fixture
def show() -> Iterator[Show]:
    show = Show()
    yield show
    show.close()


def test_every_address_is_one_that_the_layout_sends(show):
    sources = [knob.source for knob in show.patch.osc] + [name.removeprefix("osc ") for name in show.patch.inputs()]
    assert len(sources) == len(set(sources)) > 15
    assert [source for source in sources if not SENT.fullmatch(source)] == []


@pytest.mark.parametrize(
    ("message", "target", "value"),
    [
        (("/1/fader1", 0.5), "/latent/truncation_psi", 0.6),
        (("/1/fader2", 1.0), "/noise/strength", 2.0),
        (("/1/fader3", 0.5), "/noise/speed", 8 * 0.15022),
        (("/1/fader4", 1.0), "/feedback/amount", 0.98),
        (("/1/fader5", 0.25), "/output/opacity", 0.25),
        (("/1/toggle1", 1.0), "/output/freeze", True),
        (("/1/toggle2", 1.0), "/output/blackout", True),
        (("/1/toggle3", 1.0), "/segment/hold", True),
        (("/1/toggle4", 1.0), "/output/strobe_safe", True),
        (("/2/push5", 1.0), "/signal/drums/low/gain", 0.0),
        (("/2/push5", 0.0), "/signal/drums/low/gain", 1.0),
        (("/3/xy", 1.0, 0.5), "/direction/1/amount", 3.0),
        (("/3/xy", 0.5, 0.0), "/direction/2/amount", -3.0),
        (("/accxyz", -0.5, 0.0, 0.9), "/feedback/rotate", -5.0),
    ],
    ids=lambda message: message[0] if isinstance(message, tuple) else "",
)
def test_a_message_does_what_the_file_says(show: Show, message: tuple[str, float], target: str, value: Value):
    assert show.after(*message)[target] == pytest.approx(value, abs=1e-4)


def test_a_push_fires_once_and_a_panic_takes_all_back(show):
    assert show.after("/2/push2", 1.0).fired == {"/segment/next"}
    assert show.after("/2/push2", 0.0).fired == frozenset()
    show.after("/accxyz", 0.5, 0.0, 0.9)
    assert show.after("/1/fader2", 0.0)["/feedback/rotate"] == pytest.approx(5.0)
    params = show.after("/2/push4", 1.0)
    assert "/panic" in params.fired
    moved = {at: value for at, value in params.values.items() if value != show.table[at].default}
    # What silence does to the noise and the zooms is not of our making.
    assert not {"/noise/strength", "/feedback/rotate"} & set(moved)
