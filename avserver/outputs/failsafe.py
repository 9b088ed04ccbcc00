"""Failsafe: what is seen in place of the last frame when no new ones have come for a while."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from avserver.errors import ConfigError
from avserver.shape import Shape
from avserver.shaping import shaped

Pixels = npt.NDArray[np.uint8]

HOLD, FADE = "hold", "fade"


@dataclass(frozen=True, slots=True)
class Failsafe:
    """What is seen after a silence, that is without new frames.

    Attributes:
        after_s: of silence (s) it begins; 0: never.
        picture: (height, width, 3) that the last frame fades to; None: that stays.
        fade_s: how long the fade takes (s).
    """

    after_s: float = 0.0
    picture: Pixels | None = None
    fade_s: float = 0.0

    def is_on(self, silent_s: float) -> bool:
        """Return whether receivers are told that something is wrong."""
        return 0 < self.after_s <= silent_s

    def share(self, silent_s: float) -> float:
        """Return how much of the picture is seen, 0 to 1."""
        if self.picture is None or not self.is_on(silent_s):
            return 0.0
        return min(1.0, (silent_s - self.after_s) / self.fade_s) if self.fade_s else 1.0


def make_failsafe(after_s: float, picture: str, fade_s: float, width_px: int, height_px: int) -> Failsafe:
    """Return a failsafe for frames of a size; `picture` is HOLD, FADE (to black) or the path of an image.

    Raises ConfigError for an image that cannot be read.
    """
    if picture == HOLD:
        return Failsafe(after_s)
    if picture == FADE:
        return Failsafe(after_s, np.zeros((height_px, width_px, 3), np.uint8), fade_s)
    try:
        with Image.open(Path(picture)) as image:
            pixels = np.asarray(image.convert("RGB"))
    except (OSError, UnidentifiedImageError) as err:
        reason = "not an image" if isinstance(err, UnidentifiedImageError) else err.strerror or err
        raise ConfigError(
            f"failsafe.picture is {HOLD!r}, {FADE!r} or an image; cannot read {picture}: {reason}"
        ) from err
    return Failsafe(after_s, shaped(pixels, Shape(width_px, height_px)), fade_s)
