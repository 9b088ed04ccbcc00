"""The four envelopes, against the seed's own way: impulse trains convolved with halves of a Gaussian, at 24 fps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avserver.control.envelope import ENVELOPE_NAMES, MEMORY, SHAPES, Envelope, EnvelopeOptions
from avserver.signals import BANDS, STEMS, Onset
from tests.control.heard import hit

FPS = 24  # the seed's
SIGMA, RADIUS = 10, 36  # frames of it
FRAMES = 200

# Frames and strengths of impulses; several may fall together.
trains = st.lists(st.tuples(st.integers(0, FRAMES - 1), st.floats(0.05, 1.0)), max_size=12).map(sorted)


def played(
    name: str, train: list[tuple[int, float]], options: EnvelopeOptions | None = None, fps: int = FPS
) -> np.ndarray:
    """Return an envelope at `fps` for impulses at frames of 1/24 s."""
    envelope = Envelope(name, options or EnvelopeOptions())
    onsets = [hit(frame / FPS, strength=strength) for frame, strength in train]
    values, given_until = [], 0
    for tick in range(FRAMES * fps // FPS):
        t_s = tick / fps
        until = sum(onset.t_s <= t_s for onset in onsets)
        values.append(envelope.update(onsets[given_until:until], t_s))
        given_until = until
    return np.array(values)


def convolved(train: list[tuple[int, float]], kernel: np.ndarray) -> np.ndarray:
    impulses = np.zeros(FRAMES)
    for frame, strength in train:
        impulses[frame] += strength
    return np.convolve(impulses, kernel)[:FRAMES]


# Half a Gaussian, as the seed cut it: 0 to 36 frames after the hit, and the other way round.
DECAY = np.exp(-(np.arange(RADIUS + 1) ** 2) / (2 * SIGMA**2))
# At exactly the radius, rounding of t decides if an onset is still felt; the frame is left out of the comparison.


def away_from_the_radius(train: list[tuple[int, float]]) -> np.ndarray:
    keep = np.ones(FRAMES, bool)
    keep[[frame + RADIUS for frame, _ in train if frame + RADIUS < FRAMES]] = False
    return keep


@given(trains)
def test_decay_is_the_seeds_convolution(train):
    keep = away_from_the_radius(train)
    np.testing.assert_allclose(played("drums.mid.decay", train)[keep], convolved(train, DECAY)[keep], atol=1e-9)


@given(trains)
def test_rise_is_the_seeds_convolution(train):
    keep = away_from_the_radius(train)
    np.testing.assert_allclose(played("drums.mid.rise", train)[keep], convolved(train, DECAY[::-1])[keep], atol=1e-9)


@given(trains)
def test_dip_is_the_lowest_of_its_onsets(train):
    keep = away_from_the_radius(train)
    lowest = np.ones(FRAMES)
    for frame, _ in train:
        stop = min(FRAMES, frame + RADIUS + 1)
        lowest[frame:stop] = np.minimum(lowest[frame:stop], (0.8 + 0.2 * DECAY[::-1])[: stop - frame])
    np.testing.assert_allclose(played("drums.mid.dip", train)[keep], lowest[keep], atol=1e-9)


@given(trains)
def test_peaks_stand_in_the_frame_of_their_onset_alone(train):
    expected = np.zeros(FRAMES)
    for frame, strength in train:
        expected[frame] = max(expected[frame], strength)
    np.testing.assert_array_equal(played("drums.mid.peaks", train), expected)


@settings(max_examples=20)
@pytest.mark.parametrize("shape", ["decay", "rise", "dip"])
@given(train=trains)
def test_the_frame_rate_makes_no_difference(shape, train):
    keep = away_from_the_radius(train)
    slow, fast = played(f"drums.mid.{shape}", train), played(f"drums.mid.{shape}", train, fps=5 * FPS)
    np.testing.assert_allclose(slow[keep], fast[::5][keep], atol=1e-9)


def test_a_dip_falls_at_once_to_about_its_depth_and_climbs_back():
    dip = played("drums.mid.dip", [(10, 0.6)])
    assert dip[9] == 1.0
    assert dip[10] == pytest.approx(0.8, abs=0.001)
    assert np.all(np.diff(dip[10 : 10 + RADIUS]) > 0)
    assert dip[10 + RADIUS - 1] == pytest.approx(1.0, abs=0.002)
    assert np.all(dip[10 + RADIUS + 1 :] == 1.0)


def test_the_options_shape_it():
    options = EnvelopeOptions(sigma_s=0.1, radius_s=0.5, depth=0.7)
    dip = Envelope("drums.mid.dip", options)
    assert dip.update([hit(1.0)], 1.0) == pytest.approx(0.3, abs=1e-4)
    assert dip.update([], 1.49) == pytest.approx(1 - 0.7 + 0.7 * np.exp(-(0.01**2) / (2 * 0.1**2)))
    assert dip.update([], 1.51) == 1.0


def test_an_onset_that_is_told_late_is_felt_from_when_it_was():
    late, prompt = (Envelope("drums.mid.decay", EnvelopeOptions()) for _ in range(2))
    prompt.update([hit(1.0)], 1.0)
    assert late.update([], 1.0) == 0.0
    assert late.update([hit(1.0)], 1.05) == prompt.update([], 1.05)


def test_weak_and_crowded_onsets_do_not_count():
    envelope = Envelope("drums.mid.peaks", EnvelopeOptions(threshold=0.5, distance_s=0.9))
    strengths = {0.0: 0.4, 0.5: 0.6, 1.0: 0.9, 1.3: 0.9, 1.45: 0.7, 2.2: 1.0, 2.4: 0.5}
    peaks = {t_s: envelope.update([hit(t_s, strength=a)], t_s) for t_s, a in strengths.items()}
    # 0.0 is too weak; 1.0 and 1.3 come too soon after 0.5, 2.2 too soon after 1.45.
    assert {t_s for t_s, value in peaks.items() if value} == {0.5, 1.45, 2.4}


@pytest.mark.parametrize("name", ENVELOPE_NAMES)
def test_each_listens_to_its_own_stem_and_band(name):
    stem, band, shape = name.split(".")
    others = [Onset(0.1, s, b, 1.0) for s in STEMS for b in BANDS if (s, b) != (stem, band)]
    quiet = 1.0 if shape == "dip" else 0.0
    envelope = Envelope(name, EnvelopeOptions())
    assert envelope.update(others, 0.1) == quiet
    assert envelope.update([Onset(0.2, stem, band, 1.0)], 0.2) != quiet


@pytest.mark.parametrize("shape", SHAPES)
def test_reset_forgets(shape):
    options = EnvelopeOptions(distance_s=1.0)
    used, new = (Envelope(f"drums.mid.{shape}", options) for _ in range(2))
    used.update([hit(0.0), hit(0.1)], 0.1)
    used.reset()
    for t_s, onsets in ((0.2, []), (0.3, [hit(0.3)]), (0.4, [])):
        assert used.update(onsets, t_s) == new.update(onsets, t_s)


def test_memory_is_bounded():
    envelope = Envelope("drums.mid.decay", EnvelopeOptions(sigma_s=1000.0, radius_s=1000.0))
    value = envelope.update([hit(0.001 * i) for i in range(10 * MEMORY)], 10.0)
    assert value == pytest.approx(MEMORY, rel=0.001)
