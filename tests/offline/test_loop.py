"""Loops, as they are decided; the pictures of specs are stood for by vectors that are as near to each other as they."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest

from avserver.clock import Tick
from avserver.errors import ConfigError
from avserver.frame_spec import Feedback, FrameSpec, LatentTerm, ModelShape, NoiseLevel, z_of_seed
from avserver.generator.role import Role
from avserver.offline.loop import MEETING_S, looped
from avserver.offline.shots import Leaving, Shot
from avserver.scene.noise import PHASE_PERIOD, PHASE_RATE

FPS = 25
ROLE, OTHER = (Role(name, Path(name), ModelShape(1, (8,), ())) for name in ("one", "other"))


def film(count: int, first: int = 10, *, feedback: float = 0.0) -> list[Shot]:
    """A show that glides from seed to seed, once a second, under noise that turns."""
    shots = []
    for index in range(first, first + count):
        t_s = index / FPS
        share = t_s % 1.0
        spec = FrameSpec(
            index=index,
            t_s=t_s,
            latents=(LatentTerm((0, 1), (int(t_s), int(t_s) + 1), (1 - share, share)),),
            noise=(NoiseLevel(8, PHASE_RATE * t_s % PHASE_PERIOD, 1.0, 0.5 + 0.5 * math.sin(t_s)),),
            feedback=Feedback(feedback),
        )
        shots.append(Shot(Tick(index, t_s), ROLE, spec, 1.0, blackout=False))
    return shots


def seen(shot: Shot) -> np.ndarray:
    """Return w, and the noise: its two fields, turned."""
    assert shot.spec is not None
    (level,) = shot.spec.noise
    w = sum(
        weight * z_of_seed(seed, 32)[0]
        for term in shot.spec.latents
        for seed, weight in zip(term.seeds, term.weights, strict=True)
    )
    phases = (level.phase, level.phase * 7 / 15)
    turned = [level.grain * 4 * part for phase in phases for part in (math.cos(phase), math.sin(phase))]
    return np.concatenate([w, turned])


@pytest.mark.parametrize("seconds", [0.4, 3.0, 17.3, 61.0])
def test_the_step_from_the_end_to_the_beginning_is_one_like_others(seconds: float) -> None:
    plain = film(round(seconds * FPS))
    made = looped(plain, 10, FPS)
    assert [shot.tick for shot in made] == [shot.tick for shot in plain]
    pictures = np.stack([seen(shot) for shot in made])
    steps = np.linalg.norm(np.diff(pictures, axis=0, append=pictures[:1]), axis=1)
    assert steps[-1] <= 1.05 * np.quantile(steps[:-1], 0.9)
    before = np.stack([seen(shot) for shot in plain])
    usual = np.linalg.norm(np.diff(before, axis=0), axis=1).max()
    # While the end becomes the beginning it goes somewhat faster, but jumps nowhere.
    assert steps.max() <= (2.0 if seconds > 2 * MEETING_S else 5.0) * usual


def test_what_is_not_near_the_end_stays_but_for_its_noise() -> None:
    plain = film(200)
    made = looped(plain, 10, FPS)
    for before, after in zip(plain[:150], made[:150], strict=True):
        assert before.spec is not None
        assert after.spec is not None
        assert dataclasses.replace(after.spec, noise=()) == dataclasses.replace(before.spec, noise=())
    assert made[60].spec == plain[60].spec  # the noise has not turned back yet
    assert made[150].spec != plain[150].spec


def test_the_first_frame_of_a_loop_with_feedback_has_the_end_behind_it() -> None:
    made = looped(film(200, feedback=0.5), 10, FPS)
    count = round(MEETING_S * FPS)
    assert [shot.tick.index for shot in made] == list(range(10 - count, 210))
    times_s = [shot.spec.t_s for shot in made if shot.spec]
    assert np.diff(times_s) == pytest.approx(1 / FPS)
    for before, end in zip(made[:count], made[-count:], strict=True):
        assert before.spec is not None
        assert end.spec is not None
        assert before.spec.latents == end.spec.latents


def test_what_stands_still_moves_if_it_must() -> None:
    shots = film(100)
    frozen = shots[:40] + [dataclasses.replace(shot, spec=None) for shot in shots[40:]]
    made = looped(frozen, 10, FPS)
    latents = [shot.spec.latents for shot in made if shot.spec]
    assert len(latents) == 100
    assert latents[40] == latents[39]
    assert latents[99] != latents[39]


def test_at_the_end_of_a_loop_nothing_is_left_of_another_model() -> None:
    shots = film(100)
    left = Leaving(OTHER, FrameSpec(index=0, t_s=0.0, latents=()), 0.5)
    shots[50:] = [dataclasses.replace(shot, leaving=left) for shot in shots[50:]]
    shares = [shot.leaving.share for shot in looped(shots, 10, FPS) if shot.leaving]
    assert shares[:1] == pytest.approx([0.5], abs=0.01)
    assert shares == sorted(shares)
    assert shares[-1] > 0.99


def test_what_cannot_meet_is_refused() -> None:
    shots = film(50)
    with pytest.raises(ConfigError, match="a loop has 3 frames or more, got 2"):
        looped(shots[:2], 10, FPS)
    shots[-1] = dataclasses.replace(shots[-1], role=OTHER)
    with pytest.raises(ConfigError, match="ends with the model that it begins with, got one and then other"):
        looped(shots, 10, FPS)
