"""The catalogue: makes an output of its settings. What a kind needs is imported only for a show that has it."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avserver.audio.overheard import Overheard
from avserver.errors import ConfigError
from avserver.outputs.output import Output
from avserver.outputs.settings import (
    MjpegSettings,
    NdiSettings,
    OutputSettings,
    SharedMemorySettings,
    SpoutSettings,
    StreamSettings,
    SyphonSettings,
    TouchDesignerSettings,
    V4l2Settings,
    ZeroMqSettings,
)
from avserver.shape import Shape

# ruff: noqa: PLC0415


@dataclass(frozen=True, slots=True)
class Stage:
    """The show that an output belongs to, as far as it needs to know.

    Attributes:
        fps: frames a second.
        width_px: of the frames.
        height_px: of the frames.
        sound: what the show hears, for outputs that send it too.
    """

    fps: float
    width_px: int
    height_px: int
    sound: Overheard | None = None


def make_output(settings: OutputSettings, name: str, stage: Stage) -> Output:
    """Return an output called `name` that is not open yet. Raises ConfigError if it cannot be."""
    return _MAKERS[type(settings)](settings, name, stage)


def _zeromq(settings: ZeroMqSettings, name: str, _stage: Stage) -> Output:
    from avserver.outputs.keys import read_server_keys
    from avserver.outputs.zeromq import ZeroMqOutput

    return ZeroMqOutput(
        settings.address,
        pixel_format=settings.format,
        quality=settings.quality,
        keys=read_server_keys(Path(settings.keys)) if settings.keys else None,
        insecure=settings.insecure,
        name=name,
        shape=settings.shape,
        fps=settings.fps,
    )


def _ndi(settings: NdiSettings, name: str, stage: Stage) -> Output:
    from avserver.outputs.ndi import NdiOutput

    return NdiOutput(settings, name, stage.fps)


def _shared_memory(settings: SharedMemorySettings, name: str, stage: Stage) -> Output:
    from avserver.outputs.shared_memory import SharedMemoryOutput

    shape = _fixed(settings, stage)
    return SharedMemoryOutput(settings.memory, settings.format, shape=shape, name=name, fps=settings.fps)


def _touchdesigner(settings: TouchDesignerSettings, name: str, stage: Stage) -> Output:
    _only_on("win32", "touchdesigner")
    from avserver.outputs.touchdesigner import TouchDesignerOutput
    from avserver.outputs.windows_memory import GuardedMemory

    shape = _fixed(settings, stage)
    return TouchDesignerOutput(settings.memory, shape=shape, open_memory=GuardedMemory, name=name, fps=settings.fps)


def _spout(settings: SpoutSettings, name: str, _stage: Stage) -> Output:
    _only_on("win32", "spout")
    with _extra("spout"):
        from avserver.outputs.spout import SpoutOutput

    return SpoutOutput(settings.sender, shape=settings.shape, name=name, fps=settings.fps)


def _syphon(settings: SyphonSettings, name: str, stage: Stage) -> Output:
    _only_on("darwin", "syphon")
    with _extra("syphon"):
        from avserver.outputs.syphon import SyphonOutput

    return SyphonOutput(settings.server, shape=_fixed(settings, stage), name=name, fps=settings.fps)


def _v4l2(settings: V4l2Settings, name: str, stage: Stage) -> Output:
    _only_on("linux", "v4l2")
    from avserver.outputs.v4l2 import V4l2Output

    return V4l2Output(settings.device, shape=_fixed(settings, stage), name=name, fps=settings.fps)


def _stream(settings: StreamSettings, name: str, stage: Stage) -> Output:
    from avserver.outputs.video.stream import StreamOutput

    return StreamOutput(settings, name, sound=stage.sound, fps=stage.fps)


def _mjpeg(settings: MjpegSettings, name: str, _stage: Stage) -> Output:
    from avserver.outputs.mjpeg import MjpegOutput

    return MjpegOutput(settings, name)


# Every kind of `settings.KINDS`.
_MAKERS: dict[type[OutputSettings], Callable[[Any, str, Stage], Output]] = {
    ZeroMqSettings: _zeromq,
    NdiSettings: _ndi,
    SharedMemorySettings: _shared_memory,
    TouchDesignerSettings: _touchdesigner,
    SpoutSettings: _spout,
    SyphonSettings: _syphon,
    V4l2Settings: _v4l2,
    StreamSettings: _stream,
    MjpegSettings: _mjpeg,
}


def _fixed(settings: OutputSettings, stage: Stage) -> Shape:
    """Return the size of an output whose frames all have one size: its own, or the show's."""
    return settings.shape or Shape(stage.width_px, stage.height_px, settings.fit)


_SYSTEMS = {"linux": "Linux", "win32": "Windows", "darwin": "macOS"}


def _only_on(platform: str, kind: str) -> None:
    """Raise ConfigError on another system; `platform` is as in sys.platform."""
    if sys.platform != platform:
        here = _SYSTEMS.get(sys.platform, sys.platform)
        raise ConfigError(
            f"an output of kind {kind!r} needs {_SYSTEMS[platform]}, this is {here}; kinds for every system: "
            "zeromq, ndi, shared_memory, stream, mjpeg"
        )


@contextmanager
def _extra(extra: str) -> Iterator[None]:
    """Raise ConfigError if what is imported in this block is not there, or does not work."""
    try:
        yield
    except ImportError as err:
        raise ConfigError(f"an output of kind {extra!r} cannot be had ({err}); pip install avserver[{extra}]") from err
