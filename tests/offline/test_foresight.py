"""What knowing the song allows: nothing is late, glides begin before their hits, segments are those of the whole."""

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from avserver.analysis.knobs import Knobs
from avserver.audio.clicks import clicks
from avserver.audio.wav import write_wav
from avserver.config import Show, change
from avserver.frame_spec import FrameSpec
from avserver.offline.foresight import Foresight
from avserver.offline.segment_search import SegmentSearch
from avserver.offline.segments import find
from avserver.offline.song_show import SongShow
from avserver.offline.tempo_segment import WHOLE, Segment, since
from avserver.signals import LEAD_S, Onset, Signals
from tests.control.heard import heard

FPS = 25
# Onsets are placed up to 8 ms early: none is just behind a tick, nor behind one and a lead.
CLICKS_S = (1.025, 1.66, 2.39, 3.22)
PATCH = """
[[choir]]
name = "hits"
follows = "onsets"
onsets = ["mix.full"]
layers = [0.0, 1.0]
seeds = [1, 2, 3, 4, 5]
glide_s = {glide_s}

[[modulate]]
from = "mix.full.peaks"
to = "/output/opacity"
"""


@pytest.fixture
def song(tmp_path: Path) -> Path:
    path = tmp_path / "song.wav"
    write_wav(path, clicks(CLICKS_S, 4.03))
    return path


def decided(song: Path, tiny_model: Path, glide_s: float, *, live_like: bool = False) -> list[FrameSpec]:
    (song.parent / "patch.toml").write_text(PATCH.format(glide_s=glide_s))
    show = change(Show(), "model", path=str(tiny_model))
    show = change(show, "mapping", path=str(song.parent / "patch.toml"))
    show = change(show, "presets", path=str(song.parent / "presets"))
    show = change(show, "frame", fps=float(FPS))
    with SongShow(str(song), show, live_like=live_like) as played:
        return [shot.spec for shot in played.shots() if shot.spec]


def begins(specs: Sequence[FrameSpec]) -> list[int]:
    """Return the frames in which a seed is seen for the first time, but the first seed."""
    seen = [max(spec.latents[0].seeds) for spec in specs]
    return [index for index in range(1, len(seen)) if seen[index] > seen[index - 1]]


@pytest.mark.parametrize(("glide_s", "lead_s"), [(1.0, LEAD_S), (0.4, 0.2), (0.1, 0.05), (0.0, 0.0)])
def test_glides_begin_before_the_hit_and_are_half_way_at_most_when_it_comes(
    song: Path, tiny_model: Path, glide_s: float, lead_s: float
) -> None:
    specs = decided(song, tiny_model, glide_s)
    assert begins(specs) == [math.ceil((click - lead_s) * FPS) for click in CLICKS_S]
    late = decided(song, tiny_model, glide_s, live_like=True)
    assert all(index >= math.ceil(click * FPS) for index, click in zip(begins(late), CLICKS_S, strict=True))


def test_what_is_no_glide_waits_for_its_hit_and_comes_with_it(song: Path, tiny_model: Path) -> None:
    lit = [spec.index for spec in decided(song, tiny_model, 0.4) if spec.grade.opacity > 0]
    assert lit == [math.ceil(click * FPS) for click in CLICKS_S]


class Told:
    """Ears that are told of onsets a little late, and write down what they are asked."""

    LATE_S = 0.1

    def __init__(self, onsets_s: Sequence[float]) -> None:
        self._onsets = [Onset(t_s, "drums", "full", 0.5) for t_s in onsets_s]
        self._told = 0
        self.asked_s: list[float] = []

    def until(self, t_s: float, delay_s: float = 0.0) -> Signals:
        self.asked_s.append(t_s)
        known = [onset for onset in self._onsets if onset.t_s + self.LATE_S <= t_s]
        new, self._told = known[self._told :], len(known)
        chroma = np.eye(12)[int(t_s) % 12]
        return dataclasses.replace(heard(t_s), onsets=tuple(new), chroma=chroma, segment=7)

    def turn(self, knobs: Knobs) -> None:
        self.knobs = knobs


def test_every_onset_comes_once_in_the_first_frame_after_it_and_is_announced_for_the_lead() -> None:
    times_s = np.sort(np.random.default_rng(3).uniform(0, 9, 200))
    ears = Told(times_s)
    foresight = Foresight(ears, 24.0, [WHOLE])
    frames = [foresight.until(index / 24) for index in range(240)]
    assert ears.asked_s == [index / 24 for index in range(len(ears.asked_s))]
    assert [onset.t_s for frame in frames for onset in frame.onsets] == list(times_s)
    for index, frame in enumerate(frames):
        assert all((index - 1) / 24 < onset.t_s <= index / 24 for onset in frame.onsets)
        assert frame.ahead is not None
        coming = [onset.t_s for onset in frame.ahead.onsets]
        assert coming == [t_s for t_s in times_s if index / 24 < t_s <= index / 24 + LEAD_S]


def test_the_chroma_is_that_of_the_frame() -> None:
    foresight = Foresight(Told(()), 10.0, [WHOLE])
    heard = [int(foresight.until(index / 10).chroma.argmax()) for index in range(30)]
    assert heard == [int(index / 10 + 0.2 + 1e-9) for index in range(30)]


def test_segments_are_those_that_were_found_and_lead() -> None:
    found = [Segment(0.0, 100.0, 0.9, 0), Segment(2.0, 120.0, 0.8, 1), Segment(3.0, 100.0, 0.7, 0)]
    foresight = Foresight(Told(()), 10.0, found)
    frames = [foresight.until(index / 10, 0.5) for index in range(40)]
    assert [frame.segment for frame in frames] == [0] * 25 + [1] * 10 + [0] * 5
    assert [frame.ahead.segment for frame in frames if frame.ahead] == [0] * 23 + [1] * 10 + [0] * 7
    assert (frames[30].segment_s, frames[30].segment_confidence) == (2.5, 0.8)


def test_a_song_that_is_played_from_within_begins_in_the_segment_of_that_time() -> None:
    found = [Segment(0.0, 100.0, 0.9, 0), Segment(2.0, 120.0, 0.8, 1), Segment(3.0, 90.0, 0.7, 2)]
    assert since(found, 0.0) == found
    assert since(found, 2.5) == [Segment(0.0, 120.0, 0.8, 1), Segment(0.5, 90.0, 0.7, 2)]
    assert since(found, 9.0) == [Segment(0.0, 90.0, 0.7, 2)]


def test_a_process_of_its_own_finds_what_finding_finds(song: Path) -> None:
    with SegmentSearch(song, recurring=False) as search:
        assert search.segments() == find(song)
