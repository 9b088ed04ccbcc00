import numpy as np
import pytest
from sounds import listen, noise, seconds, sine


def chroma(samples):
    signals = listen(samples.astype(np.float32))
    for frame in signals:
        assert frame.chroma.shape == (12,)
        assert frame.chroma.sum() == pytest.approx(1)
        assert frame.chroma.min() >= 0
    return signals


def chord(a_hz, duration_s, steps=(-9, -5, -2)):
    """A chord, by its semitones above A; as three strings."""
    return sum(sine(k * a_hz * 2 ** (step / 12), duration_s, 0.15 / k) for step in steps for k in range(1, 6))


@pytest.mark.parametrize("midi", range(28, 96, 5))
def test_a_note_is_in_its_class(midi):
    classes = chroma(sine(440 * 2 ** ((midi - 69) / 12), 1.0))[-1].chroma
    assert classes.argmax() == midi % 12
    assert classes.max() > 0.7


def test_a_chord_is_in_its_three_classes():
    classes = chroma(chord(440, 1.0))[-1].chroma
    assert set(np.argsort(classes)[-3:]) == {0, 4, 7}
    assert classes[[0, 4, 7]].sum() > 0.8


@pytest.mark.parametrize("sound", [0 * seconds(0.5), 0 * seconds(2.0) + 0.5])
def test_where_there_is_no_tune_all_classes_are_alike(sound):
    np.testing.assert_allclose(chroma(sound)[-1].chroma, 1 / 12, atol=0.01)


def test_noise_is_in_no_class_for_long():
    assert max(frame.chroma.max() for frame in chroma(noise(3.0))[15:]) < 0.35


def test_it_moves_without_jumping():
    sound = np.concatenate([sine(261.63, 1.0), sine(392.0, 1.0)])
    signals = chroma(sound)
    steps = np.abs(np.diff([frame.chroma[7] for frame in signals]))
    assert steps.max() < 0.35  # of 1, in a thirtieth of a second
    assert signals[-1].chroma[7] > 0.8
    half = next(frame.t_s for frame in signals if frame.chroma[7] > 0.5)
    assert 1.05 < half < 1.3


def test_it_fades_to_all_alike_after_the_music():
    sound = np.concatenate([sine(440, 1.0), np.zeros(2 * 44_100, np.float32)])
    np.testing.assert_allclose(chroma(sound)[-1].chroma, 1 / 12, atol=0.01)


@pytest.mark.parametrize("a_hz", [430, 434, 446, 450])
def test_the_tuning_is_found_and_makes_no_difference(a_hz):
    tuned, other = chroma(chord(440, 3.0))[-1], chroma(chord(a_hz, 3.0))[-1]
    assert other.tuning_hz == pytest.approx(a_hz, abs=1.0)
    np.testing.assert_allclose(other.chroma, tuned.chroma, atol=0.03)


def test_the_tuning_is_followed():
    signals = chroma(np.concatenate([chord(432, 4.0), chord(446, 12.0)]))
    assert signals[4 * 30 - 1].tuning_hz == pytest.approx(432, abs=1.0)
    assert signals[-1].tuning_hz == pytest.approx(446, abs=1.5)


def test_vibrato_stays_in_its_class():
    t_s = seconds(2.0)
    sung = 0.5 * np.sin(2 * np.pi * 440 * t_s + 440 * 0.02 / 6 * np.sin(2 * np.pi * 6 * t_s))
    assert min(frame.chroma[9] for frame in chroma(sung)[15:]) > 0.7


def test_the_held_chroma_changes_once_a_note_and_soon():
    names = [60, 64, 67, 72, 65]
    sound = np.concatenate([sine(440 * 2 ** ((midi - 69) / 12), 0.5) for midi in names])
    signals = listen(sound, fps=100)
    held = np.array([frame.chroma_sync for frame in signals])
    np.testing.assert_allclose(held.sum(axis=1), 1)
    changes = np.flatnonzero(np.any(np.diff(held, axis=0) != 0, axis=1))
    assert [signals[round(t_s * 100)].chroma_sync.argmax() for t_s in np.arange(0.3, 2.5, 0.5)] == [
        midi % 12 for midi in names
    ]
    assert len(names) <= changes.size <= len(names) + 1
