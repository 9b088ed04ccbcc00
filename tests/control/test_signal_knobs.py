"""The knobs of what is heard."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avserver.control.params import Value
from avserver.control.patch import Patch
from avserver.control.signal_knobs import STREAMS, SignalKnobs
from avserver.signals import Signals
from tests.control.heard import heard, hit

DEFAULTS = Patch().param_table().defaults()
KICK = ("drums", "low")


def turned(**knobs: Value) -> dict[str, Value]:
    """Return every knob at its default, but for those of the low drums that are given."""
    return DEFAULTS | {f"/signal/drums/low/{knob}": value for knob, value in knobs.items()}


def played(t_s: float = 0.0, *, level: float = 0.0, strengths: tuple[float, ...] = ()) -> Signals:
    """Return signals with onsets and a level of the low drums, and one onset of the high ones."""
    onsets = [hit(t_s, "drums.low", strength) for strength in strengths]
    return heard(t_s, onsets=[*onsets, hit(t_s, "drums.high", 0.1)], levels={KICK: level})


def strengths(signals: Signals) -> list[tuple[str, float]]:
    return [(onset.band, onset.strength) for onset in signals.onsets]


@pytest.mark.parametrize("knob", ["gain", "threshold", "attack_s", "release_s"])
def test_untouched_knobs_leave_the_very_signals(knob):
    signals, knobs = played(level=0.5, strengths=(0.5,)), SignalKnobs()
    assert knobs.update(signals, DEFAULTS, 0.0) is signals
    assert knobs.update(signals, turned(**{knob: 0.5}), 0.1) is not signals
    assert knobs.update(signals, DEFAULTS, 0.2) is signals


@pytest.mark.parametrize(
    ("knobs", "level", "left"),
    [
        ({"gain": 2.0}, 0.8, [("low", 0.4), ("low", 0.8), ("low", 1.0), ("high", 0.1)]),
        ({"gain": 0.0}, 0.0, [("high", 0.1)]),
        ({"threshold": 0.4}, 0.4, [("low", 0.4), ("low", 0.9), ("high", 0.1)]),
        ({"threshold": 0.5}, 0.0, [("low", 0.9), ("high", 0.1)]),
        ({"gain": 2.0, "threshold": 0.5}, 0.8, [("low", 0.8), ("low", 1.0), ("high", 0.1)]),
    ],
)
def test_a_gain_scales_and_what_is_then_too_weak_is_not_there(knobs, level, left):
    signals = SignalKnobs().update(played(level=0.4, strengths=(0.2, 0.4, 0.9)), turned(**knobs), 0.0)
    assert strengths(signals) == left
    assert signals.onset_strength == {stream: level if stream == KICK else 0.0 for stream in STREAMS}


def test_the_level_rises_and_falls_in_its_own_time():
    knobs, values = SignalKnobs(), turned(attack_s=0.1, release_s=0.5)
    levels = [
        knobs.update(played(t_s, level=level), values, t_s).onset_strength[KICK]
        for t_s, level in ((0.0, 0.0), (0.1, 1.0), (0.6, 0.0))
    ]
    risen = 1 - math.exp(-1)
    assert levels == pytest.approx([0.0, risen, risen * math.exp(-1)])
    # Once both are at 0 nothing is remembered.
    knobs.update(played(0.7, level=1.0), DEFAULTS, 0.7)
    assert knobs.update(played(0.8, level=0.3), values, 0.8).onset_strength[KICK] == 0.3


unit = st.floats(0.0, 1.0)


@given(st.floats(0.0, 4.0), unit, st.floats(0.0, 10.0), st.floats(0.0, 10.0), st.lists(st.tuples(unit, unit)))
def test_whatever_is_turned_strengths_stay_strengths(gain, threshold, attack_s, release_s, frames):
    knobs = SignalKnobs()
    values = turned(gain=gain, threshold=threshold, attack_s=attack_s, release_s=release_s)
    for number, (level, strength) in enumerate(frames):
        signals = knobs.update(played(number / 30, level=level, strengths=(strength,)), values, number / 30)
        assert 0.0 <= signals.onset_strength[KICK] <= 1.0
        kept = [onset.strength for onset in signals.onsets if onset.band == "low"]
        assert all(threshold <= each <= 1.0 and each > 0.0 for each in kept)
        assert len(kept) == (strength * gain >= threshold and strength * gain > 0.0)
