"""Canvas: how far a network draws beyond the square that it was trained on, for shows that are wide or high."""

from dataclasses import dataclass
from fractions import Fraction

# How a learned constant is made to fill a canvas: repeated, repeated with every other one mirrored, or stretched. Off:
# the network draws its square, which is scaled and cropped.
WIDE = ("tile", "mirror", "stretch", "off")
LONGEST = 8  # sides of the square; what is longer still is scaled and cropped


@dataclass(frozen=True, slots=True)
class Canvas:
    """How far a network draws.

    Attributes:
        across: width of the picture in sides of the square, 1 or more.
        down: its height, likewise.
        wide: one of WIDE.
    """

    across: Fraction = Fraction(1)
    down: Fraction = Fraction(1)
    wide: str = "off"

    def samples(self, picture: int, size: int | None = None) -> tuple[int, int]:
        """Return the width and height of a layer, in samples.

        Args:
            picture: how many samples the square has a side.
            size: how many the layer has, with the margin that it computes around the square; None: no margin.
        """
        margin = 0 if size is None else size - picture
        return int(picture * self.across) + margin, int(picture * self.down) + margin


SQUARE = Canvas()


def canvas_for(size: tuple[int, int], grid: int, wide: str) -> Canvas:
    """Return the canvas of which least is lost when its picture is cropped to the shape of `size` (width, height).

    `grid` is how many samples a side the coarsest layer of the network has: it grows by whole ones.
    """
    longer = Fraction(max(size), min(size))
    counts = range(grid, LONGEST * grid + 1)
    if wide == "off":
        return SQUARE
    count = min(counts, key=lambda count: max(Fraction(count, grid) / longer, longer / Fraction(count, grid)))
    if count == grid:
        return SQUARE
    sides = Fraction(count, grid)
    return Canvas(sides, Fraction(1), wide) if size[0] > size[1] else Canvas(Fraction(1), sides, wide)
