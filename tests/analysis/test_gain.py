import numpy as np
import pytest
from sounds import HOP_S, RATE, bursts, onsets_of

from avserver.analysis.analyser import Analyser
from avserver.analysis.gain import AutoGain, Gain
from avserver.analysis.knobs import Knobs
from avserver.audio.source import ArraySource


def strengths(level, **turned):
    """The strengths of bursts at that level, after as many that set the scale."""
    times_s = np.arange(0.5, 10.5, 0.5)
    analyser = Analyser(ArraySource(bursts(300, 3000, times_s, 11.0, level=level)))
    analyser.turn(Knobs(**turned))
    return [onset.strength for onset in onsets_of([analyser.until(11.0)], "mix", "mid") if onset.t_s > 5]


def test_a_quiet_intro_plays_as_a_loud_drop_does():
    loud, quiet = strengths(0.9), strengths(0.03)
    assert len(loud) == len(quiet) == 11
    assert np.median(quiet) == pytest.approx(np.median(loud), abs=0.25)


def test_without_the_automatic_the_quiet_stay_quiet():
    loud, quiet = strengths(0.9, gain_auto=False), strengths(0.03, gain_auto=False)
    assert len(loud) == len(quiet) == 11  # found all the same
    assert np.median(quiet) < 0.5 * np.median(loud)


def test_the_bound_tells_how_quiet_is_too_quiet():
    assert np.median(strengths(0.03, gain_max_db=6.0)) < 0.5 * np.median(strengths(0.03, gain_max_db=40.0))


def test_the_scale_is_exact():
    gain = Gain(max_db=20.0, half_life_s=1.0)
    scale = AutoGain(HOP_S, loud=2.0, quiet=0.02, floor=0.5, gain=gain)
    assert scale.of(0.05) == pytest.approx(0.05 / (2.0 * 0.01 ** (20 / 30)))
    scale(4.0)
    assert (scale.of(1.0), scale.peak, scale.level) == (0.25, 4.0, 1.0)
    for _ in range(round(RATE / 256)):
        scale(0.0)
    assert scale.of(1.0) == pytest.approx(0.5, rel=0.01)
    gain.auto = False
    assert scale.of(1.0) == 0.5
    assert scale.of(9.0) == 1.0
    scale.reset()
    assert (scale.peak, scale.level) == (0.5, 0.0)
