"""What one show needs: its sound, model and mapping, its ports, the memory it shares, and speed."""

import functools
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

from avserver.config import Show
from avserver.doctor.finding import Check, Finding, State
from avserver.doctor.trial import try_out
from avserver.errors import UserError
from avserver.outputs.settings import OutputSettings, SharedMemorySettings
from avserver.pixel_format import BYTES_PER_PIXEL
from avserver.shape import Shape

# ruff: noqa: PLC0415  (a package that is missing is to be told by the check that needs it)

_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  (where POSIX shared memory lies on Linux)
# The worker that draws, and the one that gets ready to take its place.
_WORKERS = 2
_MB = 1e6


def rehearsal_checks(show: Show, *, quick: bool) -> list[Check]:
    """Return the checks of this module; `quick` leaves the run of the model out."""
    checks = [
        Check("sound of the show", lambda: _sound(show), needed=True),
        Check("model", lambda: _model(show), needed=True),
        Check("mapping", lambda: _mapping(show), needed=True),
        *_port_checks(show),
        *_output_checks(show),
    ]
    if _SHARED_MEMORY.is_dir():
        checks.append(Check("shared memory", lambda: _memory(show), needed=True))
    return checks if quick else [*checks, Check("speed", lambda: _speed(show), needed=True)]


def _sound(show: Show) -> Finding:
    from avserver.audio.catalogue import open_source

    audio = show.audio
    try:
        with open_source(
            audio.source, channels=audio.channels, rate_hz=audio.rate_hz, insecure=audio.insecure, start_s=audio.start_s
        ):
            return Finding(State.OK, audio.source)
    except UserError as err:
        return Finding(State.BROKEN, str(err), "choose another with --audio or [audio] source")


def _model(show: Show) -> Finding:
    from avserver.repertoire import Repertoire

    try:
        models = Repertoire([show.model.path, *show.model.also], show.model.partner, show.grade.luts)
    except UserError as err:
        return Finding(State.BROKEN, str(err), "avserver import makes a model of an official pickle")
    resolution = models.config(0).resolution
    return Finding(State.OK, f"{', '.join(models.names)}; {resolution} px")


def _mapping(show: Show) -> Finding:
    from avserver.bundled import mapping_path
    from avserver.control.mapping import load_patch

    names = (show.mapping.path, *show.mapping.also)
    try:
        load_patch(*map(mapping_path, names))
    except UserError as err:
        return Finding(State.BROKEN, str(err), "mend the mapping file, or choose another with --mapping")
    return Finding(State.OK, ", ".join(names))


def _port_checks(show: Show) -> list[Check]:
    osc, oscquery, preview = show.osc, show.oscquery, show.preview
    udp, tcp = socket.SOCK_DGRAM, socket.SOCK_STREAM
    ports = [("OSC", osc.host, osc.port, udp, "--osc-port or [osc] port")]
    if osc.tcp:
        ports.append(("OSC", osc.host, osc.port, tcp, "--osc-port or [osc] port"))
    if oscquery.enabled:
        ports.append(("OSCQuery", oscquery.host, oscquery.port, tcp, "--oscquery-port or [oscquery] port"))
    if preview.enabled:
        ports.append(("preview", preview.host, preview.port, tcp, "--preview-port or [preview] port"))
    return [
        Check(f"port of {name} ({'UDP' if kind is udp else 'TCP'})", _port(name, host, port, kind, choose), needed=True)
        for name, host, port, kind, choose in ports
    ]


def _port(name: str, host: str, port: int, kind: socket.SocketKind, choose: str) -> Callable[[], Finding]:
    def look() -> Finding:
        from avserver.addresses import bound_socket

        try:
            bound_socket(host, port, kind, name=name, choose=choose).close()
        except UserError as err:
            return Finding(State.BROKEN, str(err), f"end the program that has it, or choose another with {choose}")
        return Finding(State.OK, f"{host}:{port} is free")

    return look


def _output_checks(show: Show) -> list[Check]:
    """Open the outputs, without a frame: no stream goes out. One that only fails is tried again; a show plays on."""

    def check(name: str, settings: OutputSettings) -> Finding:
        from avserver.outputs.catalogue import Stage, make_output

        try:
            with make_output(settings, name, Stage(show.frame.fps, *_size_or_small(show))) as output:
                if output.error:
                    return Finding(State.WANTING, output.error, "a show plays on without it, and tries it again")
                return Finding(State.OK, output.where)
        except UserError as err:
            return Finding(State.BROKEN, str(err), "a show does not start: mend it, or take it out of the show file")

    return [
        Check(f"output {name}", functools.partial(check, name, settings), needed=True)
        for name, settings in show.outputs
    ]


def _memory(show: Show) -> Finding:
    from avserver.frame_ring import SLOTS

    width_px, height_px = _size(show)
    frames = _WORKERS * width_px * height_px * BYTES_PER_PIXEL["RGB8"]
    for _, settings in show.outputs:
        if isinstance(settings, SharedMemorySettings):
            shape = settings.shape or Shape(width_px, height_px)
            frames += shape.width_px * shape.height_px * BYTES_PER_PIXEL[settings.format]
    needed, free = SLOTS * frames, shutil.disk_usage(_SHARED_MEMORY).free
    found = f"{free / _MB:.0f} MB free in {_SHARED_MEMORY}, the show needs {needed / _MB:.0f}"
    if needed < free:
        return Finding(State.OK, found)
    return Finding(State.BROKEN, found, f"sudo mount -o remount,size=1G {_SHARED_MEMORY} (Docker: --shm-size=1g)")


def _speed(show: Show) -> Finding:
    from avserver.bundled import model_path

    width_px, height_px = _size(show)
    path = str(model_path(show.model.path))
    ran = try_out("speed", path, str(width_px), str(height_px), str(show.model.threads))
    found = f"{ran['fps']:.0f} frames a second at {width_px}x{height_px} px ({ran['precision']})"
    if ran["fps"] >= show.frame.fps:
        return Finding(State.OK, found)
    return Finding(
        State.WANTING, f"{found}, wanted are {show.frame.fps:g}", "choose a smaller model, a lower fps, or a GPU"
    )


def _size(show: Show) -> tuple[int, int]:
    """Return width and height of the frames (px)."""
    from avserver.repertoire import Repertoire

    resolution = Repertoire([show.model.path]).config(0).resolution
    return show.frame.size or (resolution, resolution)


def _size_or_small(show: Show) -> tuple[int, int]:
    """Return the size of the frames, or a small one where the model cannot be read, which its own check tells."""
    try:
        return _size(show)
    except UserError:
        return 16, 16
