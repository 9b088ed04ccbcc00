"""Link with another program on this machine; the items of Ableton's TEST-PLAN for programs that use Link.

Not of our kind are the items about sound, and what is asked of programs with documents beyond TEMPO-3.
"""

import sys
import time
from collections.abc import Callable, Iterator

import pytest

from avserver.control.fixed_params import FIXED
from avserver.control.moment import Moment
from avserver.control.params import ParamTable
from avserver.control.tempo_sources import Turned
from avserver.control.transport import Transport
from avserver.signals import Signals
from tests.conftest import missing
from tests.control.heard import heard
from tests.control.link_peer import QUANTUM, Peer, linked

try:
    import link
except ImportError:
    link = None

TABLE = ParamTable(FIXED)
PATIENCE_S = 10.0
# Of a beat: what is told of the phase in two processes differs by far less, and a wrong phase by far more.
NEAR = 0.1
# Of two sessions that meet the older one prevails; Link tells them apart from half a second on.
OLDER_S = 1.0


class App:
    """A show whose beat Link may lead, playing in real time."""

    def __init__(self) -> None:
        began_s = time.monotonic()
        self.said: list[str] = []
        self.transport = Transport(began_s=lambda: began_s, complain=self.said.append)
        self._began_s = began_s
        self.knobs = TABLE.defaults()
        self._turned: dict[str, object] = {}
        self.signals: Signals = heard()

    def turn(self, address: str, value: object) -> None:
        self._turned[address] = TABLE[address].coerce(value)

    def frame(self, *fired: str) -> Signals:
        t_s = time.monotonic() - self._began_s
        moment = Moment(t_s, 0.0, *self.transport.foretell(t_s))
        for event in self.transport.events(moment, self.knobs):
            self.knobs[event.address] = event.arguments[0]
        self.knobs.update(self._turned)
        self._turned.clear()
        self.transport.turn(Turned(t_s, self.knobs, frozenset(fired)))
        self.signals = self.transport.conduct(heard(t_s))
        return self.signals

    def until(self, wanted: Callable[[], bool]) -> None:
        """Play until it is so."""
        end_s = time.monotonic() + PATIENCE_S
        while not wanted():
            assert time.monotonic() < end_s, "it did not happen"
            self.frame()
            time.sleep(0.01)

    def play(self, seconds: float) -> None:
        end_s = time.monotonic() + seconds
        self.until(lambda: time.monotonic() >= end_s)

    @property
    def peers(self) -> int:
        return self.transport.status()["link_peers"]

    @property
    def monotonic_s(self) -> float:
        """When the last frame was (s)."""
        return self._began_s + self.signals.t_s

    def is_in_phase(self, peer: Peer) -> bool:
        apart = self.frame().bar_phase * QUANTUM - peer.phase_at(self.monotonic_s)
        return abs((apart + QUANTUM / 2) % QUANTUM - QUANTUM / 2) < NEAR


@pytest.fixture
def app() -> Iterator[App]:
    if link is None:
        missing("LinkPython-extern is not installed")
    app = App()
    yield app
    app.transport.close()


def at_manual_tempo(app: App, bpm: float) -> None:
    app.turn("/tempo/source", "manual")
    app.turn("/tempo/bpm", bpm)
    app.frame()


def together(app: App, peer: Peer) -> None:
    app.turn("/tempo/source", "link")
    app.until(lambda: app.peers >= 1 and peer.peers >= 1)


def test_tempo_1_changes_go_both_ways(app):
    with linked(100) as peer:
        together(app, peer)
        app.turn("/tempo/bpm", 133)
        app.until(lambda: peer.tempo == pytest.approx(133, abs=0.01))
        peer.ask("tempo", 87)
        app.until(lambda: app.signals.tempo_bpm == pytest.approx(87, abs=0.01))
        app.frame()
        assert app.knobs["/tempo/bpm"] == pytest.approx(87, abs=0.01)
        app.play(0.2)
        assert peer.tempo == pytest.approx(87, abs=0.01)


