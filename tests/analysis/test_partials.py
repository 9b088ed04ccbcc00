import numpy as np
import pytest
from sounds import RATE, noise

from avserver.analysis.partials import Tones


def looked_at(samples, rate=RATE, hop=256):
    tones = Tones(rate, hop=hop)
    count = samples.size // hop * hop
    looks = sum(tones(part) for part in samples[:count].astype(np.float32).reshape(-1, hop))
    assert looks == pytest.approx(count / rate / tones.look_s, abs=1)
    return tones


def tone(midi, rate=RATE, duration_s=0.5):
    return 0.5 * np.sin(2 * np.pi * 440 * 2 ** ((midi - 69) / 12) * np.arange(round(duration_s * rate)) / rate)


@pytest.mark.parametrize("rate", [8000, 22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("midi", [29, 40.25, 57, 69.5, 93])
def test_a_tone_is_where_it_is_to_a_tenth_of_a_semitone(midi, rate):
    tones = looked_at(tone(midi, rate), rate)
    for partials in (tones.long, tones.short) if midi > 39 else (tones.long,):
        strong = partials.amplitude > 0.1
        np.testing.assert_allclose(partials.midi[strong], midi, atol=0.1)
        assert partials.amplitude.sum() == pytest.approx(1.0, rel=0.05)  # twice the amplitude


def test_what_lies_above_is_not_mirrored_below():
    loud_treble = looked_at(sum(tone(midi) for midi in (110, 115, 118, 123, 127)))
    assert loud_treble.long.amplitude.sum() < 0.01


def test_hops_of_any_length_see_the_same():
    sound = noise(0.5)[:20_480]
    one, other = looked_at(sound, hop=128), looked_at(sound, hop=1024)
    np.testing.assert_allclose(one.long.amplitude, other.long.amplitude, atol=1e-6)
    np.testing.assert_allclose(one.short.midi, other.short.midi, atol=1e-3)


def test_nothing_is_finite():
    tones = looked_at(np.zeros(RATE))
    assert tones.long.amplitude.sum() == 0.0
    assert np.isfinite(tones.short.midi).all()
