"""The catalogue: makes an output of its settings. What a kind needs is imported only for a show that has it."""

from dataclasses import dataclass

from avserver.outputs.output import Output
from avserver.outputs.settings import OutputSettings, ZeroMqSettings

# ruff: noqa: PLC0415


@dataclass(frozen=True, slots=True)
class Stage:
    """The show that an output belongs to, as far as it needs to know.

    Attributes:
        fps: frames a second.
        width_px: of the frames.
        height_px: of the frames.
    """

    fps: float
    width_px: int
    height_px: int


def make_output(settings: OutputSettings, name: str, stage: Stage) -> Output:
    """Return an output called `name` that is not open yet. Raises ConfigError if it cannot be."""
    match settings:
        case ZeroMqSettings():
            from avserver.outputs.zeromq import ZeroMqOutput

            return ZeroMqOutput(
                settings.address, insecure=settings.insecure, name=name, shape=settings.shape, fps=settings.fps
            )
    raise TypeError(f"there is no output for {type(settings).__name__}")
