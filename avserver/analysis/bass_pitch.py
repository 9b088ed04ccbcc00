"""Bass pitch: the lowest note of a mix or of a bass, by a small recurrent network that has heard many."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from avserver.analysis.network import Dense, Gru, Vector, load_weights
from avserver.analysis.partials import Partials, Tones
from avserver.bundled import bundled

LOWEST_MIDI = 24  # C1, 33 Hz
NOTES = 60  # up to B5: some songs give their bass a solo
# What the network sees of a window: 64 semitones from 31 Hz on, each in thirds.
FIRST_MIDI, SEMITONES, PARTS = 23, 64, 3
INPUTS = 2 * SEMITONES * PARTS
# Looks that the network is behind what it tells of: 70 ms to make sure.
DELAY_LOOKS = 3
WEIGHT_NAMES = (
    "see.kernel", "see.bias", "follow.kernel", "follow.recurrent_kernel", "follow.bias", "tell.kernel", "tell.bias",
)  # fmt: skip


# Probability from which a note is told.
SOUNDING = 0.2
# Of a note, the partials that tell how far it is out of tune (semitones above it).
_HARMONICS = (0.0, 12.0, 19.02, 24.0)
_NEAR = 0.5


class BassPitch:
    """The note that the bass plays, of the partials of a mix or of a bass alone.

    Args:
        weights: of the network, by WEIGHT_NAMES; None for those that come with avserver.

    Attributes:
        hz: pitch of DELAY_LOOKS ago, 0 where there is none.
        confidence: probability of that note, or of the likeliest where none is told, in [0, 1].
    """

    hz: float
    confidence: float

    def __init__(self, weights: Mapping[str, Vector] | None = None) -> None:
        self._network = BassNetwork(weights or load_weights(bundled("models", "bass_pitch.safetensors")))
        self.reset()

    def __call__(self, tones: Tones, tuning: float = 0.0) -> None:
        """Take newly looked at tones, of music that is tuned so many semitones above A = 440 Hz."""
        none, *notes = self._network(tones, tuning).tolist()
        self.confidence = max(notes)
        midi = LOWEST_MIDI + notes.index(self.confidence) + tuning
        sounding = 1 - none >= SOUNDING
        self.hz = 440 * 2 ** ((midi + _out_of_tune(tones.long, midi) - 69) / 12) if sounding else 0.0

    def reset(self) -> None:
        """Forget all that was heard."""
        self._network.reset()
        self.hz = self.confidence = 0.0


class BassNetwork:
    """Which note the bass plays, look by look.

    Args:
        weights: by WEIGHT_NAMES.
    """

    def __init__(self, weights: Mapping[str, Vector]) -> None:
        see, see_bias, kernel, recurrent, bias, tell, tell_bias = (weights[name] for name in WEIGHT_NAMES)
        self._see, self._follow, self._tell = Dense(see, see_bias), Gru(kernel, recurrent, bias), Dense(tell, tell_bias)

    def __call__(self, tones: Tones, tuning: float = 0.0) -> Vector:
        """Return (1 + NOTES,): the probability of no note and of each note, DELAY_LOOKS ago."""
        seen = np.maximum(self._see(compressed(thirds(tones, tuning))), 0)
        logits = self._tell(self._follow(seen))
        odds = np.exp(logits - logits.max())
        return odds / odds.sum()

    def reset(self) -> None:
        """Forget all looks."""
        self._follow.reset()


def thirds(tones: Tones, tuning: float = 0.0) -> Vector:
    """Return (INPUTS,): how much sounds in each third of a semitone, in the long window and in the short one."""
    return np.concatenate([_thirds(tones.long, tuning), _thirds(tones.short, tuning)]).astype(np.float32)


def compressed(heard: Vector) -> Vector:
    """Return amplitudes as the network sees them, 1 for a sine at full scale."""
    return (np.log1p(1000 * heard) / np.float32(np.log(2001))).astype(np.float32)


def _thirds(partials: Partials, tuning: float) -> npt.NDArray[np.float64]:
    number = np.rint((partials.midi - tuning - FIRST_MIDI) * PARTS).astype(np.int64)
    inside = (number >= 0) & (number < SEMITONES * PARTS)
    return np.asarray(np.bincount(number[inside], partials.amplitude[inside], SEMITONES * PARTS), np.float64)


def _out_of_tune(partials: Partials, midi: float) -> float:
    """Return how far above the note its partials lie (semitones), by the mean of those that are near."""
    away = partials.midi - np.add(midi, _HARMONICS)[:, None]
    weights = np.where(np.abs(away) < _NEAR, partials.amplitude, 0.0)
    total = float(weights.sum())
    return float((weights * away).sum()) / total if total > 0 else 0.0
