"""Takes become films: the same frames at their own settings, and what was meant at others."""

import dataclasses
import io
import itertools
from pathlib import Path

import numpy as np
import pytest

from avserver.audio.clicks import clicks
from avserver.audio.file import FileSource
from avserver.audio.overheard import Overheard
from avserver.audio.source import ArraySource
from avserver.audio.wav import write_wav
from avserver.config import Show, change
from avserver.errors import TakeError
from avserver.frame_spec import (
    Bend,
    Direction,
    Feedback,
    FrameSpec,
    Grade,
    LatentTerm,
    Mix,
    ModelShape,
    NoiseLevel,
)
from avserver.generator.role import Role
from avserver.offline.rendering import Rendering, render
from avserver.offline.shots import Shot
from avserver.offline.studio import Studio
from avserver.offline.take_show import TakeShow
from avserver.scene.noise import PHASE_PERIOD
from avserver.take.between import Shares, between
from avserver.take.decision import Decision, Song
from avserver.take.facts import as_it_was, facts_of
from avserver.take.reader import Take
from avserver.take.recast import fitted, recast
from avserver.take.sound import TakeSound
from avserver.take.writer import TakeWriter
from tests.outputs.films import read_back
from tests.take.performing import FPS, SIZE, decisions, nothing, settings, written

SECONDS, FIRST = 2.5, 7


def a_vj(tick: int) -> list[tuple[str, object]]:
    """Turn what a film has to obey."""
    return {
        12: [("/grade/hue", 90.0), ("/latent/truncation_psi", 0.6)],
        20: [("/output/freeze", True)],
        24: [("/output/opacity", 0.5)],
        28: [("/output/freeze", False)],
        34: [("/output/blackout", True)],
        38: [("/output/blackout", False), ("/output/opacity", 1.0)],
    }.get(tick, [])


@pytest.fixture(scope="module")
def kept(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Decision]]:
    path = tmp_path_factory.mktemp("take") / "a.take"
    return path, written(path, settings(tiny_model), SECONDS, a_vj, first=FIRST)


def played(path: Path, **frame: object) -> TakeShow:
    show = as_it_was(Show(), Take(path))
    return TakeShow(path, change(show, "frame", **frame))


def shots_of(made: list[Decision]) -> list[Shot]:
    """Return what was shown, by the rules of a live show."""
    shots, drawn_at = [], 1.0
    for made_of in made:
        drawn_at = drawn_at if made_of.spec is None else made_of.opacity
        gain = made_of.opacity / drawn_at
        shots.append(Shot(made_of.tick, made_of.role, made_of.spec, gain, made_of.blackout))
    return shots


def test_at_its_own_settings_a_take_is_what_was_shown(kept: tuple[Path, list[Decision]]) -> None:
    path, made = kept
    expected = shots_of(made)
    with played(path) as show:
        found = list(show.shots())
        assert show.size == SIZE
    assert [shot.tick.index for shot in found] == list(range(len(made)))
    assert [(shot.spec, shot.gain, shot.blackout) for shot in found] == [
        (shot.spec, shot.gain, shot.blackout) for shot in expected
    ]
    assert sum(shot.spec is None for shot in found) == 8
    with Studio(SIZE, wide="stretch") as studio:
        shown = [frame.pixels.tobytes() for frame in studio.frames(expected)]
        again = [frame.pixels.tobytes() for frame in studio.frames(found)]
    assert again == shown
    assert len(set(shown)) > 20


def test_at_twice_the_rate_what_was_decided_stays_and_what_is_new_lies_between(
    kept: tuple[Path, list[Decision]],
) -> None:
    path, made = kept
    with played(path, fps=2 * FPS) as show:
        shots = list(show.shots())
    assert len(shots) == 2 * len(made)
    assert [shot.spec for shot in shots[::2]] == [decision.spec for decision in made]
    for before, shot, after in zip(made, shots[1::2], made[1:], strict=False):
        if before.spec is None or after.spec is None:
            assert (shot.spec is None) == (before.spec is None)
            continue
        phases = [spec.noise[0].phase for spec in (before.spec, shot.spec, after.spec)]
        assert phases[1] == pytest.approx((phases[0] + phases[2]) / 2)
        for term in shot.spec.latents:
            assert sum(term.weights) == pytest.approx(1.0)


def test_one_second_of_three_at_another_rate_is_a_film_with_its_sound(
    kept: tuple[Path, list[Decision]], tmp_path: Path
) -> None:
    path, _ = kept
    show = change(as_it_was(Show(), Take(path)), "frame", fps=50.0, width_px=96, height_px=64)
    rendered = render(
        Rendering(song=str(path), output=tmp_path / "film.mp4", show=show, from_s=0.5, to_s=1.5), io.StringIO()
    )
    assert (rendered.frames, rendered.complete) == (50, True)
    seen = read_back(tmp_path / "film.mp4")
    assert seen.samples.size / seen.rate_hz == pytest.approx(1.0, abs=0.03)
    assert np.abs(seen.samples).max() > 0.05


