"""Low-frequency oscillators, from 0 to 1: `beat.…` swing with the beat, `free.…` in seconds of the show.

With x the share of the period that is gone, 0 at a beat:

    sine        (1 - cos 2πx) / 2: 0 at the beat, 1 halfway
    triangle    the same with straight lines
    saw         x: climbs, and falls at the beat
    square      1 in the first half, 0 in the second
    random      another number each period, the same at the same beat of every run
"""

import math
from dataclasses import dataclass

import numpy as np

# The options that each shape listens to, beside its period; a mapping file may give no others.
LFO_SHAPES: dict[str, tuple[str, ...]] = {
    "sine": ("phase",),
    "triangle": ("phase",),
    "saw": ("phase",),
    "square": ("phase",),
    "random": ("phase", "seed"),
}
# What the period of each kind is called in a mapping file.
LFO_KINDS = {"beat": "beats", "free": "period_s"}

LFO_NAMES = tuple(f"{kind}.{shape}" for kind in LFO_KINDS for shape in LFO_SHAPES)


@dataclass(frozen=True, slots=True)
class LfoOptions:
    """How an oscillator swings.

    Attributes:
        period: in beats (4 is a bar of four, 0.5 an eighth) or, of a free one, in seconds.
        phase: how many periods it is ahead.
        seed: of the random numbers.
    """

    period: float = 1.0
    phase: float = 0.0
    seed: int = 0


def oscillate(name: str, options: LfoOptions, elapsed: float) -> float:
    """Return in [0, 1] where the oscillator of that name (one of LFO_NAMES) stands.

    `elapsed` is how many beats after the first one, or seconds after the beginning of the show, it is.
    """
    periods = elapsed / options.period + options.phase
    number = math.floor(periods)
    x = periods - number
    match name.rpartition(".")[2]:
        case "sine":
            return (1.0 - math.cos(2.0 * math.pi * x)) / 2.0
        case "triangle":
            return 1.0 - abs(1.0 - 2.0 * x)
        case "saw":
            return x
        case "square":
            return 1.0 if x < 0.5 else 0.0
        case "random":
            return float(np.random.default_rng((options.seed, number)).random())
        case _:
            raise KeyError(name)
