"""Loudness: how loud the mix is to the ear, as broadcasters measure it."""

import numpy as np
import numpy.typing as npt

from avserver.analysis.level import FLOOR_DB

MOMENTARY_S, SHORT_TERM_S = 0.4, 3.0  # EBU Tech 3341
# What makes 1 kHz read as it would unweighted (ITU-R BS.1770-4, equation 2).
_OFFSET_DB = -0.691
# The two stages of K-weighting, whose coefficients BS.1770-4 gives for 48 kHz only; as filters of any rate they are
# a shelf, for the head before the microphone, and a high-pass (De Man, "Evaluation of implementations of the EBU
# R128 loudness measurement", 2018).
_SHELF_HZ, _SHELF_DB, _SHELF_Q = 1681.974450955533, 3.999843853973347, 0.7071752369554196
_SHELF_BAND_POWER = 0.4996667741545416
_HIGH_PASS_HZ, _HIGH_PASS_Q = 38.13547087602444, 0.5003270373238773

Samples = npt.NDArray[np.float32]
Array = npt.NDArray[np.float64]


class Loudness:
    """Momentary and short-term loudness of one channel (ITU-R BS.1770-4, EBU R 128).

    A full-scale sine of 997 Hz has -3.01 LUFS. The mix counts as one channel: two equal ones would read 3.01 LU
    more, and so a stereo recording reads up to that much less here than on a stereo meter.

    Args:
        sample_rate: samples per second (Hz).
        hop: samples between two calls.
    """

    def __init__(self, sample_rate: int, *, hop: int = 256) -> None:
        self._weigh = _Blocks(_k_weighting(sample_rate), hop)
        self._momentary = max(1, round(MOMENTARY_S * sample_rate / hop))
        self._short_term = max(1, round(SHORT_TERM_S * sample_rate / hop))
        self.reset()

    def __call__(self, samples: Samples) -> None:
        """Take one hop."""
        weighed = self._weigh(samples)
        self._powers[self._hops % self._short_term] = np.dot(weighed, weighed) / samples.size
        self._hops += 1

    @property
    def momentary_lufs(self) -> float:
        """Of the last 0.4 s (LUFS), at least FLOOR_DB."""
        newest = np.arange(self._hops - self._momentary, self._hops) % self._short_term
        return _lufs(float(self._powers[newest].mean()))

    @property
    def short_term_lufs(self) -> float:
        """Of the last 3 s (LUFS), at least FLOOR_DB."""
        return _lufs(float(self._powers.mean()))

    def reset(self) -> None:
        """Back to silence."""
        self._weigh.reset()
        self._powers = np.zeros(self._short_term)
        self._hops = 0


class _Blocks:
    """A recursive filter that takes a block at a time: what it does to samples and to its state, as matrices.

    Sample by sample in Python a hop would take ten times as long.
    """

    _state: Array

    def __init__(self, sections: list[tuple[Array, Array]], block: int) -> None:
        order = 2 * len(sections)
        # The answer to an impulse, and to each unit of state, of the sections in a row.
        self._of_state = np.stack([_run(sections, unit, np.zeros(block))[0] for unit in np.eye(order)], axis=1)
        self._keep = np.stack([_run(sections, unit, np.zeros(block))[1] for unit in np.eye(order)], axis=1)
        impulse, _ = _run(sections, np.zeros(order), np.eye(block)[0])
        lag = np.arange(block)[:, None] - np.arange(block)
        self._of_samples = np.where(lag >= 0, impulse[np.maximum(lag, 0)], 0.0)
        self._left = np.empty((order, block))
        step = np.stack([_run(sections, unit, np.zeros(1))[1] for unit in np.eye(order)], axis=1)
        left = _run(sections, np.zeros(order), np.ones(1))[1]
        for sample in reversed(range(block)):
            self._left[:, sample] = left
            left = step @ left
        self.reset()

    def __call__(self, samples: Samples) -> Array:
        out: Array = self._of_samples @ samples + self._of_state @ self._state
        self._state = self._keep @ self._state + self._left @ samples
        return out

    def reset(self) -> None:
        self._state = np.zeros(self._keep.shape[0])


def _run(sections: list[tuple[Array, Array]], state: Array, samples: Array) -> tuple[Array, Array]:
    """Filter samples one by one (transposed direct form II); return them and the state after them."""
    state, out = state.copy(), samples.copy()
    for number, (b, a) in enumerate(sections):
        one, two = state[2 * number : 2 * number + 2]
        for n, x in enumerate(out):
            y = b[0] * x + one
            one, two = b[1] * x - a[1] * y + two, b[2] * x - a[2] * y
            out[n] = y
        state[2 * number : 2 * number + 2] = one, two
    return out, state


def _k_weighting(sample_rate: int) -> list[tuple[Array, Array]]:
    """Return (b, a) of the shelf and of the high-pass."""
    k = np.tan(np.pi * _SHELF_HZ / sample_rate)
    high = 10 ** (_SHELF_DB / 20)
    band = high**_SHELF_BAND_POWER
    scale = 1 + k / _SHELF_Q + k * k
    shelf = (
        np.array([high + band * k / _SHELF_Q + k * k, 2 * (k * k - high), high - band * k / _SHELF_Q + k * k]) / scale,
        np.array([1, 2 * (k * k - 1) / scale, (1 - k / _SHELF_Q + k * k) / scale]),
    )
    k = np.tan(np.pi * _HIGH_PASS_HZ / sample_rate)
    scale = 1 + k / _HIGH_PASS_Q + k * k
    # Not divided by `scale`: the standard's own numerator is 1, -2, 1.
    high_pass = (
        np.array([1.0, -2.0, 1.0]),
        np.array([1, 2 * (k * k - 1) / scale, (1 - k / _HIGH_PASS_Q + k * k) / scale]),
    )
    return [shelf, high_pass]


def _lufs(power: float) -> float:
    return float(max(FLOOR_DB, _OFFSET_DB + 10 * np.log10(max(power, 1e-30))))
