"""`avserver train`: a model of one's own pictures."""

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avserver.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from avserver.training.recipe import Recipe
    from avserver.training.state import State
    from avserver.training.trainer import Trainer

_FEW_PICTURES = 100_000  # --limited: so many are augmented from never to always, not half a million


def add_train(parser: argparse.ArgumentParser) -> None:
    """Give `avserver train` its flags. Those of the recipe have no defaults here: a resumed run has its own."""
    parser.add_argument("dataset", type=Path, metavar="DATASET", help="a folder that `avserver dataset` made")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="RUN", help="the folder of the run")
    parser.add_argument("--resume", action="store_true", help="go on where the run in RUN was stopped")
    parser.add_argument(
        "--from", dest="begin_with", type=Path, metavar="FILE", help="train on from this model or state"
    )
    parser.add_argument("--pictures", type=int, default=1_000_000, metavar="N", help="learn from so many (1000000)")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, metavar="N", help="of the CPU (all)")
    together = parser.add_argument_group("several machines (with KERAS_BACKEND=jax; GPUs of one are all used anyway)")
    together.add_argument("--coordinator", metavar="HOST:PORT", help="where the first machine is reached")
    together.add_argument("--machines", type=int, default=1, metavar="N", help="how many there are (1)")
    together.add_argument("--machine", type=int, default=0, metavar="I", help="which one this is, from 0")
    rhythm = parser.add_argument_group("what is written meanwhile")
    rhythm.add_argument("--look", type=int, default=10_000, metavar="N", help="pictures between checkpoints (10000)")
    rhythm.add_argument("--measure", type=int, default=50_000, metavar="N", help="between metrics; 0: none (50000)")
    recipe = parser.add_argument_group("the recipe")
    recipe.add_argument("--architecture", choices=("stylegan2", "stylegan3-t", "stylegan3-r"), help="(stylegan2)")
    recipe.add_argument("--model-size", metavar="NAME", help="small, medium, large or full (small)")
    recipe.add_argument("--resolution", type=int, metavar="PX", help="a power of two (the dataset's)")
    recipe.add_argument("--batch", type=int, metavar="N", help="pictures in a step (32)")
    recipe.add_argument("--learning-rate", type=float, metavar="X", help="of both networks (0.002)")
    recipe.add_argument("--gamma", dest="r1_gamma", type=float, metavar="X", help="weight of R1 (by resolution)")
    recipe.add_argument("--symmetry", metavar="NAME", help="how pictures may be turned: none, mirror, square (mirror)")
    recipe.add_argument("--noise-from", type=int, metavar="PX", help="layers coarser than this are given no noise (4)")
    recipe.add_argument("--ada-target", type=float, metavar="X", help="0 for no augmentation (0.6)")
    recipe.add_argument("--limited", action="store_true", help="few pictures: augmentation comes five times as fast")
    recipe.add_argument("--freeze-d", dest="frozen", type=int, metavar="N", help="finest blocks of D that stay (0)")
    recipe.add_argument("--discriminator-share", type=float, metavar="X", help="of the generator's channels (1)")
    recipe.add_argument("--precision", metavar="NAME", help="float32 or bfloat16 (what is fast here)")
    recipe.add_argument("--seed", type=int, metavar="S", help="of all randomness (0)")
    parser.set_defaults(run=_train)


_RECIPE = (
    "batch",
    "learning_rate",
    "r1_gamma",
    "symmetry",
    "noise_from",
    "ada_target",
    "frozen",
    "discriminator_share",
    "precision",
    "seed",
)
_MODEL = ("architecture", "model_size", "resolution")


