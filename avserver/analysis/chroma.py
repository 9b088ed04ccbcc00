"""Chroma: how much of each of the twelve pitch classes is sounding."""

import numpy as np
import numpy.typing as npt

from avserver.analysis.partials import Tones
from avserver.signals import CHROMA_CLASSES

Classes = npt.NDArray[np.float64]

# Below this pitch (middle C) the long window is looked through, above it the short one: low semitones lie closer.
_SPLIT_MIDI = 60.0
# An octave counts for that much of the one below it. Basses are stronger in the ear than in the spectrum.
_OCTAVE = 2**-0.7
# Of the sum of all classes: a smaller share is nothing, a larger one is all. In between, the logarithm counts, so that
# the third of a chord shows beside its root.
_NOTHING, _ALL = 0.035, 0.4
FLOOR = 2e-3  # summed amplitude (-60 dB of a sine) below which there is nothing to tell: all classes alike
# Two filters in a row smooth it. It then is like librosa's CENS 0.22 s ago, and a new chord is ahead after 0.25 s.
SMOOTHING_S = 0.08
DELAY_S = 0.22
_EVEN = 1e-2  # share of all classes alike, to which silence returns

# The held chroma is renewed when the short window holds nothing but what began.
RENEWAL_S = 0.12
_QUICK_S = 0.04

_TUNING_S = 5.0  # over which the tuning is taken
_TUNING_PRIOR_S = 0.5  # as if 440 Hz had been heard for so long
_FARTHEST = 0.6  # semitones; a little more than the half where one tuning becomes another, so as not to waver there


class Chroma:
    """Twelve classes from C, summing to 1, of the tones below 2.1 kHz, in the tuning of the music.

    Args:
        look_s: seconds between two calls.

    Attributes:
        tuning: how much higher than A = 440 Hz the music is tuned (semitones).
        held: (12,) from C, summing to 1: the classes when they were last renewed, hardly smoothed.
    """

    tuning: float
    held: Classes
    _due_s: float

    def __init__(self, look_s: float) -> None:
        self._look_s = look_s
        self._smooth = 1 - float(np.exp(-look_s / SMOOTHING_S))
        self._quick = 1 - float(np.exp(-look_s / _QUICK_S))
        self._forget_tuning = float(np.exp(-look_s / _TUNING_S))
        self.reset()

    def __call__(self, tones: Tones) -> None:
        """Take newly looked at tones."""
        low, high = tones.long.midi < _SPLIT_MIDI, tones.short.midi >= _SPLIT_MIDI
        midi = np.concatenate([tones.long.midi[low], tones.short.midi[high]])
        amplitude = np.concatenate([tones.long.amplitude[low], tones.short.amplitude[high]])
        total = float(amplitude.sum())
        if total > FLOOR:
            self._tune(midi, (amplitude / total).astype(np.float32))
        classes = self._classes(midi, amplitude)
        self._first += self._smooth * (classes - self._first)
        self._second += self._smooth * (self._first - self._second)
        self._fast += self._quick * (classes - self._fast)
        if self._due_s > 0:
            self._due_s -= self._look_s
            if self._due_s <= 0:
                self.held = _shares(self._fast)

    def renew(self) -> None:
        """Renew the held classes RENEWAL_S from now, unless that is due already: call it at an onset."""
        if self._due_s <= 0:
            self._due_s = RENEWAL_S

    @property
    def classes(self) -> Classes:
        """(12,) from C, summing to 1, smoothed over 2 * SMOOTHING_S; all 1/12 in silence."""
        return _shares(self._second)

    def reset(self) -> None:
        """Back to silence."""
        self._first, self._second, self._fast = np.zeros((3, CHROMA_CLASSES))
        self.held = _shares(self._fast)
        self._due_s = 0.0
        self._turn = complex(_TUNING_PRIOR_S / self._look_s)
        self.tuning = 0.0

    def _classes(self, midi: npt.NDArray[np.float32], amplitude: npt.NDArray[np.float32]) -> Classes:
        """Return (12,) in [0, 1]."""
        number = np.rint(midi - self.tuning).astype(np.int64)
        weights = amplitude * _OCTAVE ** ((midi - _SPLIT_MIDI) / 12)
        sums = np.bincount(number % CHROMA_CLASSES, weights=weights, minlength=CHROMA_CLASSES)
        shares = sums / (sums.sum() + FLOOR)
        spread = np.log(np.maximum(shares, 1e-9) / _NOTHING) / np.log(_ALL / _NOTHING)
        return np.asarray(np.clip(spread, 0.0, 1.0))

    def _tune(self, midi: npt.NDArray[np.float32], shares: npt.NDArray[np.float32]) -> None:
        """Turn the tuning to the mean place of the tones between the semitones, as an angle."""
        look = complex(np.dot(shares, np.exp(2j * np.pi * midi)))
        self._turn = self._turn * self._forget_tuning + look
        angle = float(np.angle(self._turn)) / (2 * np.pi)
        nearest = angle + round(self.tuning - angle)
        self.tuning = nearest if abs(nearest) < _FARTHEST else angle


def _shares(classes: Classes) -> Classes:
    even = classes + _EVEN / CHROMA_CLASSES
    return np.asarray(even / even.sum())
