import json
from pathlib import Path

import mido
import numpy as np
import pytest

from avserver.errors import ConfigError
from avserver.training.music.composer import compose, styles
from avserver.training.music.drum_machine import KEYS
from avserver.training.music.render import render_stems, write_song
from avserver.training.music.score import SAMPLE_RATE, STEMS, read_score

SOUNDFONT = Path("/usr/share/sounds/sf2/TimGM6mb.sf2")  # what the tests install


@pytest.fixture(scope="module")
def library():
    return styles()


def notes(midi):
    return read_score(midi).notes


def test_the_same_seed_composes_the_same_song_and_another_seed_another(library):
    one, _ = compose(np.random.default_rng(3), library, duration_s=20)
    again, _ = compose(np.random.default_rng(3), library, duration_s=20)
    other, _ = compose(np.random.default_rng(4), library, duration_s=20)
    assert notes(one) == notes(again) != notes(other)
    assert read_score(one).duration_s >= 20


def test_every_stem_sounds_when_its_notes_begin_and_the_mix_is_their_sum(library, tmp_path):
    midi, style = compose(np.random.default_rng(0), library, duration_s=8)
    write_song(tmp_path / "song", midi, SOUNDFONT, duration_s=8, source=style)
    truth = json.loads((tmp_path / "song" / "truth.json").read_text())
    sounds = {name: np.load(tmp_path / "song" / f"{name}.npy").astype(float) for name in ("mix", *STEMS)}
    assert all(sound.shape == (8 * SAMPLE_RATE,) for sound in sounds.values())
    np.testing.assert_allclose(sounds["mix"], sum(sounds[stem] for stem in STEMS), atol=3)
    for stem in STEMS:
        first_s = truth["onsets_s"][stem][0]
        loud = np.flatnonzero(np.abs(sounds[stem]) > 300)
        assert loud[0] / SAMPLE_RATE == pytest.approx(first_s, abs=0.05)


def test_a_drum_machine_plays_what_it_can_and_the_truth_knows_that(tmp_path):
    hits = [
        mido.Message(kind, channel=9, note=key, velocity=100, time=time)
        for key in (36, 38, 60, 42, 42)
        for kind, time in (("note_on", 470), ("note_off", 10))
    ]
    midi = mido.MidiFile(tracks=[mido.MidiTrack([mido.Message("note_off", time=10), *hits])])
    rng = np.random.default_rng(0)
    write_song(tmp_path / "song", midi, SOUNDFONT, duration_s=2.4, source="hits", machine=rng)
    truth = json.loads((tmp_path / "song" / "truth.json").read_text())
    assert 60 not in KEYS
    assert truth["onsets_s"]["drums"] == [0.5, 1.0, 2.0]
    drums = np.abs(np.load(tmp_path / "song" / "drums.npy").astype(float))
    for t_s in (0.5, 1.0, 2.0):
        at = round(t_s * SAMPLE_RATE)
        assert drums[at : at + 2000].max() > 5 * drums[at - 2000 : at].max()


def test_a_note_that_never_ends_is_cut_off():
    track = mido.MidiTrack(
        [mido.Message("note_on", note=60, velocity=100), mido.Message("note_on", note=64, time=4800)]
    )
    sounds = render_stems(mido.MidiFile(tracks=[track]), SOUNDFONT, duration_s=1.0)
    assert sounds["melody"].size == SAMPLE_RATE
    assert np.abs(sounds["melody"][-4410:]).max() > 300
    assert np.abs(sounds["drums"]).max() < 30  # FluidSynth's dither


def test_a_soundfont_that_is_none_is_named(tmp_path):
    broken = tmp_path / "broken.sf2"
    broken.write_bytes(b"no soundfont")
    midi = mido.MidiFile(tracks=[mido.MidiTrack([mido.Message("note_on", note=60)])])
    with pytest.raises(ConfigError, match=r"broken\.sf2"):
        render_stems(midi, broken, duration_s=0.5)
