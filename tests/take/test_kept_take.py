"""A take is a test: one that was kept gives the same specs and the same frames, whatever has been built since."""

from pathlib import Path

import numpy as np

from avserver.take.reader import Take
from tests.take.kept import FIRST, FRAMES, TAKE, drawn, read_specs, shots_of
from tests.take.stage import Stage, same


def test_the_kept_take_says_what_was_decided() -> None:
    take = Take(TAKE)
    assert (take.first, take.last, take.fps, take.size, take.ended) == (FIRST, 51, 20.0, (64, 48), True)
    decided = read_specs()
    assert [None if moment.frozen else moment.spec for moment in take.moments()] == decided
    assert sum(spec is None for spec in decided) == 4


def test_the_kept_take_becomes_the_frames_that_it_was(tiny_model: Path) -> None:
    shots = shots_of(TAKE, tiny_model)
    assert [shot.spec for shot in shots] == read_specs()
    assert [shot.tick.index + FIRST for shot in shots if shot.blackout] == [34, 35]
    with np.load(FRAMES) as kept:
        expected = kept["frames"].astype(int)
    found = drawn(shots).astype(int)
    # Other CPUs round otherwise: by single levels, where one frame differs from the next by many more.
    assert np.abs(found - expected).mean(axis=(1, 2, 3)).max() < 1.5
    assert np.abs(expected[1:] - expected[:-1]).mean() > 3.0


def test_the_kept_take_is_replayed_as_it_was(tiny_model: Path) -> None:
    stage = Stage(TAKE, model=tiny_model)
    for decided in read_specs():
        spec = stage.next()
        assert bool(stage.desk.values["/output/freeze"]) == (decided is None)
        assert decided is None or same(spec, decided)
    assert stage.turned == ""
