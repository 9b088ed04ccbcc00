"""A training run: steps, and now and then a look at what it draws, its figures, and a checkpoint.

A run is a folder:

- `state.safetensors`: all that it takes to go on; the one before stays until the new one is whole;
- `model.safetensors`: the averaged generator, a model to play;
- `seeds-<pictures>.png`: the same seeds, again and again; `worst.png`: the seeds that look least like the dataset;
- `log.csv`, `curves.png`: figures by the number of pictures learnt from.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from avserver.errors import ConfigError, TrainingError
from avserver.frame_spec import z_of_seed
from avserver.generator import backend, checkpoint
from avserver.training import devices, metrics
from avserver.training.augment import Adaptive, draw
from avserver.training.dataset import Dataset
from avserver.training.learner import PATH_SHARE, Learner
from avserver.training.log import Log
from avserver.training.recipe import SYMMETRIES, Recipe
from avserver.training.sheets import curves, sheet
from avserver.training.state import State, discriminator_of, exported, save_state

Array = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]

STATE, MODEL, LOG = "state.safetensors", "model.safetensors", "log.csv"
LOSSES = (
    "generator_loss",
    "discriminator_loss",
    "score_real",
    "score_made",
    "sign_real",
    "r1_penalty",
    "path_penalty",
)
FIGURES = ("sliced_wasserstein", "precision", "recall", "frechet", "diversity")
COLUMNS = (*LOSSES, "augment_p", "pictures_per_s", *FIGURES)
GRID = 64  # seeds that are drawn again and again
DRAWN_AT_ONCE = 16
FEWEST = 4  # pictures that can be measured: each has a third nearest
AVERAGE_RAMP = 0.05  # the averaged generator looks back over this share of the run at most


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When a run does what, in pictures.

    Attributes:
        total: when it ends.
        look: between two rows of the log, with a sheet and a checkpoint.
        measure: between two measurements of what is drawn; 0 for none.
        measured: pictures, real and drawn, of a measurement.
    """

    total: int
    look: int = 10_000
    measure: int = 50_000
    measured: int = 1000

    def __post_init__(self) -> None:
        if min(self.total, self.look) < 1 or self.measure < 0:
            raise ConfigError("a run has at least one picture, and looks at what it draws after at least one")
        if not 10 <= self.measured <= 50_000:
            raise ConfigError(f"10 to 50000 pictures are measured, got {self.measured}")


