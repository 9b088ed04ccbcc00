"""Modulator: one modulation at work."""

import dataclasses
from collections.abc import Mapping

from avserver.control.envelope import Envelope, EnvelopeOptions
from avserver.control.follower import Follower
from avserver.control.lfo import LfoOptions, oscillate
from avserver.control.patch import Modulation
from avserver.signals import Signals


class Modulator:
    """A modulation with the envelope, the oscillator and the follower that it owns if it wants them."""

    def __init__(self, modulation: Modulation) -> None:
        self.modulation = modulation
        options = modulation.options
        self._envelope = Envelope(modulation.source, options) if isinstance(options, EnvelopeOptions) else None
        self._follower = Follower(modulation.follow) if modulation.follow else None
        self._lfo = options if isinstance(options, LfoOptions) else None

    def reset(self) -> None:
        """Forget what was heard."""
        self._lfo = self.modulation.options if isinstance(self.modulation.options, LfoOptions) else None
        if self._envelope is not None:
            self._envelope.reset()
        if self._follower is not None:
            self._follower.reset()

    def update(self, signals: Signals, inputs: Mapping[str, float], t_s: float) -> float | None:
        """Return what it gives its parameter at `t_s` (s, show time), None while its input has not been heard."""
        value = self._value(signals, inputs, t_s)
        if value is None:
            self.reset()
            return None
        if self._follower is not None:
            value = self._follower.update(value, t_s)
        return self.modulation.scale.mapped(value)

    def is_another_period_of(self, old: "Modulator") -> bool:
        """Tell whether this is a free oscillator that differs from an old one in nothing but its period.

        With the beat it is another matter: beats say where an oscillator stands.
        """
        now, was = self.modulation.options, old.modulation.options
        if not (isinstance(now, LfoOptions) and isinstance(was, LfoOptions) and self._is_free):
            return False
        return (
            dataclasses.replace(self.modulation, options=dataclasses.replace(now, period=was.period)) == old.modulation
        )

    def swing_on(self, old: "Modulator", t_s: float) -> None:
        """Go on at `t_s` (s) where a free oscillator of another period stands."""
        assert self._lfo is not None
        assert old._lfo is not None
        phase = old._lfo.phase + t_s / old._lfo.period - t_s / self._lfo.period
        self._lfo = dataclasses.replace(self._lfo, phase=phase)

    @property
    def _is_free(self) -> bool:
        return self.modulation.source.startswith("free.")

    def _value(self, signals: Signals, inputs: Mapping[str, float], t_s: float) -> float | None:
        source = self.modulation.source
        if self._lfo is not None:
            return oscillate(source, self._lfo, t_s if self._is_free else signals.beats)
        if self._envelope is not None:
            return self._envelope.update(signals.onsets, t_s)
        return inputs.get(source) if self.modulation.is_from_outside else signals.level(source)
