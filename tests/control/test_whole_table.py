"""The whole table of a show with the default mapping: all that can be turned is there, and is obeyed by somebody."""

import random
import re
from pathlib import Path

import avserver
from avserver.analysis.knobs import Knobs
from avserver.bundled import mapping_path
from avserver.clock import SongClock
from avserver.control.desk import Desk
from avserver.control.events import Event, EventQueue
from avserver.control.inputs import Inputs
from avserver.control.mapper import Mapper
from avserver.control.mapping import load_patch
from avserver.control.params import Kind, Param
from avserver.control.reseed import Reseeder
from avserver.control.tempo_source import MANUAL, TEMPO_SOURCES
from avserver.engine import Engine
from avserver.frame_spec import ModelShape
from avserver.meter import Meter
from avserver.scene.scene import Scene
from avserver.signals import BANDS, STEMS, Signals
from tests.control.heard import heard, hit

SOURCES = Path(avserver.__file__).parent
PATCH = load_patch(mapping_path("default"))
TABLE = PATCH.param_table(("one", "other"))
MODEL = ModelShape(14, (4, 8, 16, 32, 64, 128, 256), tuple(f"b{2**power}" for power in range(2, 9)))
FPS, FRAMES = 30, 30

# What an engine's decisions do not show, and who obeys it instead.
ELSEWHERE = {
    "/output/blackout": "engine.py",
    "/output/freeze": "engine.py",
    "/model/fade_s": "engine.py",
    "/model/select": "engine.py",
    "/preset/morph_s": "control/preset_hand.py",
    "/preset/switch_at": "control/preset_hand.py",
    "/preset/next": "control/preset_hand.py",
    "/preset/previous": "control/preset_hand.py",
    "/lock": "control/desk.py",
    "/tempo/tap": "engine.py",
    "/link/enable": "control/tempo_sources.py",
    "/link/start_stop": "control/tempo_sources.py",
    "/quantise/preset": "control/quantiser.py",
}
# What must be turned for others to be felt.
FELT = {
    "/mix/amount": 0.5,
    "/tempo/source": float(TEMPO_SOURCES.index(MANUAL)),
    **{f"/direction/{number}/amount": 1.0 for number in range(1, 9)},
}


class Music:
    """Stands where the analyser stands. All that a mapping can follow happens in it, and it notes how it is heard."""

    def __init__(self) -> None:
        self.heard: list[tuple[float, Knobs | None]] = []
        self._knobs: Knobs | None = None

    def until(self, t_s: float, delay_s: float) -> Signals:
        index = round(t_s * FPS)
        self.heard.append((delay_s, self._knobs))
        streams = [(stem, band) for stem in STEMS for band in BANDS]
        return heard(
            t_s,
            onsets=[hit(t_s, f"{stem}.{band}", 0.6) for stem, band in streams if index % 2],
            levels=dict.fromkeys(streams, 0.3 + 0.3 * (index % 2)),
            segment=index // 3,
            segment_s=t_s,
            chroma=[(index + 5 * place) % 12 + 1 for place in range(12)],
        )

    def turn(self, knobs: Knobs) -> None:
        self._knobs = knobs


def played(*messages: tuple[str, object]) -> list[object]:
    """Return everything that is decided about the music if these messages come in its third frame."""
    queue, music = EventQueue(), Music()
    engine = Engine(
        patch=PATCH,
        ears=music,  # type: ignore[arg-type]
        queue=queue,
        desk=Desk(TABLE, dict),
        mapper=Mapper(PATCH, TABLE),
        scene=Scene(PATCH),
        meter=Meter(),
        reseeder=Reseeder(random.Random(0)),
        inputs=Inputs(),
    )
    decided: list[object] = []
    at = {0: FELT.items(), 2: messages, FRAMES - 9: [("/segment/next", 1)], FRAMES - 5: [("/reseed/all", 1)]}
    for tick in SongClock(FPS, FRAMES / FPS):
        for address, value in at.get(tick.index, ()):
            queue.put(Event(address, (value,), "test", lambda *_: None))
        engine.step(tick, tick.t_s)
        signals = engine.signals
        assert signals is not None
        decided += [engine.spec(MODEL), signals.onsets, signals.onset_strength, engine.segment, engine.reseed_from]
        decided += [signals.tempo_bpm, signals.beats, signals.bar, signals.bar_phase]
    return [*decided, music.heard]


def elsewhere(param: Param) -> float:
    """Return a value that is far from where the parameter stands."""
    stands = FELT.get(param.address, param.default)
    far = max((param.minimum, param.maximum), key=lambda end: abs(end - stands))
    return (stands + far) / 2 if param.kind is Kind.FLOAT else far


def test_every_parameter_is_obeyed():
    as_ever = played()
    assert as_ever == played()
    idle = [
        address
        for address, param in TABLE.items()
        if address not in ELSEWHERE
        and played((address, 1 if param.kind is Kind.TRIGGER else elsewhere(param))) == as_ever
    ]
    assert idle == []


def test_who_obeys_elsewhere_reads_the_address():
    assert set(ELSEWHERE) <= set(TABLE)
    unread = {
        address: file for address, file in ELSEWHERE.items() if f'"{address}"' not in (SOURCES / file).read_text()
    }
    assert unread == {}


def test_nobody_reads_a_parameter_that_there_is_not():
    read = {
        address
        for file in SOURCES.rglob("*.py")
        for address in re.findall(r'(?:params|values|knobs)(?:\[|\.get\()"(/[^"]+)"', file.read_text())
    }
    assert len(read) > 20
    assert read - set(TABLE) == set()


def test_what_a_performer_needs_is_there():
    choirs = ("melody", "tempo", "drums")
    assert {
        "/reseed/all",
        "/reseed/from",
        *(f"/choir/{choir}/{knob}" for choir in choirs for knob in ("reseed", "first", "stop", "glide_s", "seed/7")),
        *(f"/latent/truncation_{knob}" for knob in ("psi", "cutoff")),
        *(f"/noise/{knob}" for knob in ("strength", "speed", "grain_coarse", "grain_fine")),
        *(f"/bend/{bend}_zoom/{knob}" for bend in ("drum", "bass") for knob in ("enable", "amount")),
        *(
            f"/signal/{stem}/{band}/{knob}"
            for stem in STEMS
            for band in BANDS
            for knob in ("gain", "threshold", "attack_s", "release_s")
        ),
        *(f"/segment/{knob}" for knob in ("auto", "next", "previous", "select", "hold")),
        *(f"/output/{knob}" for knob in ("opacity", "blackout", "freeze")),
        "/panic",
        "/model/select",
    } <= set(TABLE)
    for param in TABLE.values():
        assert param.description
        assert param.minimum <= param.default <= param.maximum
        assert param.coerce(param.default) == param.default
