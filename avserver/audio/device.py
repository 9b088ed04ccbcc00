"""Devices through PortAudio (sounddevice): by name, any of their channels, at their own rate.

Used in the capture process, and by `avserver devices`; PortAudio lists what was there when it was started.
"""

import time
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from avserver.audio.capture_process import CaptureSettings
from avserver.audio.ring import Ring
from avserver.errors import AudioError

# Rates (Hz) that are tried for the list; sound cards for music have these.
TRIED_RATES_HZ = (44_100, 48_000, 96_000)


@dataclass(frozen=True, slots=True)
class Input:
    """A device that sound can be had from.

    Attributes:
        index: PortAudio's number of it.
        name: its name.
        host: the host API that it is reached by: ALSA, JACK …
        channels: how many it has.
        rate_hz: samples per second (Hz) that it has by itself.
    """

    index: int
    name: str
    host: str
    channels: int
    rate_hz: int

    @property
    def label(self) -> str:
        """Name and host API, as a show file may have it."""
        return f"{self.name}, {self.host}"


def sounddevice() -> ModuleType:
    """Import sounddevice, which starts PortAudio. Raises AudioError where that cannot be had."""
    try:
        import sounddevice as module  # noqa: PLC0415  (looks for a library of the system)
    except (ImportError, OSError) as err:
        raise AudioError(
            f"devices need PortAudio ({err}); install it with: sudo apt install libportaudio2, pip install sounddevice"
        ) from err
    found: ModuleType = module
    return found


def inputs(sd: ModuleType) -> list[Input]:
    """Return all devices that sound can be had from."""
    hosts = [host["name"] for host in sd.query_hostapis()]
    return [
        Input(
            index=device["index"],
            name=device["name"],
            host=hosts[device["hostapi"]],
            channels=device["max_input_channels"],
            rate_hz=round(device["default_samplerate"]),
        )
        for device in sd.query_devices()
        if device["max_input_channels"] > 0
    ]


def rates_hz(sd: ModuleType, device: Input) -> list[int]:
    """Return which of TRIED_RATES_HZ the device takes."""
    working = []
    for rate in TRIED_RATES_HZ:
        try:
            sd.check_input_settings(device=device.index, channels=1, samplerate=rate)
        except (sd.PortAudioError, ValueError):
            continue
        working.append(rate)
    return working


def find(name: str, found: list[Input], default: int = -1) -> Input:
    """Return the input that is meant.

    Args:
        name: its number, its name, or a part of `name, host` that no other has, in small or capital letters; empty: the
            default, or else the first.
        found: those to choose from.
        default: number of the default one, -1 if there is none.

    Raises AudioError, which lists them, if it is none or several.
    """
    wanted = name.strip().lower()
    if not wanted:
        meant = [device for device in found if device.index == default] or found[:1]
    elif wanted.isdigit():
        meant = [device for device in found if device.index == int(wanted)]
    else:
        same = [device for device in found if wanted in (device.name.lower(), device.label.lower())]
        meant = same or [device for device in found if wanted in device.label.lower()]
    if len(meant) == 1:
        return meant[0]
    problem = f"several inputs match {name!r}" if meant else f"there is no input {name!r}"
    listed = "; ".join(f"{device.index}: {device.label} ({device.channels} channels)" for device in meant or found)
    raise AudioError(f"{problem}; " + (f"there are {listed}" if listed else "PortAudio finds no input on this machine"))


def checked_channels(channels: tuple[int, ...], available: int, name: str) -> tuple[int, ...]:
    """Return which channels (from 1) to hear: those given, or the first two. Raises AudioError for one too many."""
    if channels and max(channels) > available:
        raise AudioError(f"{name} has channels 1 to {available}, got {max(channels)}")
    return channels or tuple(range(1, min(2, available) + 1))


class DeviceStream:
    """A device that is being listened to. See `capture_process.Stream`."""

    def __init__(self, settings: CaptureSettings, ring: Ring) -> None:
        self._sd = sd = sounddevice()
        device = find(settings.name, inputs(sd), sd.default.device[0])
        channels = checked_channels(settings.channels, device.channels, device.label)
        self._ring = ring
        self._picked = [channel - 1 for channel in channels]
        self._share = np.full(len(channels), 1 / len(channels), np.float32)
        self.label = device.label
        self.rate_hz = settings.rate_hz or device.rate_hz
        try:
            self._stream = sd.InputStream(
                device=device.index,
                channels=max(channels),
                samplerate=self.rate_hz,
                dtype="float32",
                latency="low",
                callback=self._hear,
            )
            self._stream.start()
        except sd.PortAudioError as err:
            working = ", ".join(map(str, rates_hz(sd, device))) or "none of those that were tried"
            raise AudioError(
                f"cannot listen to {device.label} at {self.rate_hz} Hz: {err}; rates that work: {working}"
            ) from err

    def tend(self) -> None:
        """Raise AudioError when the driver has stopped calling."""
        if not self._stream.active:
            raise AudioError("its driver has stopped")

    def close(self) -> None:
        """Stop listening, and leave the sound system."""
        self._stream.close()
        self._sd._terminate()

    def _hear(self, block: npt.NDArray[np.float32], _count: int, _times: Any, status: Any) -> None:
        """Take (n, channels) samples; called in PortAudio's thread."""
        if status.input_overflow:
            self._ring.count_xrun()
        self._ring.write(block[:, self._picked] @ self._share, time.monotonic())
