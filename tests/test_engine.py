"""The loop with real listening, mapping and scene; only the drawing is left out."""

import dataclasses
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from avserver.audio.catalogue import open_source
from avserver.bundled import mapping_path
from avserver.clock import SongClock, Tick, WallClock
from avserver.control.desk import Desk
from avserver.control.events import Event, EventQueue
from avserver.control.librarian import Librarian
from avserver.control.mapping import load_patch, parse_patch
from avserver.control.mapping_watch import MappingWatch
from avserver.control.params import Kind
from avserver.control.patch import Patch
from avserver.control.preset_folder import PresetFolder
from avserver.control.preset_hand import PresetHand
from avserver.control.presets import snapshot
from avserver.engine import Engine, LiveShow
from avserver.engine_room import build_engine
from avserver.frame_spec import BendSlot, FrameSpec
from avserver.generator.architecture import StyleGAN2Config
from avserver.generator.relay import Relay
from avserver.generator.role import Role
from avserver.generator.worker import WorkerState
from avserver.meter import Meter
from avserver.outputs.publisher import Publisher

MODEL = StyleGAN2Config(resolution=64, z_dim=8, w_dim=8, channel_base=256, channel_max=8, mapping_layers=2).shape
FPS = 20


def engine(
    patch: Patch,
    queue: EventQueue | None = None,
    presets: PresetHand | None = None,
    models: Sequence[str] = ("default",),
) -> Engine:
    queue, table = queue or EventQueue(), patch.param_table(models)
    desk = Desk(table, dict, presets.commands(), presets.on_fire()) if presets else Desk(table, dict)
    return build_engine(
        source=open_source("demo"),
        patch=patch,
        table=table,
        queue=queue,
        desk=desk,
        meter=Meter(),
        hands=[presets] if presets else [],
    )


def says(address: str, *arguments: object) -> Event:
    return Event(address, arguments, "test", lambda *_: None)


def decide(player: Engine, tick: Tick, now_unix_s: float | None = None) -> FrameSpec:
    """Return what is decided at a tick; without a time, the show began at 1970."""
    player.step(tick, tick.t_s if now_unix_s is None else now_unix_s)
    return player.spec(MODEL)


@pytest.fixture(scope="module")
def default_patch() -> Patch:
    return load_patch(mapping_path("default"))


@pytest.fixture(scope="module")
def offline(default_patch: Patch) -> list[FrameSpec]:
    """Return what is decided about the first twelve seconds of the demo, as fast as it goes."""
    player = engine(default_patch)
    return [decide(player, tick) for tick in SongClock(FPS, 12.0)]


class Notebook:
    """Stands where the worker stands, and writes down what it is told to draw."""

    connection = None
    state = WorkerState.PLAYING
    dropped = restarts = 0
    pid = None
    last_complaint = ""

    def __init__(self) -> None:
        self.specs: list[FrameSpec] = []
        self.audio_ns: list[int] = []

    def submit(self, spec: FrameSpec, audio_ns: int) -> None:
        self.specs.append(spec)
        self.audio_ns.append(audio_ns)

    def poll(self, now_s: float) -> list:
        return []

    def start(self) -> None:
        pass

    def dismiss(self, now_s: float) -> None:
        pass

    def is_gone(self, now_s: float) -> bool:
        return True

    def close(self) -> None:
        pass


def test_the_same_song_gives_the_same_specs_twice(default_patch: Patch, offline: list[FrameSpec]) -> None:
    player = engine(default_patch)
    assert [decide(player, tick) for tick in SongClock(FPS, 12.0)] == offline


def test_live_and_offline_decide_the_same(default_patch: Patch, offline: list[FrameSpec]) -> None:
    notebook = Notebook()
    clock = WallClock(FPS)
    show = LiveShow(
        engine=engine(default_patch),
        clock=clock,
        relay=Relay(lambda role: notebook),
        casting=lambda number, patch: Role(
            "test", Path("none"), MODEL, (BendSlot("b64", "zoom"), BendSlot("b16", "zoom"))
        ),
        publisher=Publisher([], fps=FPS, width_px=8, height_px=8),
        meter=Meter(),
    )
    began_ns = time.time_ns()
    show.play(lambda: False, duration_s=5.0)
    # A tick that a loaded machine skipped moves what comes after it; up to there all must be equal.
    indices = [spec.index for spec in notebook.specs]
    unbroken = next((i for i, index in enumerate(indices) if index != i), len(indices))
    assert unbroken >= 2 * FPS
    assert notebook.specs[:unbroken] == offline[:unbroken]
    # The audio time runs with the wall clock.
    last = notebook.specs[-1]
    assert notebook.audio_ns[-1] - began_ns == pytest.approx(last.t_s * 1e9, abs=0.3e9)


