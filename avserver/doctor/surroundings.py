"""What a show plays with: sound, controllers, Link, and programs that take its frames."""

import functools
import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from avserver.config import Show
from avserver.doctor.finding import Check, Finding, State
from avserver.errors import AvserverError, ConfigError

if TYPE_CHECKING:
    from avserver.audio.devices import Devices

# ruff: noqa: PLC0415  (a package that is missing is to be told by the check that needs it)

_CAMERAS = Path("/sys/devices/virtual/video4linux")
_NDI_PATIENCE_S = 2.0


def surroundings_checks(show: Show) -> list[Check]:
    """Return the checks of this module."""
    return [
        Check("audio inputs (PortAudio)", lambda: _portaudio(_devices())),
        Check("audio inputs (JACK)", lambda: _jack(_devices())),
        Check("MIDI", lambda: _midi(show.midi.backend)),
        Check("Ableton Link", lambda: _package("link", "link", "without it MIDI clock or a tap gives the tempo")),
        Check("NDI", _ndi),
        Check("Spout", lambda: _made_with("win32", "Windows", "spout")),
        Check("Syphon", lambda: _made_with("darwin", "macOS", "syphon")),
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


def _package(module: str, extra: str, without: str = "") -> Finding:
    """Import what an extra brings, or what is made with it."""
    advice = f"pip install avserver[{extra}]" + (f"; {without}" if without else "")
    try:
        importlib.import_module(module)
    except ImportError as err:
        return Finding(State.MISSING, str(err), advice)
    return Finding(State.OK, "can be imported")


def _made_with(platform: str, system: str, extra: str) -> Finding:
    """Look at an output that one system has; `platform` is as in sys.platform."""
    if sys.platform != platform:
        return Finding(
            State.MISSING, f"{system} alone has it", "to other machines, and here, NDI and ZeroMQ do the same"
        )
    return _package(f"avserver.outputs.{extra}", extra)


def _ndi() -> Finding:
    """Send a picture to a receiver of this machine; see whether the network would have found its source too."""
    from avserver.outputs.ndi_runtime import INSTALL, start_ndi

    try:
        start_ndi()
    except ConfigError as err:
        return Finding(State.MISSING, str(err), INSTALL)
    import numpy as np

    from avserver.frame import Frame
    from avserver.outputs.ndi import NdiOutput
    from avserver.outputs.ndi_receiver import NdiReceiver
    from avserver.outputs.settings import NdiSettings

    with NdiOutput(NdiSettings(source="avserver doctor", fps=30.0), "ndi", 30.0) as output:
        output.send(Frame(pixels=np.full((64, 64, 3), 128, np.uint8), index=0, t_s=0.0))
        if output.error:
            return Finding(State.BROKEN, output.error)
        with NdiReceiver(output.source, patience_s=_NDI_PATIENCE_S) as receiver:
            if receiver.receive(_NDI_PATIENCE_S) is None:
                return Finding(State.BROKEN, "no frame arrives", "let TCP 5960 and up through the firewall")
        try:
            NdiReceiver(output.source, address="", patience_s=_NDI_PATIENCE_S).close()
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
