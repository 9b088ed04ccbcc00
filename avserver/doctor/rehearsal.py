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
from avserver.outputs.settings import kind_of

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
        *_zeromq_checks(show),
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
        models = Repertoire([show.model.path, *show.model.also], show.model.partner)
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


def _zeromq_checks(show: Show) -> list[Check]:
    """Open what frames are published by. Other outputs are tried again as long as they fail; a show plays on."""

    def check(name: str) -> Finding:
        from avserver.outputs.catalogue import Stage, make_output

        output = make_output(outputs[name], name, Stage(show.frame.fps, *(show.frame.size or (16, 16))))
        try:
            with output:
                return Finding(State.OK, f"{output.where} is free")
        except UserError as err:
            return Finding(State.BROKEN, str(err))

    outputs = {name: settings for name, settings in show.outputs if kind_of(settings) == "zeromq"}
    return [Check(f"output {name}", functools.partial(check, name), needed=True) for name in outputs]


def _memory(show: Show) -> Finding:
    from avserver.frame_ring import SLOTS

    width_px, height_px = _size(show)
    rings = _WORKERS + sum(kind_of(settings) == "shared_memory" for _, settings in show.outputs)
    needed, free = rings * SLOTS * width_px * height_px * 4, shutil.disk_usage(_SHARED_MEMORY).free
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
    return Finding(State.OK, f"{found}, wanted are {show.frame.fps:g}", "choose a smaller model, a lower fps, or a GPU")


def _size(show: Show) -> tuple[int, int]:
    """Return width and height of the frames (px)."""
    from avserver.repertoire import Repertoire

    resolution = Repertoire([show.model.path]).config(0).resolution
    return show.frame.size or (resolution, resolution)
