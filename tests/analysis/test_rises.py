import numpy as np
import pytest

from avserver.analysis.bands import Bands
from avserver.analysis.rises import Rises
from avserver.analysis.spectrum import Spectrum

STEP_S = 512 / 44_100


def told(heights, delay=3):
    """Return what is told of a rise of all bands of that height at every fortieth step."""
    rises = Rises(Bands(Spectrum(44_100)), STEP_S, delay=delay)
    steps = [height if step == 0 else 0.0 for height in heights for step in range(40)]
    return np.array([rises(np.full(41, step, np.float32)) for step in steps])


@pytest.mark.parametrize("height", [0.2, 1.0, 5.0])
def test_a_rise_is_told_after_the_delay_loud_or_soft(height):
    values = told([height] * 20)
    assert set(np.flatnonzero(values > 0.5)) == set(range(3, 800, 40))


def test_what_is_softer_than_lately_is_less():
    loud, soft = told([1.0] * 8 + [0.3] * 2)[3::40][[7, 8]]
    assert 0.2 < soft / loud < 0.4


def test_silence_and_what_only_stays_are_no_rise():
    assert told([0.0] * 5).max() == 0
    rises = Rises(Bands(Spectrum(44_100)), STEP_S, delay=0)
    assert [rises(np.ones(41, np.float32)) for _ in range(200)][-1] < 0.02
    rises.reset()
    assert rises(np.zeros(41, np.float32)) == 0
