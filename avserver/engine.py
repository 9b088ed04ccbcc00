"""Engine: the loop. Live and offline share `step`; only this thread advances anything downstream of Signals."""

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from multiprocessing.connection import wait
from typing import Protocol

from avserver.analysis.knobs import Knobs
from avserver.clock import Tick, WallClock
from avserver.control.desk import Desk
from avserver.control.events import Event, EventQueue
from avserver.control.hand import Hand
from avserver.control.inputs import Inputs
from avserver.control.mapper import Mapper
from avserver.control.mapping_watch import MappingWatch
from avserver.control.moment import Moment
from avserver.control.params import Params, ParamTable, Value
from avserver.control.patch import Patch, former_names
from avserver.control.quantiser import Quantiser
from avserver.control.reseed import Reseeder
from avserver.control.sender import Sender
from avserver.control.signal_knobs import SignalKnobs
from avserver.control.tempo_sources import Turned
from avserver.control.transport import Transport
from avserver.frame_spec import FrameSpec, Mix, ModelShape
from avserver.generator.relay import Relay
from avserver.generator.role import Role
from avserver.meter import Meter
from avserver.outputs.publisher import Publisher
from avserver.scene.bends import bends_for
from avserver.scene.latents import without_pictures
from avserver.scene.scene import Scene
from avserver.signals import Signals
from avserver.take.decision import Decision, Song


class Watcher(Protocol):
    """Someone who wants to see what each frame was decided on: the web page's meters."""

    def observe(self, signals: Signals, values: Mapping[str, Value]) -> None:
        """Take note; called in the engine's thread at every tick, never blocks."""

    def describe(self, parameters: Sequence[Mapping[str, object]]) -> None:
        """Take note that there are other parameters now."""


class Witness(Protocol):
    """Someone who writes down what is decided: a take."""

    @property
    def watching(self) -> bool:
        """Whether it wants to be told."""

    def saw(self, decision: Decision) -> None:
        """Take note; called in the engine's thread at every tick, never blocks."""


class Script(Protocol):
    """Someone who says what to draw in place of the scene: a take that is replayed."""

    def spec_for(self, role: Role, own: Callable[[Role], FrameSpec]) -> FrameSpec:
        """Return what a role is to draw of the last tick; `own` is what the scene says."""


class Ears(Protocol):
    """Whoever hears for the engine, with a delay if it is asked for; `Delayed` says how."""

    def until(self, t_s: float, delay_s: float = 0.0) -> Signals:
        """Return what is heard at `t_s` (show time, s), not before that of the last call."""

    def turn(self, knobs: Knobs) -> None:
        """Have what follows heard as the knobs say."""


TAP_ADDRESS = "/tempo/tap"
# Which role a show shall play: of a model's number and the patch.
Casting = Callable[[int, Patch], Role]


