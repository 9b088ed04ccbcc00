import numpy as np

from avserver.analysis.flux import Flux
from avserver.analysis.spectrum import Spectrum
from avserver.analysis.stems import RANGES_HZ
from avserver.audio.catalogue import open_source
from avserver.offline.flux import normalised_flux
from avserver.offline.spectrogram import BLOCK


def test_it_is_what_is_heard_hop_by_hop():
    with open_source("demo") as source:
        music = source.read(BLOCK * 256 / 44_100 + 1)
    spectrum = Spectrum(44_100)
    flux = Flux(spectrum, RANGES_HZ, 256 / 44_100)
    rows = []
    for start in range(0, music.size - 255, 256):
        flux(np.abs(spectrum(music[start : start + 256])))
        rows.append(list(flux.normalised.values()))
    whole = normalised_flux(music, 44_100, RANGES_HZ)
    assert len(whole) > BLOCK
    np.testing.assert_allclose(whole, rows, atol=1e-3)


def test_no_sound_has_none():
    assert normalised_flux(np.zeros(0, np.float32), 44_100, RANGES_HZ).shape == (0, len(RANGES_HZ))
    assert not normalised_flux(np.zeros(5000, np.float32), 44_100, RANGES_HZ).any()
