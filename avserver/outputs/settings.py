"""What can be settled about outputs in a show file: a dataclass for each kind, the one home of its defaults."""

from dataclasses import dataclass

from avserver.errors import ConfigError
from avserver.outputs.shape import FITS, Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputSettings:
    """What every output has.

    `name` is what the status calls it; empty: its kind. A size of its own (0: that of the show) is made of the show's
    frames by `fit`: `crop`, `fit` (black bars) or `fill` (stretched). With an `fps` of its own the last frame is
    repeated, or left out, as need be; 0: frames go out as they come.
    """

    name: str = ""
    width_px: int = 0
    height_px: int = 0
    fit: str = "crop"
    fps: float = 0.0

    def __post_init__(self) -> None:
        if (self.width_px == 0) != (self.height_px == 0):
            raise ConfigError(
                f"width_px and height_px of an output are given together or not at all, "
                f"got {self.width_px} and {self.height_px}"
            )
        if not 0 <= self.width_px <= 8192 or not 0 <= self.height_px <= 8192:
            raise ConfigError(f"an output has at most 8192x8192 px, got {self.width_px}x{self.height_px}")
        if self.fit not in FITS:
            raise ConfigError(f"fit of an output is one of {', '.join(FITS)}, got {self.fit!r}")
        if not 0 <= self.fps <= 240:
            raise ConfigError(f"fps of an output is a number from 0 to 240, got {self.fps:g}")

    @property
    def shape(self) -> Shape | None:
        """The size of its own, None if it has none."""
        return Shape(self.width_px, self.height_px, self.fit) if self.width_px else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ZeroMqSettings(OutputSettings):
    """A ZeroMQ PUB socket; without an address, none. Other than loopback and ipc only with `insecure = true`."""

    address: str = "tcp://127.0.0.1:5555"
    insecure: bool = False


# By the word that `kind` of an [[output]] says.
KINDS: dict[str, type[OutputSettings]] = {"zeromq": ZeroMqSettings}


def kind_of(settings: OutputSettings) -> str:
    """Return the word for a kind of output."""
    return next(word for word, kind in KINDS.items() if kind is type(settings))