def _train(arguments: argparse.Namespace) -> int:
    from avserver.generator import backend
    from avserver.progress import Progress
    from avserver.training import devices
    from avserver.training.dataset import Dataset
    from avserver.training.trainer import MODEL, Rhythm, Trainer

    if not 1 <= arguments.threads <= 1024:
        raise ConfigError(f"--threads is a number from 1 to 1024, got {arguments.threads}")
    rhythm = Rhythm(total=arguments.pictures, look=arguments.look, measure=arguments.measure)
    backend.start(arguments.threads)
    if arguments.coordinator:
        devices.join(arguments.coordinator, arguments.machines, arguments.machine)
    elif arguments.machines != 1:
        raise ConfigError("several machines meet at a --coordinator, got none")
    recipe, state = _resumed(arguments) if arguments.resume else _begun(arguments)
    dataset = Dataset(arguments.dataset, recipe.model.resolution)
    if not arguments.resume:
        _make_folder(arguments.out)
    if state.counts.dataset not in ("", dataset.fingerprint):
        print("the dataset is not the one that was learnt from before", file=sys.stderr)
    begun_at = state.counts.pictures
    with Progress(max(rhythm.total - begun_at, 1), sys.stderr) as progress:
        trainer = Trainer(
            arguments.out,
            recipe,
            state,
            dataset,
            rhythm,
            say=lambda pictures, rate: progress.show(pictures - begun_at, f"{rate:.1f} pictures/s"),
            report=_report,
        )
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: _stop(trainer))
        trainer.train()
    for name in dataset.skipped:
        print(f"passed over {name}", file=sys.stderr)
    print(f"{state.counts.pictures} pictures learnt from; the model is {arguments.out / MODEL}")
    return 0


def _stop(trainer: "Trainer") -> None:
    trainer.stop()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # pressed again, it does not wait for the step


def _report(pictures: int, row: "Mapping[str, float]") -> None:
    told = ", ".join(f"{name} {value:.4g}" for name, value in row.items())
    print(f"{pictures}: {told}", flush=True)


def _resumed(arguments: argparse.Namespace) -> "tuple[Recipe, State]":
    from avserver.training.state import load_state
    from avserver.training.trainer import STATE

    given = [name for name in (*_RECIPE, *_MODEL, "begin_with") if getattr(arguments, name) is not None]
    if given or arguments.limited:
        raise ConfigError(f"a run goes on by its own recipe, got {', '.join(given) or 'limited'} with --resume")
    return load_state(arguments.out / STATE)


def _begun(arguments: argparse.Namespace) -> "tuple[Recipe, State]":
    from dataclasses import replace

    from avserver.generator import backend, checkpoint
    from avserver.training.dataset import Dataset
    from avserver.training.recipe import Recipe, model_of_size
    from avserver.training.state import begin, grown, is_state, load_state

    resolution = arguments.resolution or Dataset(arguments.dataset).size_px
    settings: dict[str, Any] = {
        name: getattr(arguments, name) for name in _RECIPE if getattr(arguments, name) is not None
    }
    settings.setdefault("precision", backend.default_precision())
    if arguments.limited:
        settings["ada_pictures"] = _FEW_PICTURES
    source: Path | None = arguments.begin_with
    if settings.get("frozen") and (source is None or not is_state(source)):
        raise ConfigError("--freeze-d keeps what a discriminator has learnt: it goes with --from and a run's state")
    if source is None:
        size, architecture = arguments.model_size or "small", arguments.architecture or "stylegan2"
        recipe = Recipe.of(model_of_size(size, resolution, architecture), **settings)
        state = begin(recipe)
    else:
        if arguments.architecture or arguments.model_size:
            raise ConfigError("--from decides the architecture and the size of the model, got both")
        if is_state(source):
            before, known = load_state(source)
            settings.setdefault("discriminator_share", before.discriminator_share)
            recipe = Recipe.of(replace(before.model, resolution=resolution), **settings)
            state = grown(known, before, recipe)
        else:
            model = checkpoint.read(source)
            recipe = Recipe.of(replace(model.config, resolution=resolution), **settings)
            state = begin(recipe, model)
    return recipe, state


def _make_folder(run: Path) -> None:
    if run.exists() and (not run.is_dir() or any(run.iterdir())):
        raise ConfigError(f"{run} is there already: name a new folder, or go on with --resume")
    try:
        run.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise ConfigError(f"cannot make the folder {run}: {err.strerror}") from err
