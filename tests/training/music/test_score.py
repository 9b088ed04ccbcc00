import mido
import pytest

from avserver.training.music.score import read_score, stem_of


def song(*messages, ticks_per_beat=480):
    track = mido.MidiTrack(messages)
    return mido.MidiFile(ticks_per_beat=ticks_per_beat, tracks=[track])


def note(channel, pitch, length, wait=0):
    return (
        mido.Message("note_on", channel=channel, note=pitch, velocity=90, time=wait),
        mido.Message("note_off", channel=channel, note=pitch, time=length),
    )


def test_notes_beats_and_bars_follow_the_tempo():
    score = read_score(
        song(
            mido.MetaMessage("set_tempo", tempo=400_000),  # overrides the standard's at the same place
            mido.MetaMessage("time_signature", numerator=3, denominator=4),
            *note(9, 36, 480),
            mido.MetaMessage("set_tempo", tempo=1_000_000, time=480),
            *note(0, 60, 960),
        )
    )
    assert score.beats_s == pytest.approx([0.0, 0.4, 0.8, 1.8, 2.8])
    assert score.downbeats_s == pytest.approx([0.0, 1.8])
    assert [(n.t_s, n.stem, n.duration_s) for n in score.notes] == [
        (0.0, "drums", pytest.approx(0.4)),
        (pytest.approx(0.8), "melody", pytest.approx(2.0)),
    ]
    assert score.duration_s == pytest.approx(2.8)


def test_a_channel_is_the_bass_while_its_program_is_one():
    score = read_score(
        song(
            mido.Message("program_change", channel=3, program=33),
            *note(3, 40, 480),
            mido.Message("program_change", channel=3, program=0),
            *note(3, 40, 480),
        )
    )
    assert [n.stem for n in score.notes] == ["bass", "melody"]
    assert stem_of(9, 33) == "drums"


def test_the_truth_ends_where_it_is_cut_and_knows_each_onset_once():
    chord = (*note(0, 60, 0), *note(0, 64, 480))
    truth = read_score(song(*chord, *chord, *chord)).truth(0.9)
    assert truth["onsets_s"] == {"drums": [], "bass": [], "melody": [0.0, 0.5]}
    assert truth["duration_s"] == 0.9
    assert len(truth["notes"]) == 4
    assert truth["beats_s"] == [0.0, 0.5]