def test_the_music_reaches_the_picture(offline: list[FrameSpec]) -> None:
    bends = {bend.values[0] for spec in offline for bend in spec.bends}
    assert min(bends) < 0.9, "the drums or the bass zoom in"
    assert max(bends) <= 1.0
    assert {level.grain for spec in offline for level in spec.noise} != {0.0}
    assert len({spec.latents for spec in offline}) > len(offline) / 2


def test_nothing_jumps_from_frame_to_frame(offline: list[FrameSpec]) -> None:
    def weights(spec: FrameSpec) -> dict[tuple, float]:
        return {
            (layer, seed): weight
            for term in spec.latents
            for layer in range(*term.layers)
            for seed, weight in zip(term.seeds, term.weights, strict=True)
        }

    for before, after in pairwise(offline):
        old, new = weights(before), weights(after)
        assert max(abs(new.get(key, 0.0) - old.get(key, 0.0)) for key in old | new) < 0.35


def test_an_event_acts_at_the_next_step(default_patch: Patch) -> None:
    queue = EventQueue()
    player = engine(default_patch, queue)
    decide(player, Tick(0, 0.0))
    queue.put(Event("/latent/truncation_cutoff", (3.0,), "test", lambda *_: None))
    assert decide(player, Tick(1, 0.05)).truncation_cutoff == 3


def test_reseeding_is_seen_in_the_frame_of_its_message_and_can_be_had_again(default_patch: Patch) -> None:
    def seeds(*messages: tuple[str, int]) -> tuple[int, ...]:
        queue = EventQueue()
        player = engine(default_patch, queue)
        for address, value in messages:
            queue.put(Event(address, (value,), "test", lambda *_: None))
        seeds = decide(player, Tick(0, 0.0)).latents[1].seeds
        assert player.reseed_from == dict(messages).get("/reseed/from", -1)
        return seeds

    before, after = seeds(), seeds(("/reseed/from", 7), ("/choir/tempo/reseed", 1))
    assert before != after
    assert after == seeds(("/reseed/from", 7), ("/reseed/all", 1))


def test_a_panic_takes_all_back_within_its_frame() -> None:
    """Every knob that is turned, other seeds, knobs of what is heard, and an input."""
    patch = parse_patch(
        '[[choir]]\nname = "c"\nfollows = "segment"\nseeds = [1, 2]\n'
        '[[bend]]\nname = "z"\nlayer = "b16"\ntransform = "zoom"\n'
        '[[modulate]]\nfrom = "osc /camera"\nto = "/noise/speed"\n',
        file="test.toml",
    )
    queue = EventQueue()

    def put(address: str, *arguments: object, outside: bool = False) -> None:
        queue.put(Event(address, arguments, "test", lambda *_: None, outside=outside))

    turned, untouched = engine(patch, queue), engine(patch)
    table = patch.param_table()
    for address, param in table.items():
        # What the ears remember is not forgotten, so how they hear is left alone.
        if param.kind is not Kind.TRIGGER and not param.survives_panic and not address.startswith("/audio/"):
            put(address, param.minimum if param.default == param.maximum else param.maximum)
    put("/camera", 7.5, outside=True)
    put("/reseed/all")
    for tick in (Tick(0, 0.0), Tick(1, 1.0)):
        decide(turned, tick)
        plain = decide(untouched, tick)
    assert decide(turned, Tick(2, 2.0)) != plain
    put("/panic")
    decided, plain = decide(turned, Tick(3, 3.0)), decide(untouched, Tick(3, 3.0))
    assert turned.params is not None
    assert turned.params.values == table.defaults()
    assert turned.signals is not None
    assert untouched.signals is not None
    assert turned.signals.onset_strength == untouched.signals.onset_strength
    # The noise keeps the place where it came to, or it would jump.
    assert dataclasses.replace(decided, noise=plain.noise) == plain


