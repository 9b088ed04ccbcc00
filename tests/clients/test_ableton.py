"""The bridge from Ableton Live, against a stand-in for AbletonOSC, and the mapping that plays what it sends."""

import importlib.util
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from pythonosc.osc_message_builder import build_msg
from stepped_show import Listener, SteppedShow

from avserver.bundled import mapping_path
from avserver.control.osc_packet import decode

FILE = Path(__file__).parents[2] / "clients" / "ableton" / "ableton_bridge.py"
ROOT = "/avserver/input/live"


@pytest.fixture(scope="module")
def module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("ableton_bridge", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class AbletonOsc:
    """Speaks as AbletonOSC's README and its handlers do: it tells nothing unless asked, answers go to another port than
    questions come from, a listener is told the value at once and then each change, and an unknown question is ignored.

    Attributes:
        values: what there is to tell, by name and track (None: of the song).
        listened: what is told whenever it changes.
        tracks: how many it has.
        silent: whether it answers nothing.
    """

    def __init__(self, answer_port: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.02)
        self.address: tuple[str, int] = self._socket.getsockname()
        self._answers_at = ("127.0.0.1", answer_port)
        self.values: dict[tuple[str, int | None], object] = {}
        self.tracks = 2
        self.silent = False
        self.listened: set[tuple[str, int | None]] = set()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def change(self, name: str, track: int | None, value: object) -> None:
        self.values[name, track] = value
        if (name, track) in self.listened:
            self._tell(name, track)

    def start_anew(self) -> None:
        """As when Live is started: nobody listens any more."""
        self.listened.clear()
        self.say("/live/startup")

    def say(self, address: str, *arguments: object) -> None:
        self._socket.sendto(build_msg(address, list(arguments)).dgram, self._answers_at)

    def close(self) -> None:
        self._stopped.set()
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                packet, _ = self._socket.recvfrom(65536)
            except TimeoutError:
                continue
            message = decode(packet)[0].messages[0]
            if not self.silent:
                self._answer(message.address, message.arguments)

    def _answer(self, address: str, arguments: tuple[object, ...]) -> None:
        _, live, kind, verb, name = address.split("/")
        assert live == "live"
        if (kind, verb, name) == ("song", "get", "num_tracks"):
            self.say(address, self.tracks)
            return
        assert name in {
            "song": {"tempo", "is_playing", "beat"},
            "track": {"output_meter_level", "playing_slot_index"},
        }.get(kind, set())
        track = None
        if kind == "track":
            (number,) = arguments
            assert isinstance(number, int)
            track = number
        if verb == "start_listen":
            self.listened.add((name, track))
            if (name, track) in self.values:
                self._tell(name, track)
        elif verb == "stop_listen":
            self.listened.discard((name, track))

    def _tell(self, name: str, track: int | None) -> None:
        value = self.values[name, track]
        if track is None:
            self.say(f"/live/song/get/{name}", value)
        else:
            self.say(f"/live/track/get/{name}", track, value)


class Rig:
    """Live, the bridge in a thread, and who is told."""

    def __init__(self, module: ModuleType) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("0.0.0.0", 0))
            self.answer_port: int = probe.getsockname()[1]
        self.live = AbletonOsc(self.answer_port)
        self.told = Listener()
        self.bridge = module.Bridge(
            self.live.address, ("127.0.0.1", self.told.port), answer_port=self.answer_port, ask_s=0.1
        )
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopped.is_set():
            self.bridge.turn()

    def end_bridge(self) -> None:
        """End the bridge, as Ctrl-C does; a second time does nothing."""
        if not self._stopped.is_set():
            self._stopped.set()
            self._thread.join()
            self.bridge.close()

    def close(self) -> None:
        self.end_bridge()
        self.live.close()
        self.told.close()

    def heard(self, *addresses: str) -> dict[str, list[object]]:
        """Wait until each of these was told, and return what each was told, in order."""
        values: dict[str, list[object]] = {address: [] for address in addresses}
        end_s = time.monotonic() + 10
        while not all(values.values()):
            assert time.monotonic() < end_s, values
            for address, (value,) in self.told.heard():
                values.setdefault(address.removeprefix(ROOT), []).append(value)
        return values


@pytest.fixture
def rig(module: ModuleType) -> Iterator[Rig]:
    rig = Rig(module)
    yield rig
    rig.close()