class Engine:
    """Decides frames: hears, obeys, and makes a FrameSpec of it.

    Time is an argument: the same song, patch and events give the same FrameSpecs, live and offline.

    Attributes:
        patch: what is played; change it with `take`.
    """

    def __init__(
        self,
        *,
        patch: Patch,
        ears: Ears,
        queue: EventQueue,
        desk: Desk,
        mapper: Mapper,
        scene: Scene,
        meter: Meter,
        reseeder: Reseeder,
        inputs: Inputs,
        transport: Transport | None = None,
        hands: Sequence[Hand] = (),
        sender: Sender | None = None,
        script: Script | None = None,
    ) -> None:
        self.patch = patch
        self._script = script
        self.transport = transport or Transport()
        self._quantiser = Quantiser()
        self._ears = ears
        self._queue = queue
        self._desk = desk
        self._mapper = mapper
        self._scene = scene
        self._meter = meter
        self._reseeder = reseeder
        self._inputs = inputs
        self._inputs.take(patch.inputs(), patch.osc)
        self._sender = sender
        if sender is not None:
            sender.take(patch.sends)
        self._hands: tuple[Hand, ...] = (self.transport, *hands)
        self._signal_knobs = SignalKnobs()
        self._tick = Tick(0, 0.0)
        self.signals: Signals | None = None
        self.params: Params | None = None
        self.onsets = 0

    @property
    def segment(self) -> int:
        """The tempo segment that is played: what is heard, unless somebody switched by hand."""
        return self._scene.segment

    @property
    def opacity(self) -> float:
        """What hands have set it to: a frozen picture follows them, and nothing that is heard."""
        return float(self._desk.values["/output/opacity"])

    @property
    def knobs(self) -> Mapping[str, Value]:
        """Where hands have turned the knobs to; a snapshot that never changes."""
        return self._desk.values

    @property
    def reseed_from(self) -> int:
        """The number that seeds came from when they were last drawn, -1 before."""
        return self._reseeder.last

    @property
    def pending(self) -> list[str]:
        """The addresses of what waits for a beat or a bar."""
        return self._quantiser.pending

    def take(self, patch: Patch, table: ParamTable) -> None:
        """Play another patch from the next step on; what is the same in both goes on as it was.

        So does a bend of which nothing but the name is another.

        `table` holds the patch's parameters.
        """
        former = former_names(self.patch.bends, patch.bends)
        self.patch = patch
        self._desk.take(table, {f"/bend/{name}": f"/bend/{was}" for name, was in former.items()})
        self._inputs.take(patch.inputs(), patch.osc)
        if self._sender is not None:
            self._sender.take(patch.sends)
        self._mapper.take(patch, table)
        self._scene.take(patch)
        for hand in self._hands:
            hand.take(patch, table)

    def step(self, tick: Tick, now_unix_s: float) -> Params:
        """Decide a tick; `spec` then says what to draw. `now_unix_s` is when events with a time tag are due by."""
        with self._meter.time("control"):
            moment = Moment(tick.t_s, now_unix_s, *self.transport.foretell(tick.t_s), self.transport.quantum)
            events = [event for hand in self._hands for event in hand.events(moment, self._desk.values)]
            events += self._inputs.hear(self._queue.drain(now_unix_s))
            events = self._quantiser.due(self._desk.expand(events), moment, self._desk.values)
            fired = self._desk.apply(events)
            if turns := self._reseeder.events(fired, self._desk.values, self.patch.choirs):
                self._desk.apply(turns)
            if "/panic" in fired:
                self._inputs.forget()
            self.transport.turn(Turned(tick.t_s, self._desk.values, fired, _taps_s(events, fired, moment)))
        with self._meter.time("analysis"):
            heard = self._ears.until(tick.t_s, float(self._desk.values["/audio/delay_ms"]) / 1e3)
            heard = self.transport.conduct(heard)
        with self._meter.time("mapping"):
            # As they were a frame ago: what is heard may itself move them. A panic waits for nothing.
            turned = self.params.values if self.params and "/panic" not in fired else self._desk.values
            signals = self._signal_knobs.update(heard, turned, tick.t_s)
            params = self._mapper.update(
                signals,
                self._desk.values,
                fired,
                tick.t_s,
                inputs=self._inputs.values,
                glides=self._desk.take_glides(),
            )
            if self._sender is not None:
                self._sender.update(signals, self._inputs.values, tick.t_s)
        self._ears.turn(_knobs(params))
        with self._meter.time("scene"):
            self._scene.update(tick.t_s, signals, params)
        self._tick, self.signals, self.params = tick, signals, params
        self.onsets += sum(onset.stem == "mix" and onset.band == "full" for onset in signals.onsets)
        return params

    def spec(self, model: ModelShape) -> FrameSpec:
        """Return the last tick as `model` is to draw it. Call `step` first."""
        assert self.params is not None, "no step has been taken"
        with self._meter.time("scene"):
            return self._scene.spec(self._tick.index, self._tick.t_s, self.params, model)

    def spec_for(self, role: Role) -> FrameSpec:
        """Return the last tick for a role, without what it was not prepared for, which waits for the next one."""
        return self._script.spec_for(role, self._scene_for) if self._script else self._scene_for(role)

    def _scene_for(self, role: Role) -> FrameSpec:
        spec = self.spec(role.shape)
        directions = tuple(direction for direction in spec.directions if direction.kind in role.directions)
        return dataclasses.replace(
            spec,
            bends=bends_for(role.bends, spec.bends),
            directions=directions,
            mix=spec.mix if role.partner else Mix(),
            latents=spec.latents if role.pictures == self.patch.pictures else without_pictures(spec.latents),
        )


def _taps_s(events: Sequence[Event], fired: frozenset[str], moment: Moment) -> list[float]:
    """Return the show times of the frame's taps (s): when each arrived, for frames are too coarse for a tempo."""
    if TAP_ADDRESS not in fired:
        return []
    arrived = [event.due_unix_s or event.received_unix_s for event in events if event.address == TAP_ADDRESS]
    return sorted(moment.t_s - max(0.0, moment.unix_s - (unix_s or moment.unix_s)) for unix_s in arrived or [None])


def _knobs(params: Params) -> Knobs:
    """Return how the next tick is to be heard."""
    return Knobs(
        gain_auto=bool(params["/audio/gain_auto"]),
        gain_max_db=float(params["/audio/gain_max_db"]),
        gain_half_life_s=float(params["/audio/gain_half_life_s"]),
        slowest_bpm=float(params["/tempo/slowest_bpm"]),
        fastest_bpm=float(params["/tempo/fastest_bpm"]),
    )


