import numpy as np
import pytest

from avserver.analysis.beat_states import BeatStates

STEP_S = 512 / 44_100


def after(times_s, duration_s, strength=0.9, states=None, silence=False):
    """Return the states after activations at those times, three steps wide; between them 0, or nothing to hear."""
    states = states or BeatStates(STEP_S)
    for step in range(round(duration_s / STEP_S)):
        away = min((abs(step - round(t_s / STEP_S)) for t_s in times_s), default=9)
        states({0: strength, 1: strength / 2}.get(away, None if silence else 0.01))
    return states


@pytest.mark.parametrize("bpm", [60, 75, 90, 111, 120, 140, 160, 180, 200])
def test_regular_activations_have_their_tempo_and_phase(bpm):
    best = after(np.arange(0, 15, 60 / bpm), 15.0).best
    assert 60 / best.period_s == pytest.approx(bpm, rel=0.02)
    away = (15.0 / (60 / bpm) - best.phase + 0.5) % 1 - 0.5
    assert abs(away) < 0.1
    assert best.confidence > 0.7


def test_a_pause_keeps_tempo_and_phase():
    states = after(np.arange(0, 12, 0.5), 12.0)
    before = states.best
    after([], 4.0, states=states, silence=True)
    best = states.best
    assert best.period_s == pytest.approx(before.period_s, rel=0.01)
    assert abs((4.0 / before.period_s + before.phase - best.phase + 0.5) % 1 - 0.5) < 0.1


def test_another_tempo_is_followed_within_four_beats():
    states = after(np.arange(0, 12, 0.5), 12.0)
    after(np.arange(0, 1.7, 0.4), 1.7, states=states)
    assert states.best.period_s == pytest.approx(0.4, rel=0.04)


@pytest.mark.parametrize(("slowest_bpm", "fastest_bpm", "expected_bpm"), [(55, 110, 80), (110, 215, 160)])
def test_half_or_double_is_for_the_user_to_say_at_any_time(slowest_bpm, fastest_bpm, expected_bpm):
    strong, weak = np.arange(0, 10, 0.75), np.arange(0.375, 10, 0.75)
    states = BeatStates(STEP_S)
    for other in (True, False):
        states.keep_within(*((55, 215) if other else (slowest_bpm, fastest_bpm)))
        for step in range(round(10 / STEP_S)):
            away = [abs(step - round(t_s / STEP_S)) for t_s in (*strong, *weak)]
            at = int(np.argmin(away))
            states(0.02 if away[at] > 1 else (0.8 if at < strong.size else 0.4) / (1 + away[at]))
    assert 60 / states.best.period_s == pytest.approx(expected_bpm, rel=0.03)


def test_a_range_without_a_tempo_in_it_is_the_tempo_next_to_it():
    states = BeatStates(STEP_S)
    states.keep_within(120.1, 120.2)
    after(np.arange(0, 5, 0.4), 5.0, states=states)
    assert 60 / states.best.period_s == pytest.approx(120, rel=0.02)


def test_reset_equals_fresh():
    states = after(np.arange(0, 5, 0.4), 5.0)
    states.reset()
    assert after([0.1, 0.6], 1.0, states=states).best == after([0.1, 0.6], 1.0).best
