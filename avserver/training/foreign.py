"""A picture file from anywhere, as a square of RGB: PNG, JPEG, WebP, GIF, TIFF or BMP, upright, on black."""

import hashlib
import struct
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageOps

from avserver.errors import ConfigError, nearest
from avserver.training.likeness import MOST_BITS
from avserver.training.shards import Pixels

_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP")  # not those that start other programs, as EPS does
SHAPES = ("crop", "fit")
MOST_MPX = 178  # Pillow opens nothing larger
# What Pillow raises on bytes that are no picture, or a broken one, depending on where it finds out.
_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    ArithmeticError,
    LookupError,
    TypeError,
    AttributeError,
    MemoryError,
    struct.error,
    zlib.error,
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What pictures are wanted.

    Attributes:
        size_px: their side.
        shape: `crop` takes the middle square; `fit` takes all, on black.
        enlarge: take also those whose smaller side is below `size_px`.
        limit_mpx: the most that are opened, in millions of pixels: a small file can hold more than memory does.
        near_bits: of pictures whose looks (likeness.py) differ in at most so many of 64 bits the first is taken;
            0: also those that look the same, as long as no file is there twice.

    Raises ConfigError for what cannot be.
    """

    size_px: int = 256
    shape: str = "crop"
    enlarge: bool = False
    limit_mpx: int = 100
    near_bits: int = 4

    def __post_init__(self) -> None:
        if not 16 <= self.size_px <= 2048:
            raise ConfigError(f"a picture is 16 to 2048 px wide, got {self.size_px}")
        if self.shape not in SHAPES:
            raise ConfigError(f"there is no shape {self.shape!r}; {nearest(self.shape, SHAPES)}")
        if not 1 <= self.limit_mpx <= MOST_MPX:
            raise ConfigError(f"the limit is 1 to {MOST_MPX} Mpx, got {self.limit_mpx}")
        if not 0 <= self.near_bits <= MOST_BITS:
            raise ConfigError(f"look-alikes differ in 0 to {MOST_BITS} of 64 bits, got {self.near_bits}")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a file is no picture that is wanted: in a word, and in full."""

    fate: Literal["broken", "huge", "tiny"]
    about: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as wanted, (size_px, size_px, 3), and the SHA-256 of its file."""

    pixels: Pixels
    sha256: str


def open_picture(path: Path, wish: Wish) -> Picture | Refusal:
    """Return a file's picture, of an animation the first one, or why there is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd metadata, and of sizes that the limit allows
            with Image.open(path, formats=_FORMATS) as image:
                refusal = _refuse(image, wish)
                if refusal:
                    return refusal
                pixels = _square(_on_black(_upright(image, wish)), wish)
        with path.open("rb") as file:
            return Picture(np.asarray(pixels), hashlib.file_digest(file, "sha256").hexdigest())
    except Image.DecompressionBombError:
        return Refusal("huge", f"more than {MOST_MPX} Mpx")
    except Image.UnidentifiedImageError:
        return Refusal("broken", "not a picture of a kind that is read here")
    except _BROKEN as err:
        return Refusal("broken", getattr(err, "strerror", None) or str(err) or type(err).__name__)


def _refuse(image: Image.Image, wish: Wish) -> Refusal | None:
    width, height = image.size
    if width * height > wish.limit_mpx * 1_000_000:
        return Refusal("huge", f"{width} x {height} px, more than {wish.limit_mpx} Mpx")
    if min(width, height) < wish.size_px and not wish.enlarge:
        return Refusal("tiny", f"{width} x {height} px")
    return None


def _upright(image: Image.Image, wish: Wish) -> Image.Image:
    """Return the picture as its camera was held."""
    # JPEGs can be decoded smaller, which is much quicker; twice what is wanted keeps the scaling ours.
    image.draft(None, (2 * wish.size_px, 2 * wish.size_px))
    return ImageOps.exif_transpose(image)


def _on_black(image: Image.Image) -> Image.Image:
    """Return a picture of any mode as RGB. Raises ValueError for modes that have no white."""
    if image.mode.startswith("I;16"):
        return Image.fromarray(_eight_bit(np.asarray(image))).convert("RGB")
    if image.mode in {"I", "F"}:
        raise ValueError("its 32-bit values do not say how much is white; save it with 8 or 16 bits")
    if not image.has_transparency_data:
        return image.convert("RGB")
    picture = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", picture.size, (0, 0, 0, 255)), picture).convert("RGB")


def _eight_bit(grey: np.ndarray) -> Pixels:
    return ((grey.astype(np.uint32) + 128) // 257).astype(np.uint8)  # 65535 is 255


def _square(image: Image.Image, wish: Wish) -> Image.Image:
    size = (wish.size_px, wish.size_px)
    if wish.shape == "crop":
        return ImageOps.fit(image, size, Image.Resampling.LANCZOS)
    return ImageOps.pad(image, size, Image.Resampling.LANCZOS, color=(0, 0, 0))
