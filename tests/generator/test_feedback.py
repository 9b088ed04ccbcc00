import numpy as np
import pytest

from avserver.frame_spec import Feedback
from avserver.generator.backend import to_numpy
from avserver.generator.feedback import feedback_values, mix_in
from tests.generator import bending_reference as reference

SIZE = 16


@pytest.fixture
def frames():
    return np.random.default_rng(0).integers(0, 256, (2, 1, SIZE, SIZE, 3), np.uint8)


def mixed(frames, opacity=1.0, **feedback):
    new, old = frames
    kept, shown = mix_in(new, old.astype("f"), feedback_values(Feedback(**feedback), SIZE, opacity))
    kept, shown = to_numpy(kept)[0], to_numpy(shown)[0]
    np.testing.assert_array_equal(shown, (kept * np.float32(opacity)).astype(np.uint8))
    return kept


def test_without_an_amount_nothing_changes(frames):
    np.testing.assert_array_equal(mixed(frames, zoom=0.5, rotate=30.0), frames[0, 0])


def test_the_frame_before_is_zoomed_turned_and_mixed_in(frames):
    new, old = frames[:, 0]
    zoomed = reference.bent(old, "zoom", (0.8,))
    source = reference.MOVES["zoom"](reference.MOVES["rotate"](reference.places(SIZE), (25.0,)), (0.8,))
    np.testing.assert_allclose(mixed(frames, amount=0.3, zoom=0.8), 0.7 * new + 0.3 * zoomed, atol=1e-2)
    both = reference.sampled(old, source, "reflect")
    np.testing.assert_allclose(mixed(frames, amount=0.3, zoom=0.8, rotate=25.0), 0.7 * new + 0.3 * both, atol=1e-2)


def test_opacity_fades_what_is_shown_and_not_what_is_kept(frames):
    np.testing.assert_array_equal(mixed(frames, opacity=0.5, amount=0.3), mixed(frames, amount=0.3))


def test_something_of_the_new_frame_is_always_seen(frames):
    np.testing.assert_array_equal(mixed(frames, amount=5.0), mixed(frames, amount=0.98))
