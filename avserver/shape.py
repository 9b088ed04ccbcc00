"""Shape: the size that an output wants, and how pictures of another are made to have it."""

from dataclasses import dataclass

from avserver.errors import ConfigError, nearest

# Crop fills the size and loses what overhangs, fit shows all of the picture between black bars, fill stretches it.
FITS = ("crop", "fit", "fill")


@dataclass(frozen=True, slots=True)
class Shape:
    """A size and how pictures are made to have it.

    Attributes:
        width_px: of what goes out.
        height_px: of what goes out.
        fit: one of FITS.

    Raises ConfigError for a size below 1 px or an unknown fit.
    """

    width_px: int
    height_px: int
    fit: str = "crop"

    def __post_init__(self) -> None:
        if self.width_px < 1 or self.height_px < 1:
            raise ConfigError(f"a picture has 1 px at least, got {self.width_px}x{self.height_px}")
        if self.fit not in FITS:
            raise ConfigError(f"a picture does not {self.fit!r}; {nearest(self.fit, FITS)}")
