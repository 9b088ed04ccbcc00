"""The table of bend transforms: what can be done to the activations of a layer.

After Broad et al. 2021, "Network bending" (doi:10.3390/e24010028). The scene makes parameters of the values, the
generator draws them, and the tests walk the table. Every transform has neutral values, at which it changes nothing.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TransformValue:
    """One value of a bend transform: its name, the value that leaves the picture as it is, its range.

    A value called `phase` is an angle that time may turn for ever; nothing jumps where it begins again at 2 pi.
    """

    name: str
    neutral: float
    minimum: float
    maximum: float
    unit: str
    description: str


Values = tuple[TransformValue, ...]


def _amount(what: str) -> TransformValue:
    return TransformValue("amount", 0.0, 0.0, 1.0, "", f"from the layer as it is (0) to {what} (1)")


_PHASE = TransformValue("phase", 0.0, 0.0, 6.2832, "rad", "where the moving field stands")

# Each is a homography: any number of them, one after the other, are one. A shift goes by the width and height of the
# picture; other lengths, in widths, go by its shorter side, so that a circle stays one on pictures that are not square.
AFFINE: dict[str, Values] = {
    "zoom": (
        TransformValue("amount", 1.0, 0.25, 4.0, "", "share of the layer in view: below 1 zooms in, above 1 out"),
    ),
    "translate": (
        TransformValue("x", 0.0, -1.0, 1.0, "widths", "shift of the picture to the right"),
        TransformValue("y", 0.0, -1.0, 1.0, "heights", "shift of the picture downwards"),
    ),
    "rotate": (TransformValue("angle", 0.0, -180.0, 180.0, "deg", "turn of the picture, anticlockwise"),),
    "shear": (
        TransformValue("x", 0.0, -2.0, 2.0, "", "rows slide to the right, as far as they lie below the centre"),
        TransformValue("y", 0.0, -2.0, 2.0, "", "columns slide down, as far as they lie right of the centre"),
    ),
    "flip": (
        TransformValue("x", 1.0, -1.0, 1.0, "", "share of the width in view: 0 is the middle column, -1 turned over"),
        TransformValue("y", 1.0, -1.0, 1.0, "", "share of the height in view: 0 is the middle row, -1 turned over"),
    ),
    # Below 1 in all, so that the horizon stays outside an unmoved picture, whose corners lie half a width away.
    "perspective": (
        TransformValue("x", 0.0, -0.9, 0.9, "", "the right side comes nearer, the left one goes away"),
        TransformValue("y", 0.0, -0.9, 0.9, "", "the lower side comes nearer, the upper one goes away"),
    ),
}

# Each takes every sample from elsewhere; together with affine neighbours it costs one warp.
COORDINATE: dict[str, Values] = {
    "displace": (
        TransformValue("amount", 0.0, 0.0, 0.5, "widths", "standard deviation of the way that samples are moved"),
        _PHASE,
    ),
    "swirl": (
        TransformValue("angle", 0.0, -720.0, 720.0, "deg", "turn of the centre, anticlockwise"),
        TransformValue("radius", 0.5, 0.05, 2.0, "widths", "where the turn fades to nothing"),
    ),
    "kaleidoscope": (
        _amount("a picture that is mirrored around its centre"),
        TransformValue("segments", 6.0, 1.0, 16.0, "", "how often the figure repeats around the centre"),
        TransformValue("angle", 0.0, -180.0, 180.0, "deg", "where the piece that is repeated begins, anticlockwise"),
    ),
    "mirror": (
        TransformValue("x", 0.0, -1.0, 1.0, "", "1 mirrors the left half on the right, -1 the right one on the left"),
        TransformValue("y", 0.0, -1.0, 1.0, "", "1 mirrors the upper half below, -1 the lower one above"),
    ),
}

# Each looks at one sample of one feature at a time. A trained feature's values mostly lie within 3 of 0.
POINTWISE: dict[str, Values] = {
    "invert": (_amount("its negative"),),
    "scale": (TransformValue("factor", 1.0, -8.0, 8.0, "", "what every value is multiplied by"),),
    "threshold": (
        _amount("1 above the level and 0 below it"),
        TransformValue("level", 0.0, -4.0, 4.0, "", "what a value must exceed to count"),
    ),
    "ablate": (_amount("nothing at all"),),
    "posterize": (
        _amount("steps"),
        TransformValue("levels", 1.0, 0.25, 16.0, "", "steps between 0 and 1"),
    ),
    "fold": (
        _amount("the sine of it"),
        TransformValue("drive", 1.5708, 0.1, 16.0, "rad", "the angle that a value of 1 stands for"),
    ),
    "noise": (
        TransformValue("amount", 0.0, 0.0, 4.0, "", "standard deviation of a moving field that is added"),
        _PHASE,
    ),
}

# Each looks at the samples around, so many of them at every resolution: on a coarse layer it reaches far.
NEIGHBOURHOOD: dict[str, Values] = {
    "blur": (TransformValue("sigma", 0.0, 0.0, 3.0, "samples", "width of the Gaussian"),),
    "sharpen": (TransformValue("amount", 0.0, 0.0, 8.0, "", "how much of what a small blur takes away is added"),),
    "erode": (TransformValue("radius", 0.0, 0.0, 2.0, "samples", "the lowest value so far around wins"),),
    "dilate": (TransformValue("radius", 0.0, 0.0, 2.0, "samples", "the highest value so far around wins"),),
    "sobel": (_amount("the slope of it, its edges"),),
}

FAMILIES = {"affine": AFFINE, "coordinate": COORDINATE, "pointwise": POINTWISE, "neighbourhood": NEIGHBOURHOOD}

# A bend's `values` stand in the order given here.
TRANSFORMS: dict[str, Values] = {name: values for family in FAMILIES.values() for name, values in family.items()}
