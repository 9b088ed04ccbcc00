"""What a show plays with: sound, controllers, Link, and programs that take its frames."""

import functools
import importlib
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from avserver.config import Show
from avserver.doctor.finding import Check, Finding, State
from avserver.errors import AvserverError, ConfigError
from avserver.outputs.settings import NdiSettings, OutputSettings, SpoutSettings, SyphonSettings, kind_of

if TYPE_CHECKING:
    from avserver.audio.devices import Devices
    from avserver.frame import Frame

# ruff: noqa: PLC0415  (a package that is missing is to be told by the check that needs it)

_CAMERAS = Path("/sys/devices/virtual/video4linux")
# What a frame is sent by, and how it looks.
_NAME, _SIDE_PX = "avserver doctor", 64
_PATIENCE_S = 2.0


def surroundings_checks(show: Show) -> list[Check]:
    """Return the checks of this module."""
    return [
        Check("audio inputs (PortAudio)", lambda: _portaudio(_devices())),
        Check("audio inputs (JACK)", lambda: _jack(_devices())),
        Check("MIDI", lambda: _midi(show.midi.backend)),
        Check("Ableton Link", _link),
        Check("NDI", lambda: _ndi(_ndi_settings(show))),
        Check("Spout", lambda: _takes_a_frame("win32", "Windows", SpoutSettings(sender=_NAME))),
        Check("Syphon", lambda: _takes_a_frame("darwin", "macOS", SyphonSettings(server=_NAME))),
        Check("camera (v4l2loopback)", _v4l2loopback),
    ]


@functools.cache
def _devices() -> "Devices":
    from avserver.audio.devices import look

    return look()


def _portaudio(devices: "Devices") -> Finding:
    if devices.inputs:
        return Finding(State.OK, "; ".join(f"{found.index}: {found.label}" for found, _ in devices.inputs))
    return Finding(State.MISSING, devices.problems[0], "plug a sound card in, or play songs, or listen to the network")


def _jack(devices: "Devices") -> Finding:
    if devices.ports:
        return Finding(State.OK, ", ".join(devices.ports))
    problem = next((problem for problem in devices.problems if "JACK" in problem), "")
    if not problem:
        return Finding(State.OK, "a server without anything that brings sound")
    return Finding(State.MISSING, problem, "nothing is to be done unless the show's source is jack")


def _midi(backend: str) -> Finding:
    from avserver.control.midi.monitor import controllers

    found = controllers(backend)
    if found.problem:
        return Finding(State.MISSING, found.problem, "a show plays on without MIDI")
    return Finding(State.OK, ", ".join(found.names.inputs) or "no controller is plugged in")


def _link() -> Finding:
    try:
        importlib.import_module("link")
    except ImportError as err:
        advice = "pip install avserver[link]; without it MIDI clock or a tap gives the tempo"
        return Finding(State.MISSING, str(err), advice)
    return Finding(State.OK, "can be imported")


def _takes_a_frame(platform: str, system: str, settings: OutputSettings) -> Finding:
    """Send a frame to an output that one system has; `platform` is as in sys.platform."""
    if sys.platform != platform:
        return Finding(
            State.MISSING, f"{system} alone has it", "to other machines, and here, NDI and ZeroMQ do the same"
        )
    from avserver.outputs.catalogue import Stage, make_output

    try:
        output = make_output(settings, kind_of(settings), Stage(30.0, _SIDE_PX, _SIDE_PX))
    except ConfigError as err:
        return Finding(State.MISSING, str(err), f"pip install avserver[{kind_of(settings)}]")
    with output:
        output.send(_grey())
        end_s = time.monotonic() + _PATIENCE_S
        while not output.sent + output.failed and time.monotonic() < end_s:
            time.sleep(0.01)
        if output.error:
            return Finding(State.BROKEN, output.error, "install the newest driver of the graphics card")
        if not output.sent:
            return Finding(State.BROKEN, f"it does not take a frame within {_PATIENCE_S:g} s")
    return Finding(State.OK, "takes frames")


def _grey() -> "Frame":
    import numpy as np

    from avserver.frame import Frame

    return Frame(pixels=np.full((_SIDE_PX, _SIDE_PX, 3), 128, np.uint8), index=0, t_s=0.0)


def _ndi_settings(show: Show) -> NdiSettings:
    """Return how NDI is to be started: it reads one configuration in a process, that of the show if there is one."""
    own = next((settings for _, settings in show.outputs if isinstance(settings, NdiSettings)), NdiSettings())
    return NdiSettings(source=_NAME, fps=30.0, discovery=own.discovery, config_dir=own.config_dir)


def _ndi(settings: NdiSettings) -> Finding:
    """Send a picture to a receiver of this machine; see whether the network would have found its source too."""
    from avserver.outputs.ndi_runtime import INSTALL, start_ndi

    try:
        start_ndi(discovery=settings.discovery, config_dir=settings.config_dir)
    except ConfigError as err:
        return Finding(State.MISSING, str(err), INSTALL)
    frame = _grey()
    from avserver.outputs.ndi import NdiOutput
    from avserver.outputs.ndi_receiver import NdiReceiver

    with NdiOutput(settings, "ndi", 30.0) as output:
        output.send(frame)
        if output.error:
            return Finding(State.BROKEN, output.error)
        with NdiReceiver(output.source, patience_s=_PATIENCE_S) as receiver:
            if receiver.receive(_PATIENCE_S) is None:
                return Finding(State.BROKEN, "no frame arrives", "let TCP 5960 and up through the firewall")
        try:
            NdiReceiver(output.source, address="", patience_s=_PATIENCE_S).close()
        except AvserverError:
            return Finding(
                State.MISSING,
                "frames arrive, but mDNS finds no source here",
                "start avahi-daemon, or set discovery of the output, or tell receivers this machine's address",
            )
    return Finding(State.OK, "frames arrive, and mDNS finds their source")


def _v4l2loopback() -> Finding:
    if sys.platform != "linux":
        return Finding(State.MISSING, "Linux alone has it")
    names = [path.joinpath("name").read_text().strip() for path in sorted(_CAMERAS.glob("video*"))]
    if names:
        return Finding(State.OK, ", ".join(names))
    return Finding(
        State.MISSING,
        "no such device",
        "sudo apt install v4l2loopback-dkms, then: sudo modprobe v4l2loopback exclusive_caps=1",
    )
