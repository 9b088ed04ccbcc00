import json

import numpy as np
import pytest

from avserver.analysis.bass_pitch import DELAY_LOOKS, INPUTS, LOWEST_MIDI, NOTES, BassNetwork
from avserver.analysis.network import load_weights
from avserver.analysis.partials import Tones
from avserver.training import bass_pitch

LINE = [(0.0, 40), (0.5, 33), (1.0, 43), (1.5, 36), (2.0, 40), (2.5, 33), (3.0, 45), (3.5, 38)]


@pytest.fixture
def songs(tmp_path):
    """A folder with one song: a bass line of sines, six seconds long, and a high tone beside it."""
    t_s = np.arange(6 * bass_pitch.RATE) / bass_pitch.RATE
    bass = np.zeros_like(t_s)
    for begin_s, midi in LINE:
        held = (t_s >= begin_s) & (t_s < begin_s + 0.45)
        bass[held] = np.sin(2 * np.pi * 440 * 2 ** ((midi - 69) / 12) * t_s[held])
    folder = tmp_path / "songs" / "one"
    folder.mkdir(parents=True)
    np.save(folder / "bass.npy", (8000 * bass).astype(np.int16))
    np.save(folder / "mix.npy", (8000 * bass + 8000 * np.sin(2 * np.pi * 1000 * t_s)).astype(np.int16))
    notes = [[t_s, 0, midi, 100, "bass", 0.45] for t_s, midi in LINE] + [[0.0, 1, 83, 100, "melody", 6.0]]
    (folder / "truth.json").write_text(json.dumps({"notes": notes}))
    return folder.parent


def test_a_song_is_heard_with_the_bass_note_of_each_look(songs):
    read = bass_pitch.read_songs(songs, np.random.default_rng(0))
    assert len(read) == 2
    look_s = Tones(bass_pitch.RATE).look_s
    for song in read:
        for t_s, midi in LINE:
            sounding = song.notes[int((t_s + 0.25) / look_s) + DELAY_LOOKS]
            assert sounding == midi - LOWEST_MIDI + 1
        assert song.notes[-1] == bass_pitch.NONE
        assert song.heard.shape == (song.notes.size, INPUTS)


def test_the_lowest_of_several_notes_counts_and_octaves_out_of_reach_are_none():
    notes = [(0.0, 0, 50, 90, "bass", 1.0), (0.2, 0, 38, 90, "bass", 0.4), (0.0, 0, 20, 90, "drums", 1.0)]
    classes = bass_pitch.bass_notes(notes, 60, 0.02)
    assert classes[DELAY_LOOKS + 5] == 50 - LOWEST_MIDI + 1
    assert classes[DELAY_LOOKS + 20] == 38 - LOWEST_MIDI + 1
    assert classes[-1] == bass_pitch.NONE


def test_it_trains_and_what_plays_computes_what_was_trained(songs, tmp_path, monkeypatch):
    monkeypatch.setattr(bass_pitch, "BATCH", 2)
    out = tmp_path / "bass.safetensors"
    bass_pitch.main([str(songs), "-o", str(out), "--batches", "2"])
    weights = load_weights(out)
    model = bass_pitch.network()
    values = iter([weights[name].astype(np.float32) for name in bass_pitch.WEIGHT_NAMES])
    for name in ("see", "follow", "tell"):
        layer = model.get_layer(name)
        layer.set_weights([next(values) for _ in layer.get_weights()])

    tones, network = Tones(bass_pitch.RATE), BassNetwork(weights)
    samples = np.load(songs / "one" / "mix.npy")[: 200 * 256].astype(np.float32) / 32768
    seen, told = [], []
    for hop in samples.reshape(-1, 256):
        if tones(hop):
            seen.append(bass_pitch.compressed(bass_pitch.thirds(tones)))
            told.append(network(tones))
    logits = np.asarray(model.predict(np.array(seen)[None], verbose=0))[0]
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    np.testing.assert_allclose(told, odds / odds.sum(axis=1, keepdims=True), atol=1e-4)
    assert np.shape(told) == (50, NOTES + 1)
