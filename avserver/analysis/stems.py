"""What is listened for in each stem and band, and how."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Whole:
    """Whatever begins: aubio."""


@dataclass(frozen=True, slots=True)
class Rise:
    """What makes the stem's band louder.

    Attributes:
        prominence: how far a peak of the flux must stand out, as a share of the highest that was heard lately. Chosen
            for the best F-measure on rendered songs whose notes are known.
    """

    prominence: float


@dataclass(frozen=True, slots=True)
class Begun:
    """What the ear says begins; as strong as the stem's band becomes louder.

    Attributes:
        what: one of the ear's BEGINNINGS.
        likelihood: from which on it is told, in [0, 1]. Chosen like a prominence.
        otherwise: what is told instead where the ear does not hear it for long: there are drums it does not know.
    """

    what: str
    likelihood: float
    otherwise: Rise | None = None


# Half-open ranges (Hz) of the bands; `attack` is a drum's beater, for the tempo.
RANGES_HZ = {
    "low": (0.0, 150.0),
    "mid": (500.0, 2000.0),
    "attack": (2000.0, 5000.0),
    "high": (4000.0, 22_050.0),
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
    ("drums", "mid"): Begun("snare", 0.3, Rise(0.5)),
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
