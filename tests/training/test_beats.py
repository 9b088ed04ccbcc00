import json

import numpy as np
import pytest

from avserver.analysis.bands import Bands
from avserver.analysis.beat_network import HEARD_AFTER_S, STEP_S, BeatNetwork, weight_names
from avserver.analysis.spectrum import Spectrum
from avserver.training import beats as training

RATE = 44_100


@pytest.fixture
def song(tmp_path):
    """The folder of a song whose drum is a click, twice a second."""
    beats_s = np.arange(0, 20, 0.5)
    click = np.zeros(20 * RATE, np.int16)
    for beat_s in beats_s:
        click[int(beat_s * RATE) :][:100] = 20_000
    for stem in training.STEM_NAMES:
        np.save(tmp_path / f"{stem}.npy", click if stem == "drums" else 0 * click)
    truth = {"beats_s": beats_s.tolist(), "downbeats_s": beats_s[::4].tolist()}
    (tmp_path / "truth.json").write_text(json.dumps(truth), encoding="utf-8")
    return tmp_path


def streamed(samples):
    """Return what the analyser's parts make of the sound, step by step."""
    spectrum = Spectrum(RATE)
    bands, rows = Bands(spectrum), []
    for number, start in enumerate(range(0, samples.size - 255, 256), start=1):
        magnitudes = np.abs(spectrum(samples[start : start + 256]))
        if number % 2 == 0:
            rows.append(bands(magnitudes))
    return np.array(rows)


def test_what_is_learned_from_is_what_will_be_heard(song):
    songs = training.Songs([song], np.random.default_rng(0))
    samples = training.excerpt(song, np.random.default_rng(1)).samples
    taken = songs.features(samples)
    np.testing.assert_allclose(taken, streamed(samples), atol=1e-4)


@pytest.mark.parametrize("seed", range(4))
def test_targets_lie_where_the_sound_rises(song, seed):
    rng = np.random.default_rng(seed)
    example = next(e for e in iter(lambda: training.excerpt(song, rng), None) if np.abs(e.samples).max() > 0.05)
    rises = streamed(example.samples)[:, 41:].sum(axis=1)
    told = np.flatnonzero(training.target(example.beats_s) == 1)[1:-1]
    after = round(HEARD_AFTER_S / STEP_S)
    found = [step - after - 2 + rises[step - after - 2 : step + 1].argmax() for step in told]
    assert np.abs(told - after - found).max() <= 1


def test_metronomes_have_their_beats_and_noise_has_none():
    rng = np.random.default_rng(0)
    assert training.metronome(rng).beats_s.size > 8
    assert training.beatless(rng).beats_s.size == 0


def test_the_network_that_streams_is_the_one_that_was_trained():
    model = training.build(inputs=82, units=8)
    rows = np.random.default_rng(0).uniform(0, 3, (1, 30, 82)).astype(np.float32)
    network = BeatNetwork(dict(zip(weight_names(), model.get_weights(), strict=True)))
    expected = 1 / (1 + np.exp(-np.asarray(model(rows))[0]))
    np.testing.assert_allclose([network(row) for row in rows[0]], expected, atol=1e-5)
    network.reset()
    np.testing.assert_allclose(network(rows[0, 0]), expected[0], atol=1e-5)
