import json

import pytest

from avserver.errors import ConfigError
from avserver.listen.recording import Change, Recording, Told, ToldOnset
from avserver.listen.truth import compare, read_truth
from avserver.signals import Onset


def truth_file(tmp_path, **plain):
    path = tmp_path / "truth.json"
    path.write_text(json.dumps(plain))
    return path


def told(t_s, stem, band, late_s=0.02):
    return ToldOnset(Onset(t_s, stem, band, 1.0), t_s + late_s)


def test_onsets_of_all_instruments_are_those_of_any_stem(tmp_path):
    truth = read_truth(truth_file(tmp_path, onsets_s={"drums": [1.0, 2.0], "bass": [1.005, 3.0], "melody": []}))
    recording = Recording(0.01, onsets=[told(t_s, "mix", "full") for t_s in (1.01, 2.01, 2.5)])
    figures = compare(recording, truth)
    assert figures["onset F"] == pytest.approx(2 * 2 / 6)
    assert figures["onset latency, median ms"] == pytest.approx(30)
    assert figures["drums onset F"] == 0.0


def test_each_drum_has_its_band(tmp_path):
    notes = [[1.0, 9, 36, 90, "drums"], [2.0, 9, 38, 90, "drums"], [3.0, 9, 42, 90, "drums"], [1.0, 2, 36, 90, "bass"]]
    recording = Recording(
        0.01, onsets=[told(1.0, "drums", "low"), told(9.0, "drums", "mid"), told(3.0, "drums", "high")]
    )
    figures = compare(recording, read_truth(truth_file(tmp_path, notes=notes)))
    assert (figures["kick F"], figures["snare F"], figures["hat F"]) == (1.0, 0.0, 1.0)


def test_beats_after_the_last_true_one_do_not_count(tmp_path):
    truth = read_truth(truth_file(tmp_path, beats_s=[0.0, 0.5, 1.0]))
    recording = Recording(0.01, beats=[Told(t_s, t_s) for t_s in (0.0, 0.55, 1.0, 1.5)])
    assert compare(recording, truth)["beat F"] == 1.0


def test_changes_of_tempo_count_within_three_seconds(tmp_path):
    truth = read_truth(truth_file(tmp_path, changes=[[10.0, 120], [30.0, 90]]))
    figures = compare(Recording(0.01, segments=[Change(12.0, 14.5, 1), Change(36.0, 38.0, 2)]), truth)
    assert figures["segment F"] == 0.5
    assert figures["segment known after, median s"] == pytest.approx(4.5)


@pytest.mark.parametrize("text", ["", "[]", '{"beats_s": ["soon"]}', '{"notes": [[1.0]]}', '{"changes": 3}'])
def test_a_file_that_is_no_truth_is_named(tmp_path, text):
    path = tmp_path / "truth.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"truth\.json"):
        read_truth(path)
