"""Contact sheets: small pictures in rows, each with its name below it, to choose from."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

LABEL_PX = 18  # height of the strip below a picture
TEXT_PX = 13
GAP_PX = 4
GROUND, INK = (16, 16, 16), (230, 230, 230)
# Side of the thumbnails that pictures are compared by: what is smaller than a sixteenth of it makes none of another.
COMPARED_PX = 16


def lay_out(
    pictures: Sequence[Image.Image], labels: Sequence[str] = (), *, columns: int | None = None, gap_px: int = GAP_PX
) -> Image.Image:
    """Return a sheet of square pictures of one size.

    Args:
        pictures: at least one.
        labels: one for each, or none at all: then there is no room below them either.
        columns: in a row; None makes it about as wide as high.
        gap_px: between them and around.
    """
    columns = min(columns or math.ceil(math.sqrt(len(pictures))), len(pictures))
    side = pictures[0].width
    width, height = side + gap_px, side + (LABEL_PX if labels else 0) + gap_px
    rows = math.ceil(len(pictures) / columns)
    sheet = Image.new("RGB", (columns * width + gap_px, rows * height + gap_px), GROUND)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(TEXT_PX)
    for i, (picture, label) in enumerate(zip(pictures, labels or [""] * len(pictures), strict=True)):
        left, top = gap_px + i % columns * width, gap_px + i // columns * height
        sheet.paste(picture, (left, top))
        draw.text((left + side // 2, top + side + LABEL_PX // 2), label, INK, font, anchor="mm")
    return sheet


def most_different(pictures: Sequence[Image.Image], count: int) -> list[int]:
    """Return which `count` pictures differ most, those that stand out most first.

    The first is the one farthest from the average; then it is always the one whose nearest chosen one is farthest
    (farthest-point sampling: Gonzalez 1985, doi:10.1016/0304-3975(85)90224-5), by their colours when small.
    """
    small = np.stack([_compared(picture) for picture in pictures])
    nearest = _distances(small, small.mean(axis=0))
    chosen = [int(nearest.argmax())]
    nearest = _distances(small, small[chosen[0]])
    while len(chosen) < min(count, len(pictures)):
        nearest[chosen] = -1.0  # not twice, even of pictures that are all the same
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, _distances(small, small[chosen[-1]]))
    return chosen


def _compared(picture: Image.Image) -> npt.NDArray[np.float32]:
    small = picture.resize((COMPARED_PX, COMPARED_PX), Image.Resampling.BOX)
    return np.asarray(small, np.float32).ravel()


def _distances(small: npt.NDArray[np.float32], place: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    distances: npt.NDArray[np.float32] = np.linalg.norm(small - place, axis=1)
    return distances
