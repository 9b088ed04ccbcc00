import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sounds import RATE, noise, seconds, sine

from avserver.analysis.ear import BANDS, BEGINNINGS, SOURCES, Ear, band_weights, bundled_weights
from avserver.analysis.separation import Frames, Resynthesis, Separator
from avserver.audio.catalogue import open_source
from avserver.audio.demo_score import truth
from avserver.errors import ModelError


@pytest.fixture(scope="module")
def fragment():
    """Six seconds of the demo track's drop."""
    with open_source("demo", start_s=20.0) as source:
        return source.read(6.0)


def masks(sound, rate=RATE):
    return np.stack([frame.masks for frame in Separator(rate)(sound)])


def likelihoods(sound, rate=RATE):
    return np.stack([frame.begun for frame in Separator(rate)(sound)])


def resynthesised(sound, hop):
    separator = Separator()
    resynthesis = Resynthesis(separator.frames, hop)
    hops = range(0, sound.size - hop + 1, hop)
    stems = np.concatenate([resynthesis(separator(sound[start : start + hop])) for start in hops], axis=1)
    return stems, resynthesis.delay


@pytest.mark.parametrize("hop", [64, 256, 512, 1024])
def test_the_stems_add_up_to_the_mix_23_ms_late(fragment, hop):
    stems, delay = resynthesised(fragment, hop)
    assert stems.shape == (3, fragment.size // hop * hop)
    assert delay + min(hop, 512) == 1024
    late = stems.sum(axis=0)[delay:]
    np.testing.assert_allclose(late[2048:], fragment[2048 : late.size], atol=1e-5)


def test_hops_do_not_matter(fragment):
    by_hops, delay = resynthesised(fragment, 256)
    by_blocks, less = resynthesised(fragment, 512)
    count = by_hops.shape[1] - delay
    np.testing.assert_array_equal(by_hops[:, delay:], by_blocks[:, less : less + count])


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(1, 3000), min_size=1, max_size=20))
def test_any_pieces_are_separated_alike(fragment, sizes):
    separator, at = Separator(), 0
    found = []
    for size in sizes:
        found += list(separator(fragment[at : at + size]))
        at += size
    whole = list(Separator()(fragment[:at]))
    assert len(found) == len(whole) == at // 512
    for one, other in zip(found, whole, strict=True):
        np.testing.assert_array_equal(one.masks, other.masks)
        np.testing.assert_array_equal(one.begun, other.begun)


def test_reset_equals_fresh(fragment):
    separator = Separator()
    first = [frame.masks for frame in separator(fragment[:50_000])]
    separator.reset()
    np.testing.assert_array_equal(first, [frame.masks for frame in separator(fragment[:50_000])])


@pytest.mark.parametrize("gain", [0.03, 0.3, 1.0])
def test_loudness_does_not_matter(fragment, gain):
    np.testing.assert_allclose(masks(np.float32(gain) * fragment), masks(fragment), atol=0.02)


@pytest.mark.parametrize(
    "sound",
    [
        0 * seconds(1), 0 * seconds(1) + 1, noise(1, 1.0), 1e-30 * noise(1), np.clip(9 * noise(1), -1, 1),
        np.sign(sine(110, 1)), np.resize([1.0, -1.0], RATE), np.concatenate([0 * seconds(1), noise(0.5, 1.0)]),
    ],
)  # fmt: skip
def test_any_sound_gives_shares_of_it(sound):
    for frame in Separator()(sound.astype(np.float32)):
        assert np.isfinite(frame.bins).all()
        assert 0 <= frame.masks.min() <= frame.masks.max() <= 1 + 1e-6
        np.testing.assert_allclose(frame.masks.sum(axis=0), 1, atol=1e-5)
        assert 0 <= frame.begun.min() <= frame.begun.max() <= 1


@pytest.mark.parametrize("rate", [22_050, 48_000, 96_000])
def test_other_rates_are_separated_much_alike(fragment, rate):
    t = np.arange(int(4 * rate)) / rate
    sound = np.interp(t, np.arange(fragment.size) / RATE, fragment).astype(np.float32)
    frames = Frames(rate)
    assert 0.010 < frames.block / rate < 0.024
    bins = frames.between(0, 8000)
    of_ours = masks(fragment)[:, :, Frames(RATE).between(0, 8000)].mean(axis=(0, 2))
    np.testing.assert_allclose(masks(sound, rate)[:, :, bins].mean(axis=(0, 2)), of_ours, atol=0.15)


def test_power_is_that_of_the_samples():
    frames = Frames(RATE)
    for sound in (noise(1.0, 0.5), sine(1000, 1.0), sine(15_000, 1.0)):
        power = np.mean(np.sum(np.abs(frames.spectra(sound)) ** 2, axis=1)) * frames.power_of_square
        assert power == pytest.approx(np.mean(sound**2), rel=0.02)
    bins = np.abs(frames.spectra(sine(RATE / 2048 * 100, 1.0, 1.0)))
    assert bins.max() == pytest.approx(1.0, abs=0.01)


def test_every_bin_is_shared_out_among_bands_near_it():
    for rate in (22_050, RATE, 96_000):
        weights = band_weights(Frames(rate).hz)
        assert weights.shape[0] == BANDS
        np.testing.assert_allclose(weights.sum(axis=0), 1, atol=1e-6)
        assert (weights > 0).sum(axis=0).max() <= 2


def test_what_begins_in_the_demo_track_is_heard():
    """The demo track's sounds are made in code: none is from a soundfont that the ear has learned."""
    with open_source("demo", start_s=20.0) as source:
        heard = likelihoods(source.read(12.0))
    known = truth().onsets_s
    for name, times_s in (("kick", known["kick"]), ("drums", known["drums"])):
        blocks = ((np.array([t for t in times_s if 20 < t < 31.9]) - 20) * RATE / 512).astype(int)
        at = heard[blocks + 1, BEGINNINGS.index(name)]
        assert np.median(at) > 3 * np.median(heard[:, BEGINNINGS.index(name)]) + 0.2


def test_a_low_tone_is_bass_and_hiss_is_drums():
    energy = {}
    t = seconds(4.0)
    for name, sound in {
        "bass": np.sin(2 * np.pi * 55 * t) + 0.5 * np.sin(2 * np.pi * 110 * t),
        "drums": noise(4.0, 1.0) * np.exp(-(t % 0.5) / 0.03),
    }.items():
        stems, _ = resynthesised((0.3 * sound).astype(np.float32), 512)
        energy[name] = np.sum(stems[:, RATE:] ** 2, axis=1)
    assert SOURCES[energy["bass"].argmax()] == "bass"
    assert SOURCES[energy["drums"].argmax()] == "drums"


def test_weights_that_do_not_fit_are_refused():
    with pytest.raises(ModelError, match=r"lack 'split\.bias'"):
        Ear({name: array for name, array in bundled_weights().items() if name != "split.bias"})
    with pytest.raises(ModelError, match=r"need \(288, 288, 7\)"):
        Ear(bundled_weights() | {"split.bias": np.zeros(5, np.float32)})