def test_a_choir_obeys_the_knobs_of_what_it_follows() -> None:
    patch = parse_patch(
        '[[choir]]\nname = "hits"\nfollows = "onsets"\nonsets = ["mix.full"]\nseeds = [1, 2]\n', file="test.toml"
    )

    def seeds(*turned: Event) -> set[int]:
        queue = EventQueue()
        queue.put(*turned)
        player = engine(patch, queue)
        return {seed for tick in SongClock(FPS, 3.0) for term in decide(player, tick).latents for seed in term.seeds}

    assert seeds() == {1, 2}
    assert seeds(Event("/signal/mix/full/gain", (0.0,), "test", lambda *_: None)) == {1}


def test_a_delay_that_is_turned_loses_no_onset(default_patch: Patch) -> None:
    """Of two engines that are told the same at the same ticks, all decisions are the same."""
    events = {
        10: Event("/audio/delay_ms", (200.0,), "test", lambda *_: None),
        60: Event("/audio/delay_ms", (0.0,), "test", lambda *_: None),
    }
    runs = []
    for told in ({}, events, events):
        queue = EventQueue()
        player = engine(default_patch, queue)
        onsets = []
        for tick in SongClock(FPS, 4.0):
            if tick.index in told:
                queue.put(told[tick.index])
            decide(player, tick)
            assert player.signals is not None
            onsets += [(onset.stem, onset.band, onset.strength) for onset in player.signals.onsets]
            if told and 20 < tick.index < 60:
                assert player.signals.heard_s <= tick.t_s - 0.2
        runs.append(onsets)
    assert sorted(runs[0]) == sorted(runs[1]), "later, but all of them"
    assert runs[1] == runs[2]


def test_a_bundle_acts_at_the_frame_of_its_time(default_patch: Patch) -> None:
    queue = EventQueue()
    player = engine(default_patch, queue)
    queue.put(Event("/latent/truncation_cutoff", (3,), "test", lambda *_: None, due_unix_s=0.12))
    cutoffs = [decide(player, tick).truncation_cutoff for tick in SongClock(FPS, 0.3)]
    assert cutoffs == [None, None, None, 3, 3, 3]


def test_an_empty_patch_plays(tmp_path: Path) -> None:
    spec = decide(engine(parse_patch("", file="empty.toml")), Tick(0, 0.0))
    assert spec.latents == ()
    assert spec.bends == ()


def test_bends_come_and_go_and_change_their_names_while_they_play(tmp_path: Path) -> None:
    """Edits of a real file, one after another, as a show hears of them."""
    file = tmp_path / "mapping.toml"

    def bend(name: str, transform: str = "displace") -> str:
        return f'[[bend]]\nname = "{name}"\nlayer = "b16"\ntransform = "{transform}"\n'

    file.write_text(bend("sea") + bend("turn", "rotate"))
    queue = EventQueue()
    player = engine(load_patch(file), queue)
    watch = MappingWatch([file], player.patch, ["default"])
    queue.put(Event("/bend/sea/amount", (0.25,), "test", lambda *_: None))
    queue.put(Event("/bend/turn/angle", (90.0,), "test", lambda *_: None))

    def after(second: int, *bends: str) -> dict[str, tuple[float, ...]]:
        """Return the values of the bends by transform, a second after the file was edited to hold `bends`."""
        if bends:
            file.write_text("".join(bends))
            found = watch.poll(float(second))
            assert found is not None
            player.take(*found)
        return {bend.transform: bend.values for bend in decide(player, Tick(second, float(second))).bends}

    after(0)
    assert after(1) == {"displace": (0.25, 1.0), "rotate": (90.0,)}
    # One more; the others stay as they are.
    assert after(2, bend("sea"), bend("turn", "rotate"), bend("near", "zoom")) == {
        "displace": (0.25, 2.0),
        "rotate": (90.0,),
        "zoom": (1.0,),
    }
    # Another name, and one less: phase and knobs go on.
    assert after(3, bend("ocean"), bend("near", "zoom")) == {"displace": (0.25, 3.0), "zoom": (1.0,)}
    # The one that was away begins anew; a bend that is another in more than its name does too.
    assert after(4, bend("lake").replace("b16", "b8"), bend("turn", "rotate")) == {
        "displace": (0.0, 1.0),
        "rotate": (0.0,),
    }