HALF = Shares(0.5, 0.5)


def test_between_two_specs_numbers_go_straight_turns_the_shorter_way_and_choices_stay() -> None:
    before = FrameSpec(
        index=3,
        t_s=0.1,
        latents=(LatentTerm((0, 4), (1, 2), (0.25, 0.75)), LatentTerm((4, 6), (9,), (1.0,), "z")),
        truncation_psi=0.5,
        truncation_cutoff=3,
        directions=(Direction("sefa", 1, (0, 6), 2.0),),
        noise=(NoiseLevel(8, PHASE_PERIOD - 0.1, 0.5, 0.0),),
        bends=(Bend("b8", "displace", (0.1, 6.2)), Bend("b4", "rotate", (170.0,)), Bend("b4", "swirl", (700.0, 0.5))),
        grade=Grade(hue=170.0, contrast=1.0),
        feedback=Feedback(0.5, 1.0, 0.0),
        mix=Mix(0.0),
        strobe_safe=True,
    )
    after = dataclasses.replace(
        before,
        t_s=0.2,
        latents=(LatentTerm((0, 2), (2, 3), (0.75, 0.25)), LatentTerm((2, 6), (9,), (1.0,), "z")),
        truncation_psi=1.0,
        truncation_cutoff=None,
        directions=(),
        noise=(NoiseLevel(8, 0.3, 1.5, 1.0),),
        bends=(Bend("b8", "displace", (0.3, 0.2)), Bend("b4", "rotate", (-170.0,)), Bend("b4", "swirl", (-700.0, 0.5))),
        grade=Grade(hue=-170.0, contrast=2.0),
        mix=Mix(1.0, (2, 4)),
        strobe_safe=False,
    )
    found = between(before, after, HALF)
    assert found.latents == (
        LatentTerm((0, 2), (1, 2, 3), (0.125, 0.75, 0.125)),
        LatentTerm((2, 4), (1, 2), (0.125, 0.375)),
        LatentTerm((2, 4), (9,), (0.5,), "z"),
        LatentTerm((4, 6), (9,), (1.0,), "z"),
    )
    assert (found.truncation_psi, found.truncation_cutoff, found.strobe_safe) == (0.75, 3, True)
    assert found.directions == (Direction("sefa", 1, (0, 6), 1.0),)
    assert found.noise[0].phase == pytest.approx(0.1)
    assert (found.noise[0].strength, found.noise[0].grain) == (1.0, 0.5)
    displaced, rotated, swirled = (bend.values for bend in found.bends)
    assert displaced[0] == pytest.approx(0.2)
    assert np.cos(displaced[1] - 0.5 * (6.2 - 2 * np.pi + 0.2)) == pytest.approx(1.0)
    assert abs(rotated[0]) == pytest.approx(180.0)
    assert swirled[0] == pytest.approx(0.0)
    assert abs(found.grade.hue) == pytest.approx(180.0)
    assert (found.grade.contrast, found.mix) == (1.5, Mix(0.5, (2, 4)))
    assert between(before, after, Shares(0.0, 0.0)) == before
    assert between(before, after, Shares(1.0, 1.0)) == after


def test_what_a_hit_moves_waits_for_it_and_what_glides_does_not() -> None:
    shares = Shares.at(0.15, 0.1, 0.2, 0.16)
    assert shares.struck == 0.0
    assert shares.time == pytest.approx(0.5)
    shares = Shares.at(0.18, 0.1, 0.2, 0.16)
    assert shares.struck == pytest.approx(0.5)
    # A hit that was heard late, and none.
    for hit_s in (0.05, None):
        assert Shares.at(0.15, 0.1, 0.2, hit_s).struck == pytest.approx(0.5)


