"""What of the mix is listened to, and which part of it stands for which stem.

Nothing is separated yet: a stem is the part of the mix where it shows best. That is true of every signal
here, and less than it will be: a loud bass note is heard in `drums.low` too, a piano's attack in `drums.mid`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Heard:
    """One thing that onsets are listened for in.

    Attributes:
        ranges: which of RANGES_HZ; with two, only what begins in both at once counts (a geometric mean).
        prominence: how far a peak must stand out, as a share of the highest that was heard lately. Chosen for the
            best F-measure on rendered songs whose notes are known.
    """

    ranges: tuple[str, ...]
    prominence: float


# Half-open ranges (Hz) of the spectrum.
RANGES_HZ = {
    "low": (0.0, 150.0),
    "bass": (0.0, 200.0),
    "tune": (200.0, 4000.0),
    "mid": (500.0, 2000.0),
    "attack": (2000.0, 5000.0),  # the beater of a bass drum
    "high": (4000.0, 22_050.0),
}

# What is listened for, beside `full`: the whole mix, which is aubio's.
HEARD = {
    "low": Heard(("low",), 0.25),
    "mid": Heard(("mid",), 0.17),
    "high": Heard(("high",), 0.15),
    "kick": Heard(("low", "attack"), 0.45),
    "snare": Heard(("mid", "high"), 0.5),
    "bass": Heard(("bass",), 0.25),
    "tune": Heard(("tune",), 0.17),
}
FULL = "full"

# (stem, band) -> what is heard for it.
HEARD_FOR = {
    ("mix", "full"): FULL,
    ("mix", "low"): "low",
    ("mix", "mid"): "mid",
    ("mix", "high"): "high",
    ("drums", "full"): "high",  # nearly every drum has an attack up there, and little else does
    ("drums", "low"): "kick",
    ("drums", "mid"): "snare",
    ("drums", "high"): "high",
    ("bass", "full"): "bass",
    ("bass", "low"): "low",
    ("bass", "mid"): "bass",  # what a bass has above 200 Hz cannot be told from the rest of the mix
    ("bass", "high"): "bass",
    ("melody", "full"): "tune",
    ("melody", "low"): "low",
    ("melody", "mid"): "mid",
    ("melody", "high"): "high",
}

# Ranges (Hz) whose power is the level of a stem. The mix's own is taken from the samples.
LEVEL_HZ = {
    "drums": ((0.0, 150.0), (4000.0, 22_050.0)),
    "bass": ((0.0, 200.0),),
    "melody": ((200.0, 4000.0),),
}