def test_directions_wait_for_a_worker_that_knows_them() -> None:
    direction = '[[direction]]\nname = "{0}"\nfrom = "{0}"\namount = 1\n'
    patch = parse_patch(direction.format("sefa") + direction.format("ganspace"), file="test.toml")
    notebook = Notebook()
    show = LiveShow(
        engine=engine(patch),
        clock=WallClock(FPS),
        relay=Relay(lambda role: notebook),
        casting=lambda number, patch: Role("test", Path("none"), MODEL, directions=("sefa",)),
        publisher=Publisher([], fps=FPS, width_px=8, height_px=8),
        meter=Meter(),
    )
    show.play(lambda: False, duration_s=0.2)
    assert {direction.kind for spec in notebook.specs for direction in spec.directions} == {"sefa"}


def test_the_gain_that_is_turned_is_heard():
    def strengths(*turned: Event) -> list[float]:
        queue = EventQueue()
        for event in turned:
            queue.put(event)
        player = engine(Patch(), queue)
        heard = []
        for tick in SongClock(FPS, 4.0):
            player.step(tick, tick.t_s)
            assert player.signals is not None
            heard += [onset.strength for onset in player.signals.onsets]
        return heard

    follows = strengths()
    fixed = strengths(Event("/audio/gain_auto", (0.0,), "test", lambda *_: None))
    assert len(fixed) == len(follows)  # what is an onset stays one
    assert sum(fixed) < 0.9 * sum(follows)  # the demo begins softly


def without_phases(spec: FrameSpec) -> FrameSpec:
    """Return a spec but for how far its noise has moved: that is a matter of time, and no knob stands there."""
    return dataclasses.replace(spec, noise=tuple(dataclasses.replace(level, phase=0.0) for level in spec.noise))


@pytest.fixture(scope="module")
def panicked(default_patch: Patch) -> list[FrameSpec]:
    """Return what is decided if nothing happens but a panic at tick 60, which lets choirs arrive where they glide."""
    queue = EventQueue()
    player = engine(default_patch, queue)
    specs = []
    for tick in SongClock(FPS, 5.0):
        if tick.index == 60:
            queue.put(says("/panic"))
        specs.append(without_phases(decide(player, tick)))
    return specs


def test_nothing_is_left_at_a_panic_of_what_was_turned(default_patch: Patch, panicked: list[FrameSpec]) -> None:
    table = default_patch.param_table()
    heard = ("/audio/", "/tempo/")  # how it listens has a past, and no picture of its own
    turned = [
        says(address, param.maximum if param.default != param.maximum else param.minimum)
        for address, param in table.items()
        if param.kind is not Kind.TRIGGER and not param.survives_panic and not address.startswith(heard)
    ]
    triggers = [says(at) for at, param in table.items() if param.kind is Kind.TRIGGER and at != "/panic"]
    queue = EventQueue()
    player = engine(default_patch, queue)
    for tick in SongClock(FPS, 5.0):
        queue.put(*{20: turned, 30: triggers, 60: [says("/panic")]}.get(tick.index, []))
        spec = without_phases(decide(player, tick))
        assert (spec == panicked[tick.index]) == (tick.index < 20 or tick.index >= 60), tick.index


def test_presets_morph_the_same_twice_and_panic_ends_them(
    default_patch: Patch, offline: list[FrameSpec], panicked: list[FrameSpec], tmp_path: Path
) -> None:
    table = default_patch.param_table()
    other = {"/noise/speed": 4.0, "/grade/hue": 90.0, "/choir/tempo/seed/1": 4711, "/bend/drum_zoom/x": 0.5}
    PresetFolder(tmp_path).save(snapshot("other", table, {**table.defaults(), **other}))

    def run() -> list[FrameSpec]:
        queue = EventQueue()
        player = engine(default_patch, queue, PresetHand(Librarian(PresetFolder(tmp_path))))
        specs = []
        for tick in SongClock(FPS, 5.0):
            if tick.index in (10, 55):
                queue.put(says("/preset/recall", "other", 2.0))
            if tick.index == 60:
                queue.put(says("/panic"))
            specs.append(decide(player, tick))
        return specs

    specs = run()
    assert specs == run()
    assert specs[:11] == offline[:11], "it begins at rest"
    hues = [spec.grade.hue for spec in specs]
    assert hues[30] == pytest.approx(45.0)
    assert hues[50:55] == [90.0] * 5
    assert [4711 in seeds_of(spec) for spec in (specs[10], specs[11], specs[54], specs[60])] == [
        False,
        True,
        True,
        False,
    ]
    assert [without_phases(spec) for spec in specs[60:]] == panicked[60:]


