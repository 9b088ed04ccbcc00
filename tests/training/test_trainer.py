"""Whole runs, in real folders: tiny networks, which learn without being compiled, but for one that gets somewhere."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from avserver.errors import ConfigError, TrainingError
from avserver.generator import backend, checkpoint
from avserver.training.dataset import Dataset
from avserver.training.log import read_log
from avserver.training.painted import Painting, paint_dataset
from avserver.training.recipe import Recipe
from avserver.training.shards import shard_path
from avserver.training.state import State, begin, load_state
from avserver.training.trainer import COLUMNS, FIGURES, LOSSES, Rhythm, Trainer
from tests.training import tiny_runs

RECIPE = tiny_runs.recipe(ada_pictures=100)
SHORT = Rhythm(total=16, look=8, measure=0)  # four steps of four pictures
HALF = dataclasses.replace(SHORT, total=8)


@pytest.fixture
def uncompiled(monkeypatch: pytest.MonkeyPatch):
    """Neither compile steps nor draw curves: either takes longer than the steps of such a run."""
    monkeypatch.setattr("avserver.training.trainer.curves", lambda log, picture: None)
    with backend.eagerly():
        yield


@pytest.fixture(scope="module")
def blots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_runs.stored(tmp_path_factory.mktemp("blots") / "data", 8, 8)


def trainer(run: Path, data: Path, rhythm: Rhythm, state: State | None = None, **others: Any) -> Trainer:
    """A run that begins, or goes on from what is in its folder."""
    run.mkdir(exist_ok=True)
    recipe = RECIPE
    if state is None and (run / "state.safetensors").exists():
        recipe, state = load_state(run / "state.safetensors")
    return Trainer(run, recipe, state or begin(RECIPE), Dataset(data, recipe.model.resolution), rhythm, **others)


def kept(run: Path) -> dict[str, bytes]:
    return {name: (run / name).read_bytes() for name in ("state.safetensors", "model.safetensors")}


def rows(run: Path) -> dict[str, np.ndarray]:
    """The log, without what the clock says."""
    return {name: column for name, column in read_log(run / "log.csv").items() if name != "pictures_per_s"}


def at_pictures(count: int, act: Callable[[], object]) -> Callable[[int, float], None]:
    return lambda pictures, rate: act() if pictures == count else None


@dataclasses.dataclass
class Whole:
    """A run from beginning to end, and what it said."""

    folder: Path
    steps: list[int]
    reports: dict[int, dict[str, float]]


@pytest.fixture(scope="module")
def whole(blots: Path, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    run = Whole(tmp_path_factory.mktemp("whole") / "run", [], {})
    with backend.eagerly():
        trainer(
            run.folder,
            blots,
            SHORT,
            say=lambda pictures, rate: run.steps.append(pictures),
            report=lambda pictures, row: run.reports.update({pictures: dict(row)}),
        ).train()
    return run


def test_a_run_leaves_its_state_a_model_sheets_and_figures(whole: Whole, blots: Path) -> None:
    assert {path.name for path in whole.folder.iterdir()} == {
        *("state.safetensors", "model.safetensors", "log.csv", "curves.png"),
        *(f"seeds-{pictures:09d}.png" for pictures in (0, 8, 16)),
    }
    assert whole.steps == [4, 8, 12, 16]
    assert list(whole.reports) == [0, 8, 16]
    log = read_log(whole.folder / "log.csv")
    assert list(log) == ["pictures", *COLUMNS]
    assert log["pictures"].tolist() == [0, 8, 16]
    assert np.isfinite([log[name][1:] for name in LOSSES]).all()
    assert np.isnan([log[name] for name in FIGURES]).all()  # it was to measure nothing
    assert log["generator_loss"][2] == pytest.approx(whole.reports[16]["generator_loss"], rel=1e-6)
    _, state = load_state(whole.folder / "state.safetensors")
    counts = state.counts
    assert (counts.pictures, counts.step, counts.generator_steps, counts.discriminator_steps) == (16, 4, 6, 6)
    assert counts.dataset == Dataset(blots).fingerprint
    model = checkpoint.read(whole.folder / "model.safetensors")
    assert model.config == RECIPE.model
    np.testing.assert_array_equal(model.tensors["synthesis.b4.const"], state.average["synthesis.b4.const"])


def test_a_run_that_was_ended_goes_on_as_if_it_had_not(
    uncompiled: None, whole: Whole, blots: Path, tmp_path: Path
) -> None:
    trainer(tmp_path / "run", blots, HALF).train()
    half = (tmp_path / "run" / "state.safetensors").read_bytes()
    for _ in range(2):
        trainer(tmp_path / "run", blots, SHORT).train()
        assert kept(tmp_path / "run") == kept(whole.folder)
        expected = rows(whole.folder)
        for name, column in rows(tmp_path / "run").items():
            np.testing.assert_array_equal(column, expected[name], err_msg=name)
        # And as if it had been killed before it wrote a state again.
        (tmp_path / "run" / "state.safetensors").write_bytes(half)


def test_stop_ends_after_the_step_and_keeps_it(uncompiled: None, whole: Whole, blots: Path, tmp_path: Path) -> None:
    stops: list[Callable[[], None]] = []
    stopped = trainer(tmp_path / "run", blots, SHORT, say=at_pictures(4, lambda: [stop() for stop in stops]))
    stops.append(stopped.stop)
    stopped.train()
    assert load_state(tmp_path / "run" / "state.safetensors")[1].counts.pictures == 4
    trainer(tmp_path / "run", blots, SHORT).train()
    assert kept(tmp_path / "run") == kept(whole.folder)
    assert rows(tmp_path / "run")["pictures"].tolist() == [0, 4, 8, 16]


@pytest.mark.parametrize(
    ("network", "at", "expected"),
    [
        ("generator", 12, "generator_loss is nan in step 4, not a finite number"),
        ("discriminator", 8, "after step 2 .* tensors are not finite"),  # which no loss has seen
    ],
)
def test_numbers_that_are_none_end_the_run_and_are_not_kept(
    uncompiled: None, blots: Path, tmp_path: Path, network: str, at: int, expected: str
) -> None:
    state, before = begin(RECIPE), {}

    def poison() -> None:
        before.update(kept(tmp_path / "run"))
        params = getattr(state, network)["params"]
        params |= {name: np.full(np.shape(value), np.nan, np.float32) for name, value in params.items()}

    poisoned = trainer(tmp_path / "run", blots, SHORT, state, say=at_pictures(at, poison))
    with pytest.raises(TrainingError, match=expected) as raised:
        poisoned.train()
    assert str(tmp_path / "run" / "state.safetensors") in str(raised.value)
    assert kept(tmp_path / "run") == before
    assert (
        load_state(tmp_path / "run" / "state.safetensors")[1].counts.pictures == rows(tmp_path / "run")["pictures"][-1]
    )


def test_a_broken_picture_is_named_and_passed_over(uncompiled: None, tmp_path: Path) -> None:
    data = tiny_runs.stored(tmp_path / "data", 8, 8)
    shard = shard_path(data, 0)
    content = bytearray(shard.read_bytes())
    at = content.index(b"IDAT", content.index(b"00000005.png"))
    content[at + 8] ^= 0xFF
    shard.write_bytes(content)
    dataset = Dataset(data)
    (tmp_path / "run").mkdir()
    Trainer(tmp_path / "run", RECIPE, begin(RECIPE), dataset, SHORT).train()
    assert dataset.count == 8
    (skipped,) = dataset.skipped
    assert skipped.startswith("shard-00000.tar/00000005.png: ")
    assert load_state(tmp_path / "run" / "state.safetensors")[1].counts.pictures == 16


@pytest.mark.parametrize(("bias", "target", "expected"), [(50.0, 0.6, 0.16), (-50.0, 0.6, 0.0), (50.0, 0.0, 0.0)])
def test_augmentation_follows_how_sure_the_discriminator_is(
    uncompiled: None, blots: Path, tmp_path: Path, bias: float, target: float, expected: float
) -> None:
    recipe = dataclasses.replace(RECIPE, ada_target=target, r1_every=0, path_every=0)
    state = begin(recipe)
    state.discriminator["params"]["b4.out.bias"] = np.array([bias], np.float32)  # it takes all for real, or nothing
    rhythm = Rhythm(total=16, look=16, measure=0)
    Trainer(tmp_path, recipe, state, Dataset(blots), rhythm).train()
    log = rows(tmp_path)
    np.testing.assert_allclose(log["augment_p"], [0, expected], atol=1e-9)
    assert log["sign_real"][1] == np.sign(bias)


def test_coarse_layers_that_are_given_no_noise_learn_no_strength_of_it(
    uncompiled: None, blots: Path, tmp_path: Path
) -> None:
    recipe = dataclasses.replace(RECIPE, noise_from=8)
    Trainer(tmp_path, recipe, begin(recipe), Dataset(blots), Rhythm(total=8, look=8, measure=0)).train()
    params = load_state(tmp_path / "state.safetensors")[1].generator["params"]
    strengths = {name.split(".")[1]: float(param) for name, param in params.items() if name.endswith("noise_strength")}
    assert strengths["b4"] == 0
    assert strengths["b8"] != 0


def test_pictures_are_turned_as_their_kind_allows(blots: Path, tmp_path: Path) -> None:
    dataset, ways = Dataset(blots), {}
    pixels = dataset.pictures(range(8)).astype(np.float32) / 127.5 - 1
    turns = [lambda x, way=way: np.rot90(x[:, ::-1] if way % 2 else x, way // 2) for way in range(8)]
    for symmetry in ("none", "mirror", "square"):
        (run := tmp_path / symmetry).mkdir()
        recipe = dataclasses.replace(RECIPE, symmetry=symmetry, batch=256)
        real = Trainer(run, recipe, begin(recipe), dataset, SHORT)._real(np.random.default_rng(1))
        assert real.dtype == np.float32
        known = {turn(picture).tobytes(): way for picture in pixels for way, turn in reversed(list(enumerate(turns)))}
        ways[symmetry] = {known[picture.tobytes()] for picture in real}
    assert ways == {"none": {0}, "mirror": {0, 1}, "square": set(range(8))}


@pytest.mark.parametrize(
    ("wrong", "got"),
    [({"total": 0}, "at least one picture"), ({"look": 0}, "at least one picture"), ({"measured": 9}, "got 9")],
)
def test_a_rhythm_that_cannot_be_is_refused(wrong: dict[str, int], got: str) -> None:
    with pytest.raises(ConfigError, match=got):
        Rhythm(**{"total": 100} | wrong)


def test_data_that_does_not_fit_is_refused(blots: Path, tmp_path: Path) -> None:
    recipe = tiny_runs.recipe(resolution=16)
    with pytest.raises(ConfigError, match="the model has 16 px, the dataset 8"):
        Trainer(tmp_path, recipe, begin(recipe), Dataset(blots), SHORT)
    # Pictures of 8 px are too small to be measured, and three of them too few.
    for size, count, data in ((8, 8, blots), (16, 3, tiny_runs.stored(tmp_path / "few", 3, 16))):
        recipe = tiny_runs.recipe(resolution=size)
        with pytest.raises(ConfigError, match=f"4 pictures of 16 px at least, got {count} of {size} px"):
            Trainer(tmp_path, recipe, begin(recipe), Dataset(data), Rhythm(total=4))


@pytest.mark.slow
def test_a_run_comes_nearer_to_what_was_painted(tmp_path: Path) -> None:
    painting = Painting(128, size_px=16, families=("folds", "contours"))
    paint_dataset(tmp_path / "data", painting, workers=1, say=lambda done: None)
    model = dataclasses.replace(tiny_runs.MODEL, resolution=16, z_dim=16, w_dim=16, channel_base=256, channel_max=16)
    # What would be compiled besides, and not be seen in so few steps, is left out.
    recipe = Recipe(model=model, batch=16, learning_rate=0.005, r1_every=0, path_every=0, average_pictures=300)
    (tmp_path / "run").mkdir()
    rhythm = Rhythm(total=2400, look=2400, measure=2400)
    Trainer(tmp_path / "run", recipe, begin(recipe), Dataset(tmp_path / "data"), rhythm).train()
    log = read_log(tmp_path / "run" / "log.csv")
    assert np.isfinite([log[name] for name in FIGURES]).all()
    for name in ("sliced_wasserstein", "frechet"):
        before, after = log[name]
        assert after < 0.75 * before, name  # about half
    assert (tmp_path / "run" / "worst.png").exists()
