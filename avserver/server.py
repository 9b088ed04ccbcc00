"""The server: a whole show put together from its settings, played, and taken apart again."""

import gc
import os
import random
import signal
import time
import types
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from avserver.analysis.analyser import Analyser, Listening
from avserver.audio.catalogue import open_source
from avserver.audio.overheard import Overheard
from avserver.audio.source import AudioSource, SilentSource
from avserver.audio.source_name import OSC
from avserver.bundled import mapping_path
from avserver.canvas import canvas_for
from avserver.clock import WallClock
from avserver.config import Show
from avserver.control.desk import Command, Desk, together
from avserver.control.events import EventQueue
from avserver.control.inputs import Inputs
from avserver.control.librarian import Librarian
from avserver.control.mapping import load_patch
from avserver.control.mapping_watch import MappingWatch
from avserver.control.midi.hand import MidiHand
from avserver.control.midi.ports import MidiPorts
from avserver.control.osc import OscServer
from avserver.control.oscquery import OscQuery
from avserver.control.params import ParamTable
from avserver.control.patch import Patch
from avserver.control.preset_folder import PresetFolder
from avserver.control.preset_hand import PresetHand
from avserver.control.recording import record_commands, take_commands
from avserver.control.sender import Sender
from avserver.control.told import Told, refusals
from avserver.control.transport import Transport
from avserver.engine import LiveShow
from avserver.engine_room import build_engine
from avserver.errors import ConfigError, ParamError
from avserver.frame_ring import FrameRing
from avserver.generator.relay import Relay
from avserver.generator.role import Role
from avserver.generator.worker import RenderWorker, WorkerSettings
from avserver.meter import Meter
from avserver.outputs.catalogue import Stage, make_output
from avserver.outputs.failsafe import make_failsafe
from avserver.outputs.herald import Herald
from avserver.outputs.output import Output
from avserver.outputs.publisher import Publisher
from avserver.outputs.video.recorder import Recorder
from avserver.outputs.web.preview import WebPreview
from avserver.repertoire import Repertoire
from avserver.take.casting import Casting
from avserver.take.decision import Song
from avserver.take.facts import facts_of
from avserver.take.reader import Take
from avserver.take.recorder import TakeRecorder
from avserver.take.replay import Replay
from avserver.take.sound import TakeSound

_FORCED = 130  # what a shell calls a program that Ctrl-C ended