def seeds_of(spec: FrameSpec) -> set[int]:
    return {seed for term in spec.latents for seed in term.seeds}


def test_a_segment_is_switched_in_the_first_frame_of_the_next_bar():
    queue = EventQueue()
    player = engine(Patch(), queue)
    for address, value in (("/tempo/source", "manual"), ("/tempo/bpm", 110), ("/quantise/segment", "bar")):
        queue.put(Event(address, (value,), "test", lambda *_: None))
    segments = []
    for tick in SongClock(FPS, 4.0):
        if tick.index == 5:
            queue.put(Event("/segment/next", (), "test", lambda *_: None))
        player.step(tick, tick.t_s)
        segments.append(player.segment)
        assert player.pending == (["/segment/next"] if 5 <= tick.index < 44 else [])
    # Four beats at 110 bpm are 2.18 s: tick 43 is at 2.15 s, tick 44 at 2.2 s.
    assert segments == [0] * 44 + [1] * 36


def test_oscillators_follow_the_tempo_that_is_set_by_hand():
    patch = parse_patch('[[modulate]]\nfrom = "beat.saw"\nto = "/output/opacity"\nbeats = 2\n', file="test.toml")
    queue = EventQueue()
    player = engine(patch, queue)
    queue.put(Event("/tempo/source", ("manual",), "test", lambda *_: None))
    queue.put(Event("/tempo/bpm", (90,), "test", lambda *_: None))
    for tick in SongClock(FPS, 5.0):
        params = player.step(tick, tick.t_s)
        assert params["/output/opacity"] == pytest.approx(tick.t_s * 90 / 60 / 2 % 1, abs=1e-6)


def test_taps_count_from_when_they_arrived():
    queue = EventQueue()
    player = engine(Patch(), queue)
    queue.put(Event("/tempo/source", ("tap",), "test", lambda *_: None))
    taps_s = [0.51 + 0.437 * number for number in range(6)]
    for tick in SongClock(10, 4.0):  # frames much coarser than taps
        while taps_s and taps_s[0] <= tick.t_s:
            queue.put(Event("/tempo/tap", (), "test", lambda *_: None, received_unix_s=taps_s.pop(0)))
        player.step(tick, tick.t_s)
    assert player.signals is not None
    assert player.signals.tempo_bpm == pytest.approx(60 / 0.437)
    assert player.signals.beat_phase == pytest.approx((player.signals.t_s - 0.51) / 0.437 % 1, abs=1e-6)
    # The knob was taken along: a tempo by hand goes on from there.
    queue.put(Event("/tempo/source", ("manual",), "test", lambda *_: None))
    player.step(Tick(41, 4.1), 4.1)
    assert player.signals.tempo_bpm == pytest.approx(60 / 0.437, abs=0.001)
    for index, bpm in ((42, 100.0), (43, player.signals.tempo_bpm)):
        queue.put(Event("/tempo/bpm", (bpm,), "test", lambda *_: None))
        player.step(Tick(index, index / 10), index / 10)
        assert player.signals.tempo_bpm == bpm


def test_the_status_tells_of_the_beat_and_of_what_waits_for_it() -> None:
    queue = EventQueue()
    for address, value in (("/tempo/source", "manual"), ("/quantise/segment", "bar"), ("/segment/next", 1)):
        queue.put(Event(address, (value,), "test", lambda *_: None))
    player = engine(Patch(), queue)
    for tick in SongClock(FPS, 0.2):
        player.step(tick, tick.t_s)
    queue.put(Event("/segment/next", (1,), "test", lambda *_: None))
    player.step(Tick(4, 0.2), 0.2)
    show = LiveShow(
        engine=player,
        clock=WallClock(FPS),
        relay=Relay(lambda role: Notebook()),
        casting=lambda number, patch: Role("test", Path("none"), MODEL),
        publisher=Publisher([], fps=FPS, width_px=8, height_px=8),
        meter=Meter(),
    )
    status = show.status()
    assert (status["tempo_source"], status["tempo_bpm"], status["beats"]) == ("manual", 120.0, 0.4)
    assert (status["link_peers"], status["midi_clock"], status["midi_clock_lost"]) == (0, "none", 0)
    assert status["quantise_pending"] == "/segment/next"
