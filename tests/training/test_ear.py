import json

import numpy as np
import pytest

from avserver.analysis.ear import BANDS, BEGINNINGS, SOURCES, Ear, Features
from avserver.analysis.network import load_weights
from avserver.analysis.separation import RATE, Separator
from avserver.training import ear, ear_music

HIT_S, NOTE_S = 0.5, 1.2


@pytest.fixture(scope="module")
def song(tmp_path_factory):
    """Three seconds: a bass note, another of the melody, and a hit."""
    folder = tmp_path_factory.mktemp("song")
    t = np.arange(3 * RATE) / RATE
    rng = np.random.default_rng(0)
    sounds = {
        "drums": np.where(t >= HIT_S, np.exp(-(t - HIT_S) / 0.1), 0) * rng.uniform(-0.5, 0.5, t.size),
        "bass": np.where(t >= NOTE_S, 0.3 * np.sin(2 * np.pi * 80 * t), 0),
        "melody": 0.2 * np.sin(2 * np.pi * 660 * t),
    }
    for name, sound in sounds.items():
        np.save(folder / f"{name}.npy", (sound * 32767).astype(np.int16))
    onsets_s = {"drums": [HIT_S], "bass": [NOTE_S], "melody": [0.0]}
    notes = [[HIT_S, 9, 38, 100, "drums", 0.1], [NOTE_S, 1, 40, 100, "bass", 1.0]]
    (folder / "truth.json").write_text(json.dumps({"onsets_s": onsets_s, "notes": notes}))
    return ear_music.Song(folder)


@pytest.fixture(scope="module")
def taken(song):
    return ear_music.take_in(dict.fromkeys(range(3), song), np.random.default_rng(0), vary=False)


def test_the_ear_steps_as_it_was_trained():
    model = ear.ear(units=12)
    rng = np.random.default_rng(0)
    for layer in model.layers:
        layer.set_weights([rng.normal(0, 0.3, w.shape).astype(np.float32) for w in layer.get_weights()])
    features = rng.normal(size=(1, 20, BANDS)).astype(np.float32)
    trained = np.asarray(model.predict(features, verbose=0))[0]
    steps = Ear(ear.weights(model))
    for expected, step in zip(trained, features[0], strict=True):
        masks, begun = steps(step)
        np.testing.assert_allclose(masks.ravel(), expected[: masks.size], atol=1e-5)
        np.testing.assert_allclose(begun, 1 / (1 + np.exp(-expected[masks.size :])), atol=1e-5)


def test_it_learns_from_what_it_will_hear(song, taken):
    """Features of a mix, put together from the powers of its stems, are those that the separator takes."""
    powers, _ = taken
    separator = Separator(weights=ear.weights(ear.ear(units=8)))
    heard = []
    separator._features = lambda power: heard.append(power) or np.zeros(BANDS, np.float32)
    for _ in separator(sum(song.stem(index, 1.0, 0.0) for index in range(3))):
        pass
    width = np.maximum(separator.frames.bands.sum(axis=1), 1)
    mix = powers.sum(axis=1) / width
    ours, theirs = Features(0.01, (len(mix),)), Features(0.01, (len(mix),))
    np.testing.assert_allclose(ours(np.stack(heard)), theirs(np.maximum(mix, 0)), atol=0.01)
    kept = ear_music.expanded(ear_music.compressed(powers))
    np.testing.assert_allclose(kept, powers, rtol=0.005, atol=1e-12)


def test_what_begins_is_told_a_step_later(taken):
    _, told = taken
    block = int(HIT_S * RATE / 512)
    for name in ("drums", "snare"):
        assert told[block - 1 : block + 5, BEGINNINGS.index(name)].tolist() == [0, 0.5, 1, 1, 0.5, 0]
    assert not told[:, [BEGINNINGS.index("kick"), BEGINNINGS.index("hat")]].any()


def test_true_masks_have_less_loss_than_equal_ones(taken):
    powers, told = taken
    excerpts = ear_music.Excerpts([(ear_music.compressed(powers), told)], 200, np.random.default_rng(1))
    _, true = excerpts.batch(4)
    stems = true[..., : 3 * BANDS].reshape(4, 200, 3, BANDS)
    best = stems / np.maximum(stems.sum(axis=2, keepdims=True), 1e-12)
    found = {}
    for name, masks in {"best": best, "equal": np.full_like(best, 1 / 3)}.items():
        logits = np.zeros((4, 200, len(BEGINNINGS)), np.float32)
        told_so = np.concatenate([masks.reshape(4, 200, -1), logits], axis=-1).astype(np.float32)
        found[name] = [float(value) for value in ear.losses(true, told_so)]
    assert found["best"][0] < found["equal"][0] - 1
    assert found["best"][1] < 0.3 * found["equal"][1]
    assert found["best"][2] == found["equal"][2] == pytest.approx(np.log(2), rel=0.1)


def test_a_batch_learns_and_is_written(taken, tmp_path):
    powers, told = taken
    excerpts = ear_music.Excerpts([(ear_music.compressed(powers), told)], 40, np.random.default_rng(1))
    path = tmp_path / "ear.safetensors"
    ear.train(ear.ear(units=8, layers=1), excerpts, 2, path)
    frames = list(Separator(weights=load_weights(path))(np.zeros(2048, np.float32)))
    assert len(frames) == 4
    assert frames[0].masks.shape[0] == len(SOURCES)
