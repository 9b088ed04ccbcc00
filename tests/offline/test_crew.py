"""Several processes draw one film."""

from pathlib import Path

import numpy as np

from avserver.generator.drawer import IN_FLIGHT
from avserver.offline.studio import Studio
from tests.offline.scripted import FED_BACK, SIZE, STROBE_SAFE, film, scripted


def test_several_processes_draw_what_one_draws(tiny_model: Path) -> None:
    shots = scripted(tiny_model)
    looking_back = [FED_BACK[5], STROBE_SAFE[-1]]
    with Studio(SIZE) as studio:
        alone = film(shots, studio)
        by_themselves = film([shots[0], shots[looking_back[0]], shots[1], shots[looking_back[1]]], studio)[1::2]
    # What looks back is not what a picture by itself would be, or all of this would prove nothing.
    assert (np.abs(by_themselves.astype(int) - alone[looking_back]).max(axis=(1, 2, 3)) > 10).all()
    assert len(FED_BACK) > IN_FLIGHT
    with Studio(SIZE, workers=2) as studio:
        np.testing.assert_array_equal(film(shots, studio), alone)