class Trainer:
    """Trains in a folder.

    Args:
        run: the folder, there already.
        recipe, state: what to do, and where to begin.
        dataset: of pictures of the model's resolution.
        rhythm: when to look, and when to end.
        say: told after each step how many pictures there were, and how many a second since the last look.
        report: told what is written into the log.
        clock: the time (s).
    """

    def __init__(
        self,
        run: Path,
        recipe: Recipe,
        state: State,
        dataset: Dataset,
        rhythm: Rhythm,
        *,
        say: Callable[[int, float], None] = lambda pictures, rate: None,
        report: Callable[[int, Mapping[str, float]], None] = lambda pictures, row: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if dataset.size_px != recipe.model.resolution:
            raise ConfigError(f"the model has {recipe.model.resolution} px, the dataset {dataset.size_px}")
        if rhythm.measure and (dataset.count < FEWEST or dataset.size_px < metrics.COARSEST_PX):
            got = f"{dataset.count} of {dataset.size_px} px"
            raise ConfigError(
                f"metrics (measure 0: none) need {FEWEST} pictures of {metrics.COARSEST_PX} px at least, got {got}"
            )
        self._run, self._recipe, self._state, self._dataset, self._rhythm = run, recipe, state, dataset, rhythm
        self._say, self._report, self._clock = say, report, clock
        state.counts.dataset = dataset.fingerprint
        self._learner = Learner(recipe, discriminator_of(recipe), state.buffers)
        self._adaptive = Adaptive(target=recipe.ada_target, ramp_pictures=recipe.ada_pictures)
        self._log: Log | None = None  # of several machines, the first one writes
        if devices.is_first():
            resumed_at = state.counts.pictures if (run / LOG).exists() else None
            self._log = Log(run / LOG, COLUMNS, resumed_at=resumed_at)
        self._told: dict[str, list[float]] = {}
        self._stopping = False

    def stop(self) -> None:
        """End after the step that is being taken; safe to call from a signal's handler."""
        self._stopping = True

    def train(self) -> None:
        """Learn until there were as many pictures as the rhythm says, or `stop` was called; the last state is kept.

        Raises TrainingError if the networks no longer are finite numbers.
        """
        counts, rhythm = self._state.counts, self._rhythm
        if not (self._run / STATE).exists():
            self._look(0.0)
        looked_s, looked_at = self._clock(), counts.pictures
        while counts.pictures < rhythm.total and not self._stopping:
            self.step()
            rate = (counts.pictures - looked_at) / max(self._clock() - looked_s, 1e-9)
            self._say(counts.pictures, rate)
            if counts.pictures // rhythm.look > looked_at // rhythm.look:
                self._look(rate)
                looked_s, looked_at = self._clock(), counts.pictures
        if counts.pictures > looked_at:
            self._look((counts.pictures - looked_at) / max(self._clock() - looked_s, 1e-9))

    def step(self) -> None:
        """Learn from one batch. Raises TrainingError if a loss is not finite."""
        recipe, state, counts = self._recipe, self._state, self._state.counts
        counts.step += 1
        # A generator of random numbers for each step: a run that is resumed draws what it would have drawn.
        rng = np.random.default_rng((recipe.seed, 2, counts.step))
        drawn = devices.spread(self._latents(rng))
        real = devices.spread(self._real(rng))
        augmented = [devices.spread(self._augmented(rng)) for _ in range(3)]

        counts.generator_steps += 1
        state.generator, made, told = self._learner.generator_step(
            state.generator, state.discriminator["params"], _number(counts.generator_steps), drawn, augmented[0]
        )
        self._tell(told)
        if recipe.path_every and counts.step % recipe.path_every == 0:
            self._even_paths(rng)
        counts.discriminator_steps += 1
        state.discriminator, told = self._learner.discriminator_step(
            state.discriminator, _number(counts.discriminator_steps), real, made, augmented[1], augmented[2]
        )
        sign = self._tell(told)["sign_real"]
        if recipe.r1_every and counts.step % recipe.r1_every == 0:
            counts.discriminator_steps += 1
            state.discriminator, told = self._learner.r1_step(
                state.discriminator, _number(counts.discriminator_steps), real, augmented[1]
            )
            self._tell(told)
        counts.pictures += recipe.batch
        if recipe.ada_target:
            counts.augment_p = self._adaptive.moved(counts.augment_p, sign, recipe.batch)
        half_life = min(recipe.half_life, counts.pictures * AVERAGE_RAMP)
        kept = 0.5 ** (recipe.batch / max(half_life, 1e-8))
        state.average = self._learner.averaged(state.average, state.generator["params"], _number(kept))

    def _even_paths(self, rng: np.random.Generator) -> None:
        recipe, state, counts = self._recipe, self._state, self._state.counts
        size = recipe.model.resolution
        direction = rng.standard_normal((max(recipe.batch // PATH_SHARE, 1), size, size, 3), np.float32)
        counts.generator_steps += 1
        state.generator, length, told = self._learner.path_step(
            state.generator,
            _number(counts.path_length),
            _number(counts.generator_steps),
            devices.spread(self._latents(rng)),
            devices.spread(direction),
        )
        counts.path_length = float(backend.to_numpy(length))
        self._tell(told)

    def _tell(self, told: dict[str, Any]) -> dict[str, float]:
        """Keep what a step says for the log. Raises TrainingError for what is not finite."""
        values = {name: float(backend.to_numpy(value)) for name, value in told.items()}
        for name, value in values.items():
            if not np.isfinite(value):
                kept = f"{self._run / STATE} has the last that was"
                raise TrainingError(f"{name} is {value} in step {self._state.counts.step}, not a finite number; {kept}")
            self._told.setdefault(name, []).append(value)
        return values

    def _latents(self, rng: np.random.Generator) -> dict[str, Array]:
        """Return the generator's random choices: z, which w of two each layer takes, and noise by layer."""
        model, count = self._recipe.model, self._recipe.batch
        z, z_mixed = rng.standard_normal((2, count, model.z_dim), np.float32)
        first = np.where(
            rng.random(count) < self._recipe.style_mixing, rng.integers(1, model.num_ws, count), model.num_ws
        )
        mixed = (np.arange(model.num_ws) >= first[:, None]).astype(np.float32)
        drawn = {"z": z, "z_mixed": z_mixed, "mixed": mixed}
        for name in self._state.buffers:
            shape = (count, *self._state.buffers[name].shape)
            if name.endswith(".noise_const") and shape[1] >= self._recipe.noise_from:
                drawn[name.removesuffix(".noise_const")] = rng.standard_normal(shape, np.float32)
        return drawn

    def _real(self, rng: np.random.Generator) -> Array:
        """Return pictures of the dataset, (n, R, R, 3) in [-1, 1], each turned in one of the ways it may be."""
        numbers = rng.integers(self._dataset.count, size=self._recipe.batch)
        ways = rng.integers(SYMMETRIES[self._recipe.symmetry], size=self._recipe.batch)
        turned = [
            np.rot90(picture[:, ::-1] if way % 2 else picture, way // 2)
            for picture, way in zip(self._dataset.pictures(numbers), ways, strict=True)
        ]
        return np.stack(turned).astype(np.float32) / np.float32(127.5) - 1

    def _augmented(self, rng: np.random.Generator) -> dict[str, Array]:
        return draw(rng, self._recipe.batch, self._recipe.model.resolution, self._state.counts.augment_p)

    def _look(self, rate: float) -> None:
        """Write down where the run is, and what it draws."""
        counts, run = self._state.counts, self._run
        row = {name: float(np.mean(values)) for name, values in self._told.items()}
        self._told = {}
        if self._log is None:
            return
        row |= {"augment_p": counts.augment_p, "pictures_per_s": rate}
        measure = self._rhythm.measure
        if measure and (counts.pictures // measure > (counts.pictures - self._rhythm.look) // measure):
            row |= self._measured()
        try:
            save_state(run / STATE, self._recipe, self._settled())
        except checkpoint.ModelError as err:
            raise TrainingError(f"after step {counts.step} {err}; {run / STATE} is of before") from err
        checkpoint.write(run / MODEL, exported(self._recipe, self._state))
        sheet(self.drawn(GRID)).save(run / f"seeds-{counts.pictures:09d}.png")
        self._log.add(counts.pictures, row)
        curves(run / LOG, run / "curves.png")
        self._report(counts.pictures, row)

    def _settled(self) -> State:
        """Return the state in numpy's arrays."""
        state = self._state
        state.generator, state.discriminator = (
            {part: {name: backend.to_numpy(value) for name, value in held.items()} for part, held in network.items()}
            for network in (state.generator, state.discriminator)
        )
        state.average = {name: backend.to_numpy(value) for name, value in state.average.items()}
        return state

    def drawn(self, count: int) -> Pixels:
        """Return the pictures of the seeds 0, 1, …, by the averaged generator: (count, R, R, 3) RGB."""
        z = np.concatenate([z_of_seed(seed, self._recipe.model.z_dim) for seed in range(count)])
        z = np.resize(z, (-(-count // DRAWN_AT_ONCE) * DRAWN_AT_ONCE, z.shape[1])).astype(np.float32)
        images = [
            backend.to_numpy(self._learner.pictures(self._state.average, z[at : at + DRAWN_AT_ONCE]))
            for at in range(0, len(z), DRAWN_AT_ONCE)
        ]
        return np.clip(np.concatenate(images)[:count] * 127.5 + 128, 0, 255).astype(np.uint8)

    def _measured(self) -> dict[str, float]:
        count = min(self._rhythm.measured, self._dataset.count)
        # Always the same pictures, so that figures may be compared.
        real = self._dataset.pictures(np.random.default_rng(0).permutation(self._dataset.count)[:count])
        made = self.drawn(count)
        of_real, of_made = metrics.features(real), metrics.features(made)
        precision, recall = metrics.precision_recall(of_real, of_made)
        worst = metrics.worst(metrics.realism(of_real, of_made))
        captions = [str(seed) for seed in worst]
        sheet(made[worst], captions=captions).save(self._run / "worst.png")
        return {
            "sliced_wasserstein": float(np.mean(list(metrics.sliced_wasserstein(real, made).values()))),
            "precision": precision,
            "recall": recall,
            "frechet": metrics.frechet(of_real, of_made),
            "diversity": metrics.diversity(of_real, of_made),
        }


def _number(value: float) -> npt.NDArray[np.float32]:
    """Return a number as an array: compiled programs take another one without being compiled anew."""
    return np.array(value, np.float32)