def test_trails_of_feedback_are_as_long_at_any_rate(tiny_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.take"
    written(path, settings(tiny_model), 0.5, lambda tick: [("/feedback/amount", 0.81)] if tick == 0 else [])
    last = {}
    for fps in (FPS, 2 * FPS):
        with played(path, fps=fps) as show:
            last[fps] = list(show.shots())[-1].spec.feedback.amount
    assert last[2 * FPS] == pytest.approx(last[FPS] ** 0.5)


def test_another_model_has_the_same_shares_of_its_layers_and_the_nearest_noise() -> None:
    small = Role("small", Path("a"), ModelShape(10, (4, 8, 16, 32, 64), ("b4", "b8")), pictures=(Path("ws.npz"),))
    large = Role("large", Path("b"), ModelShape(18, (4, 8, 16, 32, 64, 128, 256), ("b8",)))
    decided = FrameSpec(
        index=3,
        t_s=0.1,
        latents=(LatentTerm((0, 5), (1,), (1.0,)), LatentTerm((5, 10), (2**32,), (1.0,))),
        truncation_cutoff=5,
        directions=(Direction("sefa", 1, (0, 10), 2.0),),
        noise=tuple(NoiseLevel(px, 1.0, 0.5, px / 64) for px in small.shape.noise_resolutions),
        bends=(Bend("b4", "zoom", (0.5,)), Bend("b8", "zoom", (0.5,))),
        mix=Mix(0.5, (0, 5)),
    )
    found = recast(decided, small, large)
    assert [(term.layers, term.seeds) for term in found.latents] == [((0, 9), (1,)), ((9, 18), (0,))]
    assert (found.truncation_cutoff, found.directions[0].layers) == (9, (0, 18))
    assert [(level.resolution, level.grain) for level in found.noise] == [
        (4, 1 / 16),
        (8, 1 / 8),
        (16, 1 / 4),
        (32, 1 / 2),
        (64, 1.0),
        (128, 1.0),
        (256, 1.0),
    ]
    assert (found.bends, found.mix) == ((Bend("b8", "zoom", (0.5,)),), Mix())


def test_a_larger_model_draws_it_and_says_what_it_leaves_out(
    kept: tuple[Path, list[Decision]], caplog: pytest.LogCaptureFixture
) -> None:
    path, made = kept
    show = change(as_it_was(Show(), Take(path)), "model", path="default")
    with TakeShow(path, show) as take:
        shots = list(take.shots())
        assert take.opening.model.name == "default.safetensors"
    first = shots[0].spec
    assert first.latents[-1].layers[1] == take.opening.shape.num_ws
    assert [level.resolution for level in first.noise] == list(take.opening.shape.noise_resolutions)
    assert first.noise[0].phase == made[0].spec.noise[0].phase
    assert not caplog.records


def test_a_model_that_takes_over_fades_in(tiny_model: Path, tmp_path: Path) -> None:
    def selecting(tick: int) -> list[tuple[str, object]]:
        return {2: [("/model/fade_s", 0.5)], 5: [("/model/select", 1)]}.get(tick, [])

    show = change(settings(tiny_model), "model", also=("default",))
    made = written(tmp_path / "a.take", show, 1.0, selecting)
    with played(tmp_path / "a.take") as take:
        shots = list(take.shots())
    assert [shot.spec for shot in shots] == [decision.spec for decision in made]
    fading = [shot for shot in shots if shot.leaving]
    assert [shot.tick.index for shot in fading] == list(range(5, 15))
    assert [shot.leaving.share for shot in fading] == pytest.approx([0.1 * i for i in range(10)])
    old, new = made[4].role, made[5].role
    assert {(shot.role, shot.leaving.role) for shot in fading} == {(new, old)}
    # What is leaving is drawn as its own model draws what is played.
    left = fading[0].leaving.spec
    assert left == fitted(fading[0].spec, new, old)
    assert [level.resolution for level in left.noise] == list(old.shape.noise_resolutions)
    with Studio(SIZE, wide="stretch") as studio:
        frames = [frame.pixels.astype(int) for frame in studio.frames(shots)]
        alone = [
            frame.pixels for frame in studio.frames([dataclasses.replace(shots[5], role=old, spec=left, leaving=None)])
        ]
        np.testing.assert_array_equal(frames[5], alone[0])
    steps = [np.abs(after - before).mean() for before, after in itertools.pairwise(frames[4:16])]
    assert max(steps) < 0.5 * np.abs(frames[16] - frames[4]).mean()


class Played:
    """Sound that a show hears tick by tick, and a take of it."""

    def __init__(self, source: Overheard, path: Path, *, first: int) -> None:
        show = settings("default")
        self.source, self.first, self.heard = source, first, []
        self._some = next(decisions(show, 0.05))
        self.path = path
        self._writer = TakeWriter(path, facts_of(show, SIZE, source.sample_rate), source, overwrite=False)

    def tick(self, index: int) -> None:
        block = self.source.read(index / FPS)
        if index > self.first:
            self.heard.append(block)
        if index < self.first:
            return
        place = self.source.place()
        song = Song(place[0], self.source.samples_read, place[1]) if place else None
        tick = dataclasses.replace(self._some.tick, index=index, t_s=index / FPS)
        self._writer.write(dataclasses.replace(self._some, tick=tick, song=song))
        self._writer.flush()

    def end(self) -> tuple[np.ndarray, np.ndarray]:
        """Return what was heard, and what the take says was heard."""
        self._writer.finish(0)
        heard = np.concatenate(self.heard)
        with TakeSound(Take(self.path)) as sound:
            kept = np.concatenate([sound.read(0.013 * i) for i in range(1, 400)])
        return heard, kept[: heard.size]


def test_a_song_is_named_with_its_loops_and_jumps_and_sounds_as_it_did(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    write_wav(tmp_path / "song.wav", rng.uniform(-0.5, 0.5, 44_100).astype(np.float32))
    with Overheard(FileSource(tmp_path / "song.wav", loop=True)) as source:
        show = Played(source, tmp_path / "a.take", first=6)
        for index in range(70):
            if index == 40:
                source.seek(0.5)
            show.tick(index)
        heard, kept = show.end()
    assert len(Take(tmp_path / "a.take").songs) == 4
    assert np.array_equal(kept, heard)
    assert (tmp_path / "a.take").stat().st_size < 4000


def test_a_song_that_ends_is_followed_by_silence(tmp_path: Path) -> None:
    write_wav(tmp_path / "song.wav", np.full(44_100, 0.25, np.float32))
    with Overheard(FileSource(tmp_path / "song.wav")) as source:
        show = Played(source, tmp_path / "a.take", first=0)
        for index in range(50):
            show.tick(index)
        heard, kept = show.end()
    assert len(Take(tmp_path / "a.take").songs) == 1
    assert np.array_equal(kept, heard)
    assert kept[-1] == 0.0


def test_what_is_no_song_is_kept_as_it_was_heard(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    with Overheard(ArraySource(rng.uniform(-1, 1, 200_000))) as source:
        show = Played(source, tmp_path / "a.take", first=6)
        for index in range(70):
            show.tick(index)
        heard, kept = show.end()
    take = Take(tmp_path / "a.take")
    assert (take.songs, take.sound["codec"]) == ([], "flac")
    assert np.abs(kept - heard).max() <= 0.51 / 32767


@pytest.fixture
def of_a_song(tiny_model: Path, tmp_path: Path) -> Path:
    (tmp_path / "tiny.safetensors").write_bytes(tiny_model.read_bytes())
    write_wav(tmp_path / "song.wav", clicks([0.3], 0.6))
    show = settings(tmp_path / "tiny.safetensors", audio=str(tmp_path / "song.wav"))
    written(tmp_path / "a.take", show, 0.5)
    return tmp_path


def test_a_song_or_a_model_that_is_another_or_not_there_is_said_in_a_sentence(of_a_song: Path) -> None:
    take, song, model = of_a_song / "a.take", of_a_song / "song.wav", of_a_song / "tiny.safetensors"
    for file, other, missing in (
        (song, "song.wav is another song than the one that was heard", "song of .*a.take is not there"),
        (
            model,
            "tiny.safetensors is not what .*a.take was drawn with",
            "tiny.safetensors, which is not there; --model",
        ),
    ):
        content = file.read_bytes()
        file.write_bytes(content + b"\0")
        with pytest.raises(TakeError, match=other):
            played(take)
        file.unlink()
        with pytest.raises(TakeError, match=missing):
            played(take)
        file.write_bytes(content)
    # Without the sound nobody looks for the song, and one beside the take will do.
    song.unlink()
    silent = change(as_it_was(Show(), Take(take)), "recording", sound=False)
    with TakeShow(take, silent) as show:
        assert len(list(show.shots())) == 10
    (of_a_song / "elsewhere").mkdir()
    write_wav(of_a_song / "elsewhere" / "song.wav", clicks([0.3], 0.6))
    take.rename(of_a_song / "elsewhere" / "a.take")
    with played(of_a_song / "elsewhere" / "a.take") as show:
        assert len(list(show.shots())) == 10


def test_a_take_that_is_cut_off_plays_up_to_there_and_says_so(
    kept: tuple[Path, list[Decision]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, made = kept
    whole = path.read_bytes()
    (tmp_path / "cut.take").write_bytes(whole[: len(whole) * 2 // 3])
    with played(tmp_path / "cut.take") as show:
        shots = list(show.shots())
    assert 10 < len(shots) < len(made)
    assert [shot.spec for shot in shots] == [decision.spec for decision in made[: len(shots)]]
    assert "cut.take was cut off; there are " in caplog.text


def test_ticks_that_were_skipped_are_filled_in(tiny_model: Path, tmp_path: Path) -> None:
    show = settings(tiny_model)
    made = list(decisions(show, 0.6, nothing))
    writer = TakeWriter(tmp_path / "a.take", facts_of(show, SIZE, 44_100), None, overwrite=False)
    for decision in made:
        if decision.tick.index not in (4, 5):
            writer.write(decision)
    writer.finish(2)
    with played(tmp_path / "a.take") as take:
        shots = list(take.shots())
    expected = [decision.spec for decision in made]
    assert [shot.spec for i, shot in enumerate(shots) if i not in (4, 5)] == [*expected[:4], *expected[6:]]
    assert shots[4].spec.noise[0].phase == pytest.approx(expected[4].noise[0].phase)
