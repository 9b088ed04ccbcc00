import numpy as np
import pytest
from sounds import noise, sine

from avserver.analysis.bands import Bands
from avserver.analysis.spectrum import Spectrum


def test_what_streams_equals_what_is_taken_at_once():
    spectrum = Spectrum(44_100)
    bands = Bands(spectrum)
    magnitudes = np.abs([spectrum(hop) for hop in noise(0.5).reshape(-1, 2)[: 80 * 128].reshape(80, 256)])
    streamed = [bands(row) for row in magnitudes]
    np.testing.assert_allclose(bands.of(magnitudes), streamed, atol=1e-6)
    bands.reset()
    np.testing.assert_array_equal([bands(row) for row in magnitudes], streamed)


@pytest.mark.parametrize(("rate", "window"), [(44_100, 1024), (48_000, 1024), (96_000, 2048), (44_100, 2048)])
def test_bands_are_the_same_at_every_rate(rate, window):
    spectrum = Spectrum(rate, window=window, hop=window)
    t_s = np.arange(window) / rate
    rows = Bands(spectrum)(np.abs(spectrum(0.5 * np.sin(2 * np.pi * 1000 * t_s).astype(np.float32))))
    assert rows.shape == (82,)
    assert rows[:41].argmax() == 16


@pytest.mark.parametrize(
    ("sound", "loud"), [(0 * sine(440, 0.1), False), (sine(440, 0.1, 1e-4), False), (sine(440, 0.1, 1e-2), True)]
)
def test_silence_is_told_from_sound(sound, loud):
    spectrum = Spectrum(44_100)
    bands = Bands(spectrum)
    for start in range(0, sound.size - 256, 256):
        bands(np.abs(spectrum(sound[start : start + 256])))
    assert bands.loud is loud
