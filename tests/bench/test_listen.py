"""The bench of listening."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from avserver.audio.clicks import clicks
from avserver.audio.wav import write_wav

CLICKS_S = [0.5 + 0.5 * n for n in range(24)]


def bench(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "avserver", "bench", "listen", "--json", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_it_tells_what_listening_costs_and_how_right_it_is(tmp_path: Path) -> None:
    (tmp_path / "song").mkdir()
    song = tmp_path / "song" / "mix.wav"
    write_wav(song, clicks(CLICKS_S, 13.0))
    (tmp_path / "song" / "truth.json").write_text(json.dumps({"onsets_s": {"drums": CLICKS_S}, "beats_s": CLICKS_S}))
    done = bench("--song", song, "--music", tmp_path)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    parts = figures["listening, us per hop"]
    assert 0 < parts["separation"] < parts["all"]
    assert figures["librosa, CPU s"]["librosa / avserver"] > 0
    assert figures["song/mix.wav"]["onset F"] == figures["medians"]["onset F"] == 1.0


def test_a_folder_without_a_truth_is_refused(tmp_path: Path) -> None:
    song = tmp_path / "clicks.wav"
    write_wav(song, clicks([0.1], 0.5))
    done = bench("--song", song, "--music", tmp_path)
    assert done.returncode == 2
    assert "truth.json" in done.stderr
