"""What is listened for in each stem and band, and how."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Whole:
    """Whatever begins: aubio."""


@dataclass(frozen=True, slots=True)
class Rise:
    """What makes the stem's band louder, or another range of it.

    Attributes:
        prominence: how far a peak of the flux must stand out, as a share of the highest that was heard lately. Chosen
            for the best F-measure on rendered songs whose notes are known.
        range_name: one of RANGES_HZ, empty for the band's own.
    """

    prominence: float
    range_name: str = ""


@dataclass(frozen=True, slots=True)
class Begun:
    """What the ear says begins; as strong as the stem's band becomes louder.

    Attributes:
        what: one of the ear's BEGINNINGS.
        likelihood: from which on it is told, in [0, 1]. Chosen like a prominence.
        otherwise: what is told instead while the ear has long not been sure of any: there are drums it does not know.
    """

    what: str
    likelihood: float
    otherwise: Rise | None = None


# Half-open ranges (Hz) of the bands; `attack` is a drum's beater, for the tempo, and
# `snap` where a snare is loud and a hi-hat is not.
RANGES_HZ = {
    "low": (0.0, 150.0),
    "mid": (500.0, 2000.0),
    "attack": (2000.0, 5000.0),
    "high": (4000.0, 22_050.0),
    "snap": (2000.0, 10_000.0),
}
# Where the notes of a stem show best: its band `full`.
FULL_HZ = {
    "drums": (0.0, 22_050.0),
    "bass": (0.0, 1000.0),
    "melody": (200.0, 5000.0),
}

HEARD_FOR: dict[tuple[str, str], Whole | Rise | Begun] = {
    ("mix", "full"): Whole(),
    ("mix", "low"): Rise(0.25),
    ("mix", "mid"): Rise(0.17),
    ("mix", "high"): Rise(0.15),
    ("drums", "full"): Begun("drums", 0.65),
    ("drums", "low"): Begun("kick", 0.35, Rise(0.45)),
    ("drums", "mid"): Begun("snare", 0.3, Rise(0.5, "snap")),
    ("drums", "high"): Begun("hat", 0.8),
    ("bass", "full"): Begun("bass", 0.15),
    ("bass", "low"): Rise(0.25),
    ("bass", "mid"): Rise(0.25),
    ("bass", "high"): Rise(0.25),
    ("melody", "full"): Begun("melody", 0.3),
    ("melody", "low"): Rise(0.25),
    ("melody", "mid"): Rise(0.2),
    ("melody", "high"): Rise(0.2),
}
