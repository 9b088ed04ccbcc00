"""`avserver train` as a user meets it."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from avserver.cli import main
from avserver.frame_spec import FrameSpec, LatentTerm
from avserver.generator import backend, checkpoint
from avserver.generator.renderer import Renderer
from avserver.server_process import ServerProcess
from avserver.training.log import read_log
from avserver.training.painted import Painting, paint_dataset
from avserver.training.state import begin, exported, load_state
from tests.training import tiny_runs

QUICK = ("--batch", "4", "--look", "8", "--measure", "0", "--threads", "1")


@pytest.fixture(scope="module")
def paintings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("paintings") / "data"
    paint_dataset(folder, Painting(6, size_px=32, families=("folds",)), workers=1, say=lambda done: None)
    return folder


@pytest.fixture
def train(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., int]]:
    """The command in this process, without compiling anything, and without curves: both take longer than the rest."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    monkeypatch.setattr("avserver.training.trainer.curves", lambda log, picture: None)

    def run(*arguments: str | Path) -> int:
        with backend.eagerly():
            return main(["train", *map(str, arguments)])

    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of 8 px."""
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    recipe = tiny_runs.recipe()
    checkpoint.write(path, exported(recipe, begin(recipe)))
    return path


@pytest.fixture(scope="module")
def interrupted(paintings: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A run on from that model, which was ended by Ctrl-C after its second look, and what it printed."""
    run = tmp_path_factory.mktemp("runs") / "run"
    command = [sys.executable, "-m", "avserver", "train", str(paintings), "--out", str(run), *QUICK]
    command += ["--from", str(model), "--resolution", "8", "--symmetry", "square", "--seed", "5"]
    env = os.environ | {"XLA_FLAGS": "--xla_backend_optimization_level=0"}  # compiled sooner, which is most of the time
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        printed = []
        for line in process.stdout:
            printed.append(line)
            if line.startswith("8:"):
                process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0, printed
    return run, "".join(printed)


def test_ctrl_c_ends_a_run_with_a_state_and_a_model_that_plays(
    interrupted: tuple[Path, str], model: Path, tmp_path: Path
) -> None:
    run, printed = interrupted
    recipe, state = load_state(run / "state.safetensors")
    pictures = state.counts.pictures
    assert 8 <= pictures <= 24
    assert printed.endswith(f"{pictures} pictures learnt from; the model is {run / 'model.safetensors'}\n")
    before, after = checkpoint.read(model), checkpoint.read(run / "model.safetensors")
    assert (recipe.model, recipe.batch, recipe.symmetry, recipe.seed) == (before.config, 4, "square", 5)
    moved = np.abs(after.tensors["synthesis.b8.conv1.weight"] - before.tensors["synthesis.b8.conv1.weight"])
    assert 0 < moved.max() < 0.05
    with ServerProcess(["--model", str(run / "model.safetensors")], log=tmp_path / "server.log") as server:
        server.wait_until("playing")