def test_tempo_2_joining_does_not_change_the_tempo_of_a_session(app):
    at_manual_tempo(app, 150)
    with linked(97) as peer:
        app.play(OLDER_S)
        together(app, peer)
        app.until(lambda: app.signals.tempo_bpm == pytest.approx(97, abs=0.01))
        app.play(0.5)
        assert peer.tempo == pytest.approx(97, abs=0.01)
        app.until(lambda: app.is_in_phase(peer))


def test_tempo_3_another_document_does_not_change_the_tempo_of_a_session():
    """Presets and panics leave what survives a panic."""
    assert TABLE["/tempo/bpm"].survives_panic
    assert TABLE["/tempo/source"].survives_panic


def test_tempo_4_tempi_that_only_one_of_both_has_are_followed(app):
    with linked(120) as peer:
        together(app, peer)
        for bpm in (999, 20):
            peer.ask("tempo", bpm)
            app.until(lambda bpm=bpm: app.signals.tempo_bpm == pytest.approx(bpm, abs=0.1))
            app.play(0.2)
            assert peer.tempo == pytest.approx(bpm, abs=0.1)


def test_tempo_5_and_beattime_1_alone_in_a_session_nothing_changes(app):
    at_manual_tempo(app, 141)
    app.play(0.7)
    before = app.frame()
    app.turn("/tempo/source", "link")
    app.play(0.5)
    if app.peers:
        pytest.skip("somebody else on this machine or its network is in a Link session")
    assert app.signals.tempo_bpm == pytest.approx(141, abs=0.01)
    passed = (app.signals.t_s - before.t_s) * 141 / 60
    assert app.signals.beats == pytest.approx(before.beats + passed, abs=NEAR)


def test_beattime_2_the_beat_does_not_change_when_another_joins(app):
    at_manual_tempo(app, 120)
    app.turn("/tempo/source", "link")
    app.play(OLDER_S)
    before = app.frame()
    with linked(90) as peer:
        app.until(lambda: app.peers >= 1 and peer.peers >= 1)
        app.play(0.5)
        passed = (app.signals.t_s - before.t_s) * 120 / 60
        assert app.signals.beats == pytest.approx(before.beats + passed, abs=NEAR)
        app.until(lambda: app.is_in_phase(peer))


def test_startstopstate_1_others_start_and_stop_it(app):
    app.turn("/link/start_stop", True)
    with linked(120) as peer:
        peer.ask("share")
        together(app, peer)
        assert not app.signals.playing
        peer.ask("play")
        app.until(lambda: app.signals.playing)
        peer.ask("stop")
        app.until(lambda: not app.signals.playing)


def test_startstopstate_2_it_starts_and_stops_others(app):
    with linked(120) as peer:
        peer.ask("share")
        together(app, peer)
        app.frame("/tempo/start")
        app.play(0.3)
        assert not peer.playing, "not before it is asked for"
        app.turn("/link/start_stop", True)
        app.frame()
        app.frame("/tempo/start")
        app.until(lambda: peer.playing)
        app.frame("/tempo/stop")
        app.until(lambda: not peer.playing)


def test_it_takes_part_only_while_it_is_asked_to(app):
    with linked(120) as peer:
        app.turn("/link/enable", True)
        app.until(lambda: peer.peers >= 1)
        app.turn("/link/enable", False)
        app.until(lambda: peer.peers == 0)


def test_a_show_without_link_goes_on_and_says_why(monkeypatch):
    monkeypatch.setitem(sys.modules, "link", None)
    app = App()
    at_manual_tempo(app, 128)
    app.turn("/tempo/source", "link")
    app.play(0.1)
    assert app.signals.tempo_bpm == 128
    assert app.said == ["Ableton Link is not installed; it comes with the extra avserver[link]"]
    assert app.transport.status()["tempo_error"] == app.said[0]