class Server:
    """A show that is set up when this is entered, played by `play`, and gone without a trace when it is left.

    Raises UserError on entering if anything about the show cannot be had: its song, model, mapping, a port.
    """

    def __init__(self, show: Show) -> None:
        self._show = show
        self._stop_asked = False

    def __enter__(self) -> "Server":
        with ExitStack() as stack:
            self._load(stack)
            self._open(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def play(self) -> None:
        """Play until `stop`, or for the show's duration."""
        # What was made so far lives as long as the show; the collector need not look at it again.
        gc.collect()
        gc.freeze()
        duration_s = self._show.frame.duration_s
        if self._take is not None and not self._show.audio.loop and not duration_s:
            duration_s = self._take.ticks / self._take.fps
        self._live.play(lambda: self._stop_asked, duration_s)

    def stop(self) -> None:
        """Have `play` return; from any thread, or a signal handler."""
        self._stop_asked = True

    def stop_on_signals(self) -> None:
        """Let Ctrl-C and SIGTERM stop the show, and a second one end it on the spot."""

        def handle(_number: int, _frame: types.FrameType | None) -> None:
            if self._stop_asked:
                self._stack.close()
                os._exit(_FORCED)
            self.stop()

        signal.signal(signal.SIGINT, handle)
        signal.signal(signal.SIGTERM, handle)

    def where_to_look(self) -> list[str]:
        """Return the lines that tell a newcomer where the show is to be seen and turned."""
        show = self._show
        host, port = self._osc.address
        device = self._source.status().get("device")
        heard = f"{show.audio.source} ({device})" if device else show.audio.source
        heard = f"{self._take.path} (a take)" if self._take else heard
        width_px, height_px = self._size
        config = self._models.config(0)
        native = canvas_for(self._size, config.grid, show.model.wide).samples(config.resolution)
        scaled = "" if native == self._size else f" (drawn at {native[0]}x{native[1]})"
        drawn = f"{self._models.names[0]}, {width_px}x{height_px} px{scaled}, {show.frame.fps:g} frames a second"
        lines = [f"listening to  {heard}", f"drawing with  {drawn}"]
        if len(self._models.names) > 1:
            lines.append(f"other models  {', '.join(self._models.names[1:])} (/avserver/model/select)")
        if self._preview:
            lines.append(f"preview       {self._preview.url}")
            lines.append(f"projector     {self._preview.stage_url}")
        lines += [f"frames        {output.where}" for output in self._outputs if output is not self._preview]
        if show.recording.path:
            lines.append(f"recording     {show.recording.path}")
        if show.take.path:
            lines.append(f"take          {show.take.path}")
        absent = [bend.name for bend in self._patch.bends if bend.layer not in self._models.config(0).shape.layers]
        if absent:
            lines.append(f"left out      bends of layers that this model does not have: {', '.join(absent)}")
        over = "UDP and TCP" if show.osc.tcp else "UDP"
        lines.append(f"knobs         OSC on {host}:{port} ({over}), every address: avserver params")
        if self._oscquery:
            lines.append(f"OSCQuery      {self._oscquery.url}")
        return lines

    def status(self) -> Mapping[str, str | float | int]:
        """Return what `/avserver/status` answers."""
        return {
            **self._live.status(),
            "audio": self._show.take.replay or self._show.audio.source,
            **{f"audio.{name}": value for name, value in self._source.status().items()},
            "osc_received": self._osc.received,
            "osc_malformed": self._osc.malformed,
            "osc_unsent": self._osc.unsent,
            "osc_tcp_clients": self._osc.tcp_clients,
            "osc_late": self._queue.late,
            "osc_dropped": self._queue.dropped,
            "osc_coalesced": self._queue.coalesced,
            "osc_failed": self._desk.failures,
            "sends": self._sender.sent,
            "sends_failed": self._sender.unsent,
            **(self._midi.status() if self._midi else {}),
            "preset": self._presets.playing,
            "presets": self._presets.count,
            **self._mapping.status(),
            **self._recorder.recording(),
            **self._takes.status(),
            **(self._replay.status() if self._replay else {}),
            **{
                f"output.{output.name}.{name}": value
                for output in self._outputs
                for name, value in output.status().items()
            },
        }

    def _load(self, stack: ExitStack) -> None:
        """Read everything that comes from files, so that what is wrong with them shows before anything is started."""
        show = self._show
        self._models = Repertoire([show.model.path, *show.model.also], show.model.partner, show.grade.luts)
        failsafe = show.failsafe
        self._failsafe = make_failsafe(failsafe.after_s, failsafe.picture, failsafe.fade_s, *self._size)
        self._mapping_paths = [mapping_path(name) for name in (show.mapping.path, *show.mapping.also)]
        self._patch = load_patch(*self._mapping_paths)
        self._take = Take(Path(show.take.replay)) if show.take.replay else None
        source = self._open_source(self._take)
        self._source = stack.enter_context(Overheard(source))
        self._recorder = Recorder(show.recording, self._source, fps=show.frame.fps)
        facts = facts_of(show, self._size, self._source.sample_rate)
        self._takes = TakeRecorder(show.take, self._source, facts)
        self._librarian = Librarian(PresetFolder(Path(show.presets.path)))
        if show.presets.start:
            self._librarian.shelf.find(show.presets.start).fit(self._patch.param_table(self._models.names))
        self._presets = PresetHand(self._librarian, show.presets.start)
        self._replay = self._open_replay(self._take, self._patch.param_table(self._models.names))
        self._told = Told(Analyser(SilentSource()).until(0.0)) if show.audio.source == OSC and not self._take else None

    def _open_source(self, take: Take | None) -> AudioSource:
        """Return what is listened to: of a take that is replayed, what was heard then."""
        audio = self._show.audio
        if take is not None:
            return TakeSound(take, loop=audio.loop) if self._show.take.sound else SilentSource()
        return open_source(
            audio.source,
            loop=audio.loop,
            start_s=audio.start_s,
            channels=audio.channels,
            rate_hz=audio.rate_hz,
            insecure=audio.insecure,
        )

    def _open_replay(self, take: Take | None, table: ParamTable) -> Replay | None:
        """Return what plays the take, if there is one."""
        if take is None:
            return None
        return Replay(
            take,
            Casting(take, self._show),
            fps=self._show.frame.fps,
            patch=self._patch,
            table=table,
            loop=self._show.audio.loop,
        )

    def _cast(self, number: int, patch: Patch) -> Role:
        """Return who plays the model of that number."""
        own = self._models.role(number, patch)
        return self._replay.role(own) if self._replay else own

    def _commands(self) -> dict[str, Command]:
        """Return what OSC can have done to the sound; executed in the engine's thread, like all events."""

        def seek(arguments: tuple[object, ...]) -> None:
            match arguments:
                case (float() | int() as position_s,):
                    self._source.seek(position_s)
                case _:
                    raise ParamError("/audio/seek takes one number, the position in the song (s)")

        to_seek = Command(seek, "f", "go to a position in the song (s)")
        of_presets = self._presets.commands()
        to_reload = Command(
            lambda _: self._mapping.reload(), "", "read the mapping files again, as an edit of them does"
        )
        return {
            "/audio/seek": to_seek,
            "/mapping/reload": to_reload,
            **of_presets,
            **record_commands(self._recorder),
            **take_commands(self._takes),
            **(self._told.commands() if self._told else refusals()),
        }

    def _open(self, stack: ExitStack) -> None:
        """Take the ports, start the worker, and connect it all."""
        show = self._show
        clock, meter = WallClock(show.frame.fps), Meter()
        table = self._patch.param_table(self._models.names)
        commands = self._commands()
        replay, on_fire = self._replay, self._presets.on_fire()
        if replay:
            on_fire = together(on_fire, replay.on_fire())
        desk = self._desk = Desk(table, self.status, commands, on_fire)
        queue = self._queue = EventQueue(lambda address: address in desk.values)
        stack.enter_context(self._librarian)
        transport = Transport(
            began_s=lambda: clock.start_s,
            latency_s=lambda: meter.recent_s("tick_to_output"),
            complain=desk.complain,
        )
        stack.callback(transport.close)
        self._sender = Sender()
        stack.callback(self._sender.close)
        self._open_osc(stack, table, commands)
        inputs = Inputs()
        self._midi = self._open_midi(stack, table, transport, inputs)
        self._outputs = self._open_outputs(stack, table)
        width_px, height_px = self._size
        relay = self._open_relay(stack)
        self._mapping = MappingWatch(self._mapping_paths, self._patch, self._models.names, desk.complain)
        herald = Herald(self._outputs, desk.announce)
        self._live = LiveShow(
            engine=build_engine(
                source=self._source,
                patch=self._patch,
                table=table,
                queue=queue,
                desk=desk,
                meter=meter,
                told=self._told,
                listening=Listening(recurring_segments=show.audio.recurring_segments),
                chance=random.SystemRandom(),
                inputs=inputs,
                hands=(*([replay] if replay else []), self._presets, *([self._midi] if self._midi else [])),
                transport=transport,
                sender=self._sender,
                script=replay,
            ),
            clock=clock,
            relay=relay,
            casting=self._cast,
            publisher=Publisher(
                [*self._outputs, self._recorder],
                fps=show.frame.fps,
                width_px=width_px,
                height_px=height_px,
                failsafe=self._failsafe,
            ),
            meter=meter,
            mapping=self._mapping,
            watchers=tuple(watcher for watcher in (self._preview, self._oscquery, herald) if watcher is not None),
            witness=stack.enter_context(self._takes),
            song=self._song,
        )

    def _song(self) -> Song | None:
        """Return where the song is at this tick."""
        place = self._source.place()
        return Song(place[0], self._source.samples_read, place[1]) if place else None

    @property
    def _size(self) -> tuple[int, int]:
        """Width and height of the frames (px)."""
        resolution = self._models.config(0).resolution
        return self._show.frame.size or (resolution, resolution)

    def _open_osc(self, stack: ExitStack, table: ParamTable, commands: Mapping[str, Command]) -> None:
        osc, oscquery = self._show.osc, self._show.oscquery
        self._osc = OscServer(osc.host, osc.port, self._queue, tcp=osc.tcp, insecure=osc.insecure)
        stack.callback(self._osc.close)
        self._oscquery: OscQuery | None = None
        if oscquery.enabled:
            self._oscquery = OscQuery(
                oscquery.host,
                oscquery.port,
                osc=self._osc.address,
                parameters=[param.to_plain() for param in table.values()],
                commands=commands,
                values=lambda: self._desk.values,
                queue=self._queue,
                announced=oscquery.announce,
                insecure=oscquery.insecure,
            )
            stack.callback(self._oscquery.close)

    def _open_midi(self, stack: ExitStack, table: ParamTable, transport: Transport, inputs: Inputs) -> MidiHand | None:
        midi = self._show.midi
        if not midi.enabled:
            return None
        ports = MidiPorts(midi.backend, also=midi.ports, clock=transport.clock)
        stack.callback(ports.close)
        return MidiHand(ports, self._patch, table, inputs.put)

    def _open_outputs(self, stack: ExitStack, table: ParamTable) -> Sequence[Output]:
        preview, stage = self._show.preview, Stage(self._show.frame.fps, *self._size, self._source)
        outputs = [make_output(settings, name, stage) for name, settings in self._show.outputs]
        self._preview: WebPreview | None = None
        if preview.enabled:
            self._preview = WebPreview(
                preview.host,
                preview.port,
                describe=[param.to_plain() for param in table.values()],
                values=lambda: self._desk.values,
                put=self._queue.put,
                token=preview.token,
            )
            outputs.append(self._preview)
        for output in (*outputs, self._recorder):
            stack.enter_context(output)
        return outputs

    def _open_relay(self, stack: ExitStack) -> Relay:
        """Have the first model loaded; that takes seconds."""
        size, threads, wide = self._size, self._show.model.threads, self._show.model.wide

        def hire(role: Role) -> RenderWorker:
            try:
                ring = FrameRing.create(width_px=size[0], height_px=size[1])
            except OSError as err:
                raise ConfigError(str(err)) from err
            return RenderWorker(WorkerSettings(role, size, ring.name, threads, wide), ring)

        relay = Relay(hire)
        stack.callback(relay.close)
        relay.play(self._cast(0, self._patch), time.monotonic())
        return relay


def serve(show: Show, say: Callable[[str], None]) -> None:
    """Play a show until it is over or somebody stops it; `say` is told where to look."""
    with Server(show) as server:
        server.stop_on_signals()
        for line in server.where_to_look():
            say(line)
        server.play()