class LiveShow:
    """Plays an engine in real time: ticks by the wall clock, frames from the worker, outputs that keep their rate."""

    def __init__(
        self,
        *,
        engine: Engine,
        clock: WallClock,
        relay: Relay,
        casting: Casting,
        publisher: Publisher,
        meter: Meter,
        mapping: MappingWatch | None = None,
        watchers: tuple[Watcher, ...] = (),
        witness: Witness | None = None,
        song: Callable[[], Song | None] = lambda: None,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._relay = relay
        self._casting = casting
        self._mapping = mapping
        self._cast_for: Role | None = None
        self._publisher = publisher
        self._meter = meter
        self._watchers = watchers
        self._witness = witness
        self._song = song
        self._unix_start_s = 0.0
        self._tardy = 0

    def play(self, stopped: Callable[[], bool], duration_s: float = 0.0) -> None:
        """Play until `stopped()` or for `duration_s` of show time (0: without end)."""
        self._unix_start_s = time.time()
        start_s = time.monotonic()
        while not stopped():
            now_s = time.monotonic()
            if duration_s and now_s - start_s >= duration_s:
                return
            tick = self._clock.due(now_s)
            if tick is not None:
                self._decide(tick)
            self._collect()
            self._rest()

    def status(self) -> Mapping[str, float | int | str]:
        """Return the figures of the loop, as `/avserver/status` gives them."""
        signals = self._engine.signals
        relay = self._relay
        worker, playing, coming = relay.worker, relay.playing, relay.coming
        return {
            "fps": round(self._meter.fps(time.monotonic()), 2),
            "frames": self._publisher.frames,
            "late": self._tardy + self._clock.skipped,
            "dropped": relay.dropped,
            "repeated": self._publisher.repeated,
            "failsafe": int(self._publisher.failing),
            "worker": str(worker.state) if worker else "none",
            "worker_pid": (worker.pid if worker else None) or 0,
            "restarts": relay.restarts,
            "model": playing.name if playing else "",
            "next_model": coming.name if coming else "",
            "handovers": relay.handovers,
            "model_error": relay.complaint,
            "t_s": round(signals.t_s, 3) if signals else 0.0,
            "tempo_bpm": round(signals.tempo_bpm, 2) if signals else 0.0,
            "onsets": self._engine.onsets,
            "segment": self._engine.segment,
            "reseed_from": self._engine.reseed_from,
            **self._engine.transport.status(),
            "quantise_pending": " ".join(self._engine.pending),
            **{f"ms.{stage}": round(ms, 3) for stage, ms in self._meter.medians_ms().items()},
        }

    def _decide(self, tick: Tick) -> None:
        if self._mapping is not None and (found := self._mapping.poll(time.monotonic())):
            patch, table = found
            self._engine.take(patch, table)
            for watcher in self._watchers:
                watcher.describe([param.to_plain() for param in table.values()])
        params = self._engine.step(tick, time.time())
        signals = self._engine.signals
        assert signals is not None
        self._cast(params)
        self._publisher.blackout = bool(params["/output/blackout"])
        self._publisher.frozen = bool(params["/output/freeze"])
        self._publisher.fade(tick.index, self._engine.opacity)
        spec_for = cache(self._engine.spec_for)  # for who draws it and who writes it down
        if not self._publisher.frozen:
            heard_ns = int((self._unix_start_s + signals.heard_s) * 1e9)
            self._relay.submit(spec_for, heard_ns)
        if self._witness is not None and self._witness.watching:
            self._witness.saw(self._decision(tick, params, signals, spec_for))
        for watcher in self._watchers:
            watcher.observe(signals, params.values)

    def _decision(
        self, tick: Tick, params: Params, signals: Signals, spec_for: Callable[[Role], FrameSpec]
    ) -> Decision:
        """Return all that was decided at a tick."""
        role = self._relay.drawing
        assert role is not None, "nobody was cast"
        return Decision(
            tick=tick,
            role=role,
            spec=None if self._publisher.frozen else spec_for(role),
            opacity=self._engine.opacity,
            blackout=self._publisher.blackout,
            hit_s=max((onset.t_s for onset in signals.onsets), default=None),
            knobs=self._engine.knobs,
            fired=params.fired,
            song=self._song(),
        )

    def _cast(self, params: Params) -> None:
        """Have the role played that the knobs and the patch ask for; each is asked for once."""
        self._relay.fade_s = float(params["/model/fade_s"])
        wanted = self._casting(int(params["/model/select"]), self._engine.patch)
        if wanted != self._cast_for:
            self._cast_for = wanted
            self._relay.play(wanted, time.monotonic())

    def _collect(self) -> None:
        """Publish what has been drawn; if nothing has and it is overdue, the last frame again."""
        for frame in self._relay.poll(time.monotonic()):
            with self._meter.time("publish"):
                self._publisher.publish(frame, time.monotonic())
            now_s = time.monotonic()
            age_s = now_s - (self._clock.start_s + frame.t_s)
            # Late is what reaches the outputs more than a frame time after the tick that it was decided at.
            self._tardy += age_s > 1.0 / self._clock.fps
            self._meter.took("tick_to_output", age_s)
            self._meter.shown(now_s)
        self._publisher.keep_rate(time.monotonic())

    def _rest(self) -> None:
        """Sleep until a frame arrives, a tick is due or an output would starve."""
        now_s = time.monotonic()
        timeout_s = min(self._clock.wait_s(now_s), self._publisher.wait_s(now_s))
        if timeout_s <= 0:
            return
        connections = self._relay.connections
        if connections:
            wait(connections, timeout_s)
        else:
            time.sleep(timeout_s)