def test_tracks_have_addresses_of_their_own(rig):
    rig.live.change("output_meter_level", 0, 0.0)
    rig.live.change("output_meter_level", 1, 0.5)
    rig.live.change("tempo", None, 128.0)
    rig.live.change("is_playing", None, True)
    values = rig.heard("/track/1/level", "/track/2/level", "/tempo", "/playing")
    assert values == {"/track/1/level": [0.0], "/track/2/level": [0.5], "/tempo": [128.0], "/playing": [1.0]}
    rig.live.change("output_meter_level", 1, 0.75)
    rig.live.change("is_playing", None, False)
    assert rig.heard("/track/2/level", "/playing") == {"/track/2/level": [0.75], "/playing": [0.0]}
    rig.live.change("beat", None, 7)
    assert rig.heard("/beat") == {"/beat": [7.0]}


def test_a_launched_clip_is_told_and_a_stop_is_not(rig):
    rig.live.change("playing_slot_index", 0, -2)
    rig.live.change("playing_slot_index", 1, 0)
    assert rig.heard("/track/2/clip") == {"/track/2/clip": [1.0]}
    rig.live.change("playing_slot_index", 0, 4)
    assert rig.heard("/track/1/clip") == {"/track/1/clip": [5.0]}
    rig.live.change("playing_slot_index", 0, -2)
    rig.live.change("tempo", None, 99.0)
    assert rig.heard("/tempo") == {"/tempo": [99.0]}


def test_new_tracks_and_a_live_that_starts_anew_are_asked(rig):
    rig.live.change("output_meter_level", 0, 0.25)
    rig.heard("/track/1/level")
    rig.live.tracks = 3
    rig.live.change("output_meter_level", 2, 0.5)
    rig.heard("/track/3/level")
    rig.live.start_anew()
    rig.live.change("output_meter_level", 2, 0.75)
    assert rig.heard("/track/3/level")["/track/3/level"] == [0.75]


def test_a_live_that_was_gone_is_asked_again(rig, module, monkeypatch):
    monkeypatch.setattr(module, "GONE_S", 0.3)
    rig.live.change("tempo", None, 120.0)
    rig.heard("/tempo")
    rig.live.silent = True
    rig.live.listened.clear()
    time.sleep(0.6)
    rig.live.silent = False
    rig.live.change("tempo", None, 121.0)
    assert rig.heard("/tempo")["/tempo"] == [121.0]


def test_what_is_not_its_business_is_passed_over(rig):
    rig.live.say("/live/error", "Something went wrong")
    rig.live.say("/live/track/get/output_meter_level", 0)
    rig.live.say("/live/track/get/output_meter_level", "one", 0.5)
    rig.live._socket.sendto(b"no osc", ("127.0.0.1", rig.answer_port))
    rig.live._socket.sendto(b"/a\0\0,q\0\0", ("127.0.0.1", rig.answer_port))
    rig.live.change("tempo", None, 120.0)
    assert rig.heard("/tempo") == {"/tempo": [120.0]}


def test_it_asks_live_for_nothing_more_when_it_ends(rig):
    rig.live.change("tempo", None, 120.0)
    rig.heard("/tempo")
    rig.end_bridge()
    end_s = time.monotonic() + 5
    while rig.live.listened:
        assert time.monotonic() < end_s, rig.live.listened
        time.sleep(0.01)


def test_a_port_that_somebody_has_is_told_in_a_sentence():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("0.0.0.0", 11001))
        done = subprocess.run([sys.executable, str(FILE)], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert done.stderr == "port 11001, where AbletonOSC answers, cannot be had: Address already in use\n"


@pytest.mark.parametrize(
    ("sent", "target", "value"),
    [
        (("/track/1/clip", 1.0), "/segment/select", 0),
        (("/track/1/clip", 5.0), "/segment/select", 4),
        (("/track/1/level", 0.9), "/bend/live_1/amount", 0.8),
        (("/track/2/level", 0.0), "/bend/live_2/amount", 1.0),
        (("/track/2/level", 0.9), "/bend/live_2/amount", 0.85),
        (("/track/3/level", 0.6), "/noise/strength", 0.85),
        (("/track/4/level", 0.9), "/grade/saturation", 1.6),
        (("/playing", 0.0), "/noise/speed", 0.1),
    ],
)
def test_the_mapping_plays_what_the_bridge_sends(module, sent, target, value):
    address, number = sent
    with SteppedShow(mapping_path("default"), mapping_path("ableton")) as show:
        assert show.after(module.encode(ROOT + address, number))[target] == pytest.approx(value, abs=1e-3)
