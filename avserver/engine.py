"""Engine: the loop. Live and offline share `step`; only this thread advances anything downstream of Signals."""

import time
from collections.abc import Callable, Mapping
from multiprocessing.connection import wait
from typing import Protocol

from avserver.analysis.analyser import Analyser
from avserver.clock import Tick, WallClock
from avserver.control.desk import Desk
from avserver.control.events import EventQueue
from avserver.control.mapper import Mapper
from avserver.control.params import Params, Value
from avserver.frame_spec import FrameSpec
from avserver.generator.worker import RenderWorker
from avserver.meter import Meter
from avserver.outputs.publisher import Publisher
from avserver.scene.scene import Scene
from avserver.signals import Signals


class Watcher(Protocol):
    """Someone who wants to see what each frame was decided on: the web page's meters."""

    def observe(self, signals: Signals, values: Mapping[str, Value]) -> None:
        """Take note; called in the engine's thread at every tick, never blocks."""


class Engine:
    """Decides frames: hears, obeys, and makes a FrameSpec of it.

    Time is an argument: the same song, patch and events give the same FrameSpecs, live and offline.
    """

    def __init__(
        self, *, analyser: Analyser, queue: EventQueue, desk: Desk, mapper: Mapper, scene: Scene, meter: Meter
    ) -> None:
        self._analyser = analyser
        self._queue = queue
        self._desk = desk
        self._mapper = mapper
        self._scene = scene
        self._meter = meter
        self.signals: Signals | None = None
        self.params: Params | None = None
        self.onsets = 0

    @property
    def segment(self) -> int:
        """The tempo segment that is played: what is heard, unless somebody switched by hand."""
        return self._scene.segment

    def step(self, tick: Tick, now_unix_s: float) -> FrameSpec:
        """Return what to draw at a tick. `now_unix_s` is when events with a time tag are due by."""
        with self._meter.time("analysis"):
            signals = self._analyser.until(tick.t_s)
        with self._meter.time("control"):
            fired = self._desk.apply(self._queue.drain(now_unix_s))
            params = self._mapper.update(signals, self._desk.values, fired, tick.t_s)
        with self._meter.time("scene"):
            spec = self._scene.at(tick.index, tick.t_s, signals, params)
        self.signals, self.params = signals, params
        self.onsets += sum(onset.stem == "mix" and onset.band == "full" for onset in signals.onsets)
        return spec


class LiveShow:
    """Plays an engine in real time: ticks by the wall clock, frames from the worker, outputs that keep their rate."""

    def __init__(
        self,
        *,
        engine: Engine,
        clock: WallClock,
        worker: RenderWorker,
        publisher: Publisher,
        meter: Meter,
        watchers: tuple[Watcher, ...] = (),
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._worker = worker
        self._publisher = publisher
        self._meter = meter
        self._watchers = watchers
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
        return {
            "fps": round(self._meter.fps(time.monotonic()), 2),
            "frames": self._publisher.frames,
            "late": self._tardy + self._clock.skipped,
            "dropped": self._worker.dropped,
            "repeated": self._publisher.repeated,
            "worker": str(self._worker.state),
            "worker_pid": self._worker.pid or 0,
            "restarts": self._worker.restarts,
            "t_s": round(signals.t_s, 3) if signals else 0.0,
            "tempo_bpm": round(signals.tempo_bpm, 2) if signals else 0.0,
            "onsets": self._engine.onsets,
            "segment": self._engine.segment,
            **{f"ms.{stage}": round(ms, 3) for stage, ms in self._meter.medians_ms().items()},
        }

    def _decide(self, tick: Tick) -> None:
        spec = self._engine.step(tick, time.time())
        signals, params = self._engine.signals, self._engine.params
        if signals is None or params is None:
            return
        self._publisher.blackout = bool(params["/output/blackout"])
        if not params["/output/freeze"]:
            heard_ns = int((self._unix_start_s + signals.heard_s) * 1e9)
            self._worker.submit(spec, heard_ns)
        for watcher in self._watchers:
            watcher.observe(signals, params.values)

    def _collect(self) -> None:
        """Publish what has been drawn; if nothing has and it is overdue, the last frame again."""
        for frame in self._worker.poll(time.monotonic()):
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
        connection = self._worker.connection
        if connection is None:
            time.sleep(timeout_s)
        else:
            wait([connection], timeout_s)