def test_a_run_goes_on_and_its_model_still_plays(
    interrupted: tuple[Path, str], paintings: Path, train: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    run, _ = interrupted
    before, state = load_state(run / "state.safetensors")
    total = state.counts.pictures + 4
    assert train(paintings, "--out", run, "--resume", "--pictures", str(total), "--look", "8", "--measure", "0") == 0
    assert capsys.readouterr().out.endswith(f"{total} pictures learnt from; the model is {run / 'model.safetensors'}\n")
    recipe, after = load_state(run / "state.safetensors")
    assert recipe == before
    assert (after.counts.pictures, after.counts.step) == (total, state.counts.step + 1)
    pictures = read_log(run / "log.csv")["pictures"]
    assert (pictures[0], pictures[-1]) == (0, total)
    spec = FrameSpec(index=0, t_s=0.0, latents=(LatentTerm((0, recipe.model.num_ws), (1,), (1.0,)),))
    assert Renderer(run / "model.safetensors").render(spec).std() > 1


def test_a_run_goes_on_with_larger_pictures(
    interrupted: tuple[Path, str], paintings: Path, train: Callable[..., int], tmp_path: Path
) -> None:
    state = interrupted[0] / "state.safetensors"
    small, known = load_state(state)
    learnt = known.counts.pictures
    out = tmp_path / "larger"
    assert (
        train(paintings, "--out", out, "--from", state, *QUICK, "--freeze-d", "1", "--pictures", str(learnt + 4)) == 0
    )
    recipe, grown = load_state(out / "state.safetensors")
    assert (recipe.model.resolution, recipe.model.channel_base) == (32, small.model.channel_base)
    assert (recipe.discriminator_share, recipe.frozen) == (small.discriminator_share, 1)
    assert grown.counts.pictures == learnt + 4
    assert checkpoint.read(out / "model.safetensors").config.resolution == 32


def test_a_new_run_is_of_the_size_and_kind_that_was_asked_for(
    train: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tiny_runs.stored(tmp_path / "data", 4, 8)
    flags = ["--limited", "--gamma", "0.5", "--discriminator-share", "0.25", "--ada-target", "0.4"]
    assert train(data, "--out", tmp_path / "run", *QUICK, "--pictures", "4", *flags) == 0
    assert "0: augment_p 0" in capsys.readouterr().out
    recipe, _ = load_state(tmp_path / "run" / "state.safetensors")
    assert (recipe.model.resolution, recipe.model.channel_max, recipe.model.mapping_layers) == (8, 128, 3)
    assert (recipe.ada_pictures, recipe.r1_gamma) == (100_000, 0.5)
    assert (recipe.discriminator_share, recipe.ada_target) == (0.25, 0.4)


def test_what_is_broken_is_named_at_the_end(
    train: Callable[..., int], tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tiny_runs.stored(tmp_path / "data", 6, 16)
    shard = data / "shard-00000.tar"
    content = bytearray(shard.read_bytes())
    content[content.index(b"\x89PNG", content.index(b"00000002.png"))] = 0
    shard.write_bytes(content)
    assert train(data, "--out", tmp_path / "run", "--from", tiny_model, *QUICK, "--pictures", "4") == 0
    assert "passed over shard-00000.tar/00000002.png: is not a whole PNG" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--freeze-d", "1"], "it goes with --from and a run's state"),
        (["--resume"], "state.safetensors is not the state of a training run"),
        (["--resume", "--batch", "8"], "a run goes on by its own recipe, got batch with --resume"),
        (["--resume", "--limited"], "a run goes on by its own recipe, got limited with --resume"),
        (["--from", "MODEL", "--model-size", "small"], "--from decides the architecture and the size of the model"),
        (["--from", "MODEL", "--resolution", "8"], "a model of 16 px cannot become one of 8 px"),
        (["--from", "nowhere.safetensors"], "nowhere.safetensors"),
        (["--model-size", "smal"], "unknown model size 'smal', did you mean 'small'?"),
        (["--resolution", "64"], "have 32 px, got 64"),
        (["--resolution", "24"], "power of two"),
        (["--batch", "1"], "a batch is 2 to 4096 pictures, got 1"),
        (["--learning-rate", "0"], "a learning rate is above 0"),
        (["--symmetry", "miror"], "did you mean 'mirror'?"),
        (["--precision", "float16"], "unknown precision 'float16'"),
        (["--pictures", "0"], "at least one picture"),
        (["--threads", "0"], "--threads is a number from 1 to 1024, got 0"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    paintings: Path,
    tiny_model: Path,
    train: Callable[..., int],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    told: str,
) -> None:
    given = [str(tiny_model) if argument == "MODEL" else argument for argument in arguments]
    assert train(paintings, "--out", tmp_path / "run", *given) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("avserver: ")
    assert printed.err.count("\n") == 1
    assert told in printed.err


def test_other_folders_are_left_alone(
    paintings: Path, train: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    assert train(paintings, "--out", tmp_path) == 2
    assert "is there already: name a new folder, or go on with --resume" in capsys.readouterr().err
    assert train(tmp_path, "--out", tmp_path / "run") == 2
    assert "is not a dataset" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]
