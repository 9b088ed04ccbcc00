"""Mapper: knobs and signals in, what every parameter is worth at this frame out."""

import math
from collections.abc import Mapping
from types import MappingProxyType

from avserver.control.modulator import Modulator
from avserver.control.params import Param, Params, ParamTable, Value
from avserver.control.patch import COMBINE, Patch
from avserver.signals import Signals

# A glide of a knob ends when this share of the parameter's range is left.
_ARRIVED = 1e-6
NOTHING_HEARD: Mapping[str, float] = MappingProxyType({})
_NO_GLIDES: Mapping[str, float] = MappingProxyType({})


class Mapper:
    """Smooths the knobs that are turned, and lets signals move parameters from where the knobs stand.

    A parameter that is driven by modulations, each of them giving a number m, is worth, in this order wherever they
    stand in the file:

    1. `add`: knob + Σ (m - default): with an untouched knob and one modulation exactly the mapped signal, and turning
       the knob shifts it.
    2. `multiply`: that, times every m.
    3. `max`: that, or the highest m, whichever is more.

    In the end it is clamped to the parameter's range. An input that has not been heard counts for nothing.
    """

    _last_s: float | None = None

    def __init__(self, patch: Patch, table: ParamTable) -> None:
        """`table` holds at least the parameters of `patch.param_table()`."""
        self._modulators: dict[str, list[Modulator]] = {}
        self.take(patch, table)
        self.reset()

    def take(self, patch: Patch, table: ParamTable) -> None:
        """Obey another patch; modulations that are in both go on as they were.

        A free oscillator with another period swings on from where it is.
        """
        self._table = table
        self._defaults = table.defaults()
        # Most knobs act at once; the frame goes only through those that do not.
        self._smooth_params = {address: param for address, param in table.items() if param.smoothing_s > 0.0}
        at_work = [modulator for modulators in self._modulators.values() for modulator in modulators]
        self._modulators, fresh = {}, []
        for modulation in patch.modulations:
            modulator = next((old for old in at_work if old.modulation == modulation), None)
            if modulator is not None:
                at_work.remove(modulator)
            else:
                modulator = Modulator(modulation)
                fresh.append(modulator)
            self._modulators.setdefault(modulation.target, []).append(modulator)
        for modulator in fresh:
            if (old := next(filter(modulator.is_another_period_of, at_work), None)) is not None:
                at_work.remove(old)
                modulator.swing_on(old, self._last_s or 0.0)

    def reset(self) -> None:
        """Forget every onset and where the knobs were."""
        self._smoothed: dict[str, float] = {}
        self._last_s = None
        for modulators in self._modulators.values():
            for modulator in modulators:
                modulator.reset()

    def update(
        self,
        signals: Signals,
        knobs: Mapping[str, Value],
        fired: frozenset[str],
        t_s: float,
        inputs: Mapping[str, float] = NOTHING_HEARD,
        glides: Mapping[str, float] = _NO_GLIDES,
    ) -> Params:
        """Return the parameters at `t_s` (s, show time).

        Args:
            signals: what is heard at this frame; each frame is given once, since onsets are counted.
            knobs: what every parameter is set to; one that is missing stands at its default.
            fired: addresses of the triggers that fired since the last frame. `/panic` makes the knobs jump.
            t_s: at least that of the last frame.
            inputs: where the sources from outside stand, see `Inputs`.
            glides: knobs that are to take so long (s) instead of being smoothed, see Params.
        """
        if "/panic" in fired or self._last_s is None:
            self._smoothed.clear()
        for address in glides:
            self._smoothed.pop(address, None)
        dt_s = 0.0 if self._last_s is None else max(0.0, t_s - self._last_s)
        self._last_s = t_s
        values = {**self._defaults, **knobs}
        for address, param in self._smooth_params.items():
            values[address] = self._smooth(param, float(values[address]), dt_s)
        for address in self._modulators:
            values[address] = self._modulate(self._table[address], values[address], signals, inputs, t_s)
        return Params(values, fired, glides)

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

    def _modulate(self, param: Param, knob: Value, signals: Signals, inputs: Mapping[str, float], t_s: float) -> Value:
        given: dict[str, list[float]] = {rule: [] for rule in COMBINE}
        for modulator in self._modulators[param.address]:
            number = modulator.update(signals, inputs, t_s)
            if number is not None:
                given[modulator.modulation.combine].append(number)
        value: float = knob
        if given["add"]:
            first, *others = given["add"]
            # The first is not written as (first - default) + knob: that would round where it has to be exact.
            value = first + (knob - param.default) + sum(other - param.default for other in others)
        return param.coerce(max([value * math.prod(given["multiply"]), *given["max"]]))
