"""Mapper: knobs and signals in, what every parameter is worth at this frame out."""

import math
from collections.abc import Mapping

from avserver.control.envelope import Envelope, EnvelopeOptions
from avserver.control.follower import Follower, FollowerOptions
from avserver.control.lfo import LfoOptions, oscillate
from avserver.control.params import Param, Params, ParamTable, Value
from avserver.control.patch import Modulation, Patch
from avserver.signals import Signals

# A glide of a knob ends when this share of the parameter's range is left.
_ARRIVED = 1e-6


class Mapper:
    """Smooths the knobs that are turned, and lets signals move parameters from where the knobs stand.

    A modulated parameter is worth knob + Σ (modulated - default), clamped to its range: with an untouched knob and one
    modulation exactly the mapped signal, and turning the knob shifts it.
    """

    def __init__(self, patch: Patch, table: ParamTable) -> None:
        """`table` holds at least the parameters of `patch.param_table()`."""
        self._modulators: dict[str, list[_Modulator]] = {}
        self.take(patch, table)
        self.reset()

    def take(self, patch: Patch, table: ParamTable) -> None:
        """Obey another patch; modulations that are in both go on as they were."""
        self._table = table
        self._defaults = table.defaults()
        # Most knobs act at once; the frame goes only through those that do not.
        self._smooth_params = {address: param for address, param in table.items() if param.smoothing_s > 0.0}
        at_work = [modulator for modulators in self._modulators.values() for modulator in modulators]
        self._modulators = {}
        for modulation in patch.modulations:
            same = next((old for old in at_work if old.modulation == modulation), None)
            if same is not None:
                at_work.remove(same)
            self._modulators.setdefault(modulation.target, []).append(same or _Modulator(modulation))

    def reset(self) -> None:
        """Forget every onset and where the knobs were."""
        self._smoothed: dict[str, float] = {}
        self._last_s: float | None = None
        for modulators in self._modulators.values():
            for modulator in modulators:
                modulator.reset()

    def update(self, signals: Signals, knobs: Mapping[str, Value], fired: frozenset[str], t_s: float) -> Params:
        """Return the parameters at `t_s` (s, show time).

        Args:
            signals: what is heard at this frame; each frame is given once, since onsets are counted.
            knobs: what every parameter is set to; one that is missing stands at its default.
            fired: addresses of the triggers that fired since the last frame. `/panic` makes the knobs jump.
            t_s: at least that of the last frame.
        """
        if "/panic" in fired or self._last_s is None:
            self._smoothed.clear()
        dt_s = 0.0 if self._last_s is None else max(0.0, t_s - self._last_s)
        self._last_s = t_s
        values = {**self._defaults, **knobs}
        for address, param in self._smooth_params.items():
            values[address] = self._smooth(param, float(values[address]), dt_s)
        for address in self._modulators:
            values[address] = self._modulate(self._table[address], values[address], signals, t_s)
        return Params(values, fired)

    def _smooth(self, param: Param, knob: float, dt_s: float) -> float:
        """Follow the knob as a one-pole filter does: exact in dt, so the frame rate makes no difference."""
        value = self._smoothed.get(param.address, knob)
        if value == knob:
            self._smoothed[param.address] = knob
            return knob
        value = knob + (value - knob) * math.exp(-dt_s / param.smoothing_s)
        if abs(value - knob) <= _ARRIVED * (param.maximum - param.minimum):
            value = knob
        self._smoothed[param.address] = value
        return value

    def _modulate(self, param: Param, knob: Value, signals: Signals, t_s: float) -> Value:
        first, *others = [modulator.update(signals, t_s) for modulator in self._modulators[param.address]]
        # The first is not written as (first - default) + knob: that would round where it has to be exact.
        return param.coerce(first + (knob - param.default) + sum(other - param.default for other in others))


class _Modulator:
    """One modulation at work, with the envelope or the follower that it owns if its source wants one."""

    def __init__(self, modulation: Modulation) -> None:
        self.modulation = modulation
        options = modulation.options
        self._envelope = Envelope(modulation.source, options) if isinstance(options, EnvelopeOptions) else None
        self._follower = Follower(options) if isinstance(options, FollowerOptions) else None

    def reset(self) -> None:
        if self._envelope is not None:
            self._envelope.reset()
        if self._follower is not None:
            self._follower.reset()

    def update(self, signals: Signals, t_s: float) -> float:
        return self.modulation.mapped(self._value(signals, t_s))

    def _value(self, signals: Signals, t_s: float) -> float:
        source, options = self.modulation.source, self.modulation.options
        if isinstance(options, LfoOptions):
            return oscillate(source, options, signals.beats)
        if self._envelope is not None:
            return self._envelope.update(signals.onsets, t_s)
        level = signals.level(source)
        return level if self._follower is None else self._follower.update(level, t_s)
