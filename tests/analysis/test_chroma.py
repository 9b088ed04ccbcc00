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


@pytest.mark.parametrize("midi", range(48, 96, 5))
def test_a_note_is_in_its_class(midi):
    classes = chroma(sine(440 * 2 ** ((midi - 69) / 12), 1.0))[-1].chroma
    assert classes.argmax() == midi % 12
    assert classes.max() > 0.7


def test_a_chord_is_in_its_three_classes():
    c_major = sum(sine(hz, 1.0, 0.2) for hz in (261.63, 329.63, 392.0))
    classes = chroma(c_major)[-1].chroma
    assert set(np.argsort(classes)[-3:]) == {0, 4, 7}
    assert classes[[0, 4, 7]].sum() > 0.8


@pytest.mark.parametrize("sound", [0 * seconds(0.5), 0 * seconds(0.5) + 0.5])
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
