"""Tempo and beats: a clock that follows the music."""

import math
from typing import Protocol

from avserver.analysis.bands import Bands
from avserver.analysis.beat_clock import BeatClock
from avserver.analysis.beat_network import HEARD_AFTER_S, STEP_S, BeatNetwork
from avserver.analysis.beat_states import FASTEST_BPM, SLOWEST_BPM, BeatStates
from avserver.analysis.network import load_weights
from avserver.analysis.rises import Rises
from avserver.analysis.spectrum import Magnitudes, Spectrum
from avserver.bundled import bundled

# The clock is started by a tempo that is that sure, and follows the music while it is.
STARTS_AT, FOLLOWS_AT = 0.3, 0.1
# After so long a silence nothing speaks for or against any beat: longer than two of the slowest beats.
PAUSE_S = 2.2


# Rises are sharp one step after what rose; the network tells a beat later, and both shall speak of the same step.
RISES_AFTER = 1
# Beats can be heard where they are due when the network was this sure of them on average over the last HEARD_S.
HEARD, HEARD_S = 0.25, 3.0
FAINTEST, SUREST = 0.05, 0.99  # an ear that hears nothing, or is certain, counts no more than that


class BeatTracker(Protocol):
    """What the analyser asks of whoever follows the beat."""

    @property
    def bpm(self) -> float:
        """Quarter notes a minute, 0 until a tempo is known."""

    @property
    def confidence(self) -> float:
        """How sure tempo and phase are, in [0, 1]."""

    def __call__(self, magnitudes: Magnitudes) -> None:
        """Take the spectrum of one hop."""

    def beats_until(self, t_s: float) -> float:
        """Return beats with the fraction of the one that is running; 0 until a tempo is known, and never less."""

    def beat_s_until(self, t_s: float) -> float:
        """Return the show time (s) of the newest beat."""

    def keep_within(self, slowest_bpm: float, fastest_bpm: float) -> None:
        """Tell no slower and no faster tempo from now on."""

    def reset(self) -> None:
        """Forget all that was heard."""


class Beats:
    """Two ears say how much each step is like a beat, the states say what tempo and phase explain it best, and a clock
    runs on with them.

    One ear is a network, the other just notices what gets louder. They err on different music: together they are
    right more often than either. The clock looks ahead: a beat is counted when it is due, not when it was heard. In a
    pause it runs on.

    Args:
        spectrum: the one whose magnitudes will be given.
        hop_s: seconds between two calls.
        network: hears the beats; None for the one that comes with avserver.

    """

    _silent_s: float

    def __init__(self, spectrum: Spectrum, hop_s: float, network: BeatNetwork | None = None) -> None:
        self._hop_s = hop_s
        self._every = max(1, round(STEP_S / hop_s))
        self._bands = Bands(spectrum)
        self._network = network or BeatNetwork(load_weights(bundled("models", "beats.safetensors")))
        self._step_s = self._every * hop_s
        self._rises = Rises(self._bands, self._step_s, delay=round(HEARD_AFTER_S / STEP_S) - RISES_AFTER)
        self._states = BeatStates(self._step_s)
        self._clock = BeatClock()
        self._within = SLOWEST_BPM, FASTEST_BPM
        self.reset()

    def __call__(self, magnitudes: Magnitudes) -> None:
        """Take the spectrum of one hop."""
        self._hops += 1
        self._clock.advance(self._hops * self._hop_s)
        if self._hops % self._every == 0:
            rows = self._bands(magnitudes)
            beat, _ = self._network(rows)
            rise = self._rises(rows[rows.size // 2 :])
            self._silent_s = 0.0 if self._bands.loud else self._silent_s + self._step_s
            self._states(_together(beat, rise) if self._silent_s < PAUSE_S else None)
            self._follow(beat)

    @property
    def bpm(self) -> float:
        """Quarter notes a minute, 0 until a tempo is known."""
        return 60 / self._clock.period_s if self._clock.period_s else 0.0

    @property
    def confidence(self) -> float:
        """How sure tempo and phase are, and whether beats were heard lately where they were due, in [0, 1]."""
        return self._confidence

    def beats_until(self, t_s: float) -> float:
        """Return beats with the fraction of the one that is running; 0 until a tempo is known, and never less.

        Args:
            t_s: show time (s), not before the end of the last hop. The clock runs on by less than two beats.
        """
        return self._clock.count_until(t_s)

    def beat_s_until(self, t_s: float) -> float:
        """Return the show time (s) of the newest beat, 0 before the first."""
        return self._clock.beat_until(t_s)

    def keep_within(self, slowest_bpm: float, fastest_bpm: float) -> None:
        """Tell no slower and no faster tempo from now on; of half and double, what lies within is told."""
        if (slowest_bpm, fastest_bpm) != self._within:
            self._within = slowest_bpm, fastest_bpm
            self._states.keep_within(slowest_bpm, fastest_bpm)

    def reset(self) -> None:
        """Forget all that was heard."""
        self._hops = 0
        self._silent_s = 0.0
        self._confidence = 0.0
        self._due, self._heard = 1e-3, 0.0  # so little that the first steps count at once
        self._bands.reset()
        self._network.reset()
        self._rises.reset()
        self._states.reset()
        self._clock.reset()

    def _follow(self, beat: float) -> None:
        """Have the clock follow the states; `beat` is what the network made of this step."""
        new = min(1.0, self._step_s / HEARD_S)
        self._due += new * (self._states.due - self._due)
        self._heard += new * (self._states.due * beat - self._heard)
        best = self._states.best
        self._confidence = best.confidence * min(1.0, self._heard / self._due / HEARD)
        if self._confidence < (FOLLOWS_AT if self._clock.period_s else STARTS_AT):
            return
        phase = (best.phase + HEARD_AFTER_S / best.period_s) % 1.0
        if self._clock.period_s:
            self._clock.steer(best.period_s, phase)
        else:
            self._clock.start(best.period_s, phase)


def _together(*ears: float) -> float:
    """Return what ears that say how likely a beat is, each in [0, 1], say together: the mean of their logits."""
    heard = [min(SUREST, max(FAINTEST, ear)) for ear in ears]
    return 1 / (1 + math.exp(-sum(math.log(ear / (1 - ear)) for ear in heard) / len(heard)))
