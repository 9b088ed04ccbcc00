import subprocess
import sys

import numpy as np
import pytest

from avserver.audio.catalogue import DEMO_FILE, open_source
from avserver.audio.demo_score import STEM_OF, notes, truth
from avserver.audio.demo_track import render, write
from avserver.audio.file import FileSource


@pytest.fixture(scope="module")
def track():
    return render()


def test_the_truth_follows_from_the_score():
    known = truth()
    assert 45 <= known.duration_s <= 60
    assert [bpm for _, bpm in known.tempi] == [100, 128, 90]
    assert known.tempi[1][0] == pytest.approx(8 * 4 * 0.6)  # eight bars at 100 bpm
    assert set(known.onsets_s) == {*STEM_OF, "drums", "bass", "melody", "mix"}
    for times in known.onsets_s.values():
        assert list(times) == sorted(set(times))
        assert times[0] >= 0
        assert times[-1] < known.duration_s
        assert set(times) <= set(known.onsets_s["mix"])
    gaps = np.diff(known.beats_s)
    assert set(np.round(60 / gaps).astype(int)) == {100, 128, 90}
    assert all(0 < note.velocity <= 1 for note in notes())


def test_the_packaged_track_is_what_the_score_renders(track):
    with open_source("demo") as source:
        packaged = source.read(truth().duration_s)
        rest = source.read(truth().duration_s + 1)
    assert packaged.size == track.size
    assert np.corrcoef(packaged, track)[0, 1] > 0.99
    assert source.ended
    assert np.abs(rest).max() < 1e-3
    assert DEMO_FILE.stat().st_size < 900_000


def test_it_has_quiet_and_loud_parts_and_clean_ends(track):
    per_second = track[: 57 * 44_100].reshape(57, 44_100)
    level_db = 10 * np.log10((per_second**2).mean(axis=1))
    assert level_db[:8].mean() < -20
    assert level_db[22:30].mean() > -12
    assert np.abs(track).max() == pytest.approx(0.9, abs=1e-3)
    assert abs(track[0]) < 1e-3
    assert np.abs(track[-20:]).max() < 0.01


def test_another_process_renders_the_same_track(track, tmp_path):
    out = tmp_path / "demo.wav"
    subprocess.run([sys.executable, "-m", "avserver.audio.demo_track", str(out)], check=True)
    with FileSource(out) as source:
        np.testing.assert_allclose(source.read(truth().duration_s), track, atol=1 / 32_000)


def test_another_seed_is_another_drummer(track):
    other = render(seed=2)
    assert 0.9 < np.corrcoef(other, track)[0, 1] < 0.999


def test_a_name_that_says_no_format_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"allowed endings are \.ogg and \.wav"):
        write(tmp_path / "demo.mp3", np.zeros(10, np.float32))
