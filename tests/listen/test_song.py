"""`avserver listen` as a user runs it, on the demo track and on sounds of a few seconds."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from avserver.analysis.analyser import Analyser
from avserver.audio.catalogue import open_source
from avserver.audio.clicks import clicks
from avserver.audio.wav import write_wav
from avserver.listen.recording import record

CLICKS_S = [0.5 + 0.5 * n for n in range(20)]


def listen(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "avserver", "listen", *map(str, arguments)], capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def song(tmp_path_factory):
    path = tmp_path_factory.mktemp("song") / "clicks.wav"
    write_wav(path, clicks(CLICKS_S, 11.0))
    return path


def test_everything_that_is_asked_for_is_written(song, tmp_path):
    truth, out, picture = tmp_path / "truth.json", tmp_path / "out.json", tmp_path / "out.png"
    truth.write_text(json.dumps({"onsets_s": {"drums": CLICKS_S}, "beats_s": CLICKS_S}))
    done = listen(song, "--truth", truth, "--json", out, "--plot", picture, "--stems", tmp_path / "stems")
    assert done.returncode == 0, done.stderr
    assert "onset F                          1.000" in done.stdout

    heard = json.loads(out.read_text())
    full = [onset for onset in heard["onsets"] if (onset["stem"], onset["band"]) == ("mix", "full")]
    np.testing.assert_allclose([onset["t_s"] for onset in full], CLICKS_S, atol=0.01)
    for onset in full:
        assert 0 < onset["emitted_s"] - onset["t_s"] < 0.05
        assert onset["emitted_s"] / heard["hop_s"] == pytest.approx(
            round(onset["emitted_s"] / heard["hop_s"]), abs=1e-2
        )
    hops = int(11.0 / heard["hop_s"])
    assert len(heard["chroma"]) == len(heard["chroma_t_s"]) == pytest.approx(hops, abs=1)
    np.testing.assert_allclose(np.sum(heard["chroma"], axis=1), 1, atol=2e-3)
    assert {"t_s", "hz", "confidence"} == set(heard["pitch"][0])
    assert heard["figures"]["onset F"] == 1.0

    with Image.open(picture) as image:
        assert image.size == (1920, 1350)
        assert np.unique(np.asarray(image.convert("L"))).size > 100
    assert {path.name for path in (tmp_path / "stems").iterdir()} == {"drums.wav", "bass.wav", "melody.wav"}


@pytest.mark.parametrize(
    ("option", "name", "reason"),
    [
        ("--json", "there.json", "--force writes over it"),
        ("--plot", "there.txt", ".png"),
        ("--truth", "missing.json", "missing.json"),
        ("--stems", "there.json", "there.json"),
    ],
)
def test_what_cannot_be_written_or_read_is_said_before_anything_is_heard(song, tmp_path, option, name, reason):
    (tmp_path / "there.json").write_text("{}")
    done = listen(song, option, tmp_path / name)
    assert done.returncode == 2
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_song_that_cannot_be_played_is_named(tmp_path):
    done = listen(tmp_path / "none.wav")
    assert done.returncode == 2
    assert "none.wav" in done.stderr


@pytest.mark.parametrize(
    "sound",
    {
        "silence": np.zeros(30_000, np.float32),
        "one sample": np.full(1, 0.5, np.float32),
        "direct current": np.full(30_000, 0.5, np.float32),
        "clipping": np.sign(np.sin(np.arange(30_000) / 20)).astype(np.float32),
        "noise": np.random.default_rng(0).uniform(-1, 1, 30_000).astype(np.float32),
    }.items(),
    ids=lambda sound: sound[0],
)
def test_whatever_the_sound_what_is_written_is_finite_and_in_range(tmp_path, sound):
    write_wav(tmp_path / "sound.wav", sound[1])
    done = listen(tmp_path / "sound.wav", "--json", tmp_path / "out.json", "--stems", tmp_path / "stems")
    assert done.returncode == 0, done.stderr
    heard = json.loads((tmp_path / "out.json").read_text(), parse_constant=pytest.fail)
    assert all(0 <= onset["strength"] <= 1 for onset in heard["onsets"])
    assert all(0 <= pitch["confidence"] <= 1 and pitch["hz"] >= 0 for pitch in heard["pitch"])
    assert len(heard["chroma"]) == len(heard["pitch"]) >= 1


def test_what_is_written_down_is_what_a_show_hears(song):
    """Hop by hop, as here, or frame by frame, as a show does: the same onsets and beats."""
    with open_source(str(song)) as source:
        recording = record(source, Analyser(source), 256 / 44_100)
    with open_source(str(song)) as source:
        analyser = Analyser(source)
        frames = [analyser.until(frame / 30) for frame in range(1, 331)]
    told = [onset for frame in frames for onset in frame.onsets]
    assert sorted((o.t_s, o.stem, o.band) for o in told) == sorted(
        (o.onset.t_s, o.onset.stem, o.onset.band) for o in recording.onsets
    )
