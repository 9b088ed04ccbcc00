"""Course: a generator grows from stage to stage, each of so many lessons.

A run is a folder, as those of `avserver train` are: `state.safetensors`, from which it goes on as if nothing had
happened; `model.safetensors` to play; `seeds-<pictures>.png`, and `log.csv`. An adversary may go on where it ends:
`avserver train --from model.safetensors`.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from avserver.errors import ModelError
from avserver.frame_spec import z_of_seed
from avserver.generator import checkpoint
from avserver.generator.architecture import StyleGAN2Config
from avserver.generator.checkpoint import Checkpoint
from avserver.training.imitation import silk
from avserver.training.imitation.lesson import MIXED, Lesson, draw_lesson, noise_resolutions
from avserver.training.imitation.pupil import Pupil, attentive
from avserver.training.log import Log
from avserver.training.recipe import Recipe, model_of_size
from avserver.training.sheets import sheet
from avserver.training.state import State, begin, exported, grown, load_state, save_state

Array = npt.NDArray[np.float32]

STATE, MODEL, LOG = "state.safetensors", "model.safetensors", "log.csv"
SHOWN = 64  # seeds that are drawn again and again
_WARM_STEPS = 200  # Adam knows too little at first for its full rate
_AHEAD = 3  # lessons that are painted while others are learnt


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What is learnt at one resolution.

    Attributes:
        resolution: of the pictures (px), above that of the stage before.
        pictures: how many there are.
        rate: Adam's; over the last quarter it falls to a tenth.
        folds: from where to where the fields' folds go, over the first half; see `silk.paint`.
        unmixed: the share of pictures that are of one z.
        noisy: whether there is noise.
        kept: the share that the averaged generator keeps at a step.
        batch: pictures in a step.
    """

    resolution: int
    pictures: int
    rate: float = 0.006
    folds: tuple[float, float] = (silk.FOLD, silk.FOLD)
    unmixed: float = 0.5
    noisy: bool = True
    kept: float = 0.997
    batch: int = 32

    @property
    def steps(self) -> int:
        """How many batches there are."""
        return -(-self.pictures // self.batch)

    @property
    def recipe(self) -> Recipe:
        """What a state says of the run; the adversary in it has learnt nothing yet."""
        model = model_of_size("small", self.resolution)
        return Recipe(model=model, batch=self.batch, discriminator_share=0.75)

    def fold_at(self, step: int) -> float:
        """Return how much is folded in a step."""
        return float(np.interp(step / self.steps, (0, 0.5), self.folds))

    def rate_at(self, step: int) -> float:
        """Return the learning rate of a step."""
        falling = float(np.interp(step / self.steps, (0.75, 1), (1, 0.1)))
        return self.rate * min(1.0, step / _WARM_STEPS) * falling

    def lesson(self, step: int) -> Lesson:
        """Return the batch of a step, always the same."""
        return draw_lesson(
            np.random.default_rng((self.resolution, step)),
            count=self.batch,
            resolution=self.resolution,
            num_ws=self.recipe.model.num_ws,
            unmixed=self.unmixed,
            fold=self.fold_at(step),
            noisy=self.noisy,
        )


class Course:
    """Goes through stages in a folder, from where it was left.

    Args:
        run: the folder, there already.
        stages: in order of their resolution.
        look: batches between two checkpoints.
        stopped: asked after each step whether to end, with a checkpoint.
        say: told of each row of the log: how many pictures there were, and the figures.
        precision: of convolutions, "float32" or "bfloat16".
        model: what to begin with instead of nothing, at the stage of its resolution, in a folder that has no state yet.

    Raises ModelError for a model that is none of a stage's.
    """

    def __init__(
        self,
        run: Path,
        stages: Sequence[Stage],
        *,
        look: int = 500,
        stopped: Callable[[], bool] = lambda: False,
        say: Callable[[int, dict[str, float]], None] = lambda pictures, figures: None,
        precision: str = "float32",
        model: Checkpoint | None = None,
    ) -> None:
        self._run, self._stages, self._look, self._stopped, self._say = run, stages, look, stopped, say
        self._precision = precision
        if (run / STATE).exists():
            self._recipe, self.state = load_state(run / STATE)
        elif model is not None:
            self._recipe = _stage_of(model, stages).recipe
            self.state = begin(self._recipe, model)
        else:
            self._recipe, self.state = stages[0].recipe, _beginner(stages[0].recipe)
        resumed_at = self.state.counts.pictures if (run / LOG).exists() else None
        self._log = Log(run / LOG, ("resolution", "difference", "pictures_per_s"), resumed_at=resumed_at)

    def learn(self) -> None:
        """Go on to the end, or until it is stopped."""
        for stage in self._stages:
            if stage.resolution < self._recipe.model.resolution:
                continue
            if stage.resolution > self._recipe.model.resolution:
                self.state = grown(self.state, self._recipe, stage.recipe)
                self._recipe = stage.recipe
            if self._learn(stage):
                return

    def _learn(self, stage: Stage) -> bool:
        """Go through what is left of a stage; return whether it was stopped."""
        state, counts = self.state, self.state.counts
        config = self._recipe.model
        assert isinstance(config, StyleGAN2Config)
        pupil = Pupil(config, state.buffers, kept=stage.kept, precision=self._precision)
        generator, average = state.generator, state.average
        differences: list[float] = []
        begun_s = time.monotonic()
        for step, lesson in _lessons(stage, counts.generator_steps + 1):
            rate = stage.rate_at(step)
            generator, average, difference = pupil.step(generator, average, step, rate, lesson)
            differences.append(difference)
            counts.generator_steps, counts.step = step, counts.step + 1
            counts.pictures += stage.batch
            stopped = self._stopped()
            if stopped or step == stage.steps or step % self._look == 0:
                state.generator = {part: _plain(params) for part, params in generator.items()}
                state.average = _plain(average)
                speed = len(differences) * stage.batch / (time.monotonic() - begun_s)
                self._note(pupil, stage, float(np.mean(differences)), speed)
                differences, begun_s = [], time.monotonic()
            if stopped:
                return True
        return False

    def _note(self, pupil: Pupil, stage: Stage, difference: float, speed: float) -> None:
        pictures = self.state.counts.pictures
        save_state(self._run / STATE, self._recipe, self.state)
        checkpoint.write(self._run / MODEL, exported(self._recipe, self.state))
        shown = pupil.draw(self.state.average, of_seeds(stage, range(SHOWN)))
        pixels = ((np.clip(shown, -1, 1) + 1) * 127.5).astype(np.uint8)
        sheet(pixels).save(self._run / f"seeds-{pictures:09d}.png")
        figures = {"resolution": stage.resolution, "difference": difference, "pictures_per_s": speed}
        self._log.add(pictures, figures)
        self._say(pictures, figures)


def of_seeds(stage: Stage, seeds: Sequence[int]) -> Lesson:
    """Return a lesson of seeds alone, without noise."""
    config = stage.recipe.model
    z = np.concatenate([z_of_seed(seed, config.z_dim) for seed in seeds]).astype(np.float32)
    weights = np.zeros((len(seeds), config.num_ws, MIXED), np.float32)
    weights[:, :, 0] = 1
    still = {
        str(r): np.zeros((len(seeds), 2, r, r), np.float32) for r in noise_resolutions(stage.resolution) if stage.noisy
    }
    pictures = silk.paint(silk.parted(silk.said_by(z)), stage.resolution, fold=stage.folds[1])
    return Lesson(np.repeat(z[:, None], MIXED, axis=1), weights, still, pictures)


def _stage_of(model: Checkpoint, stages: Sequence[Stage]) -> Stage:
    for stage in stages:
        if stage.recipe.model == model.config:
            return stage
    resolutions = ", ".join(str(stage.resolution) for stage in stages)
    raise ModelError(f"a model to go on from is of the bundled one's kind at {resolutions} px, got {model.config}")


def _beginner(recipe: Recipe) -> State:
    """Return a state in which z is passed on as it stands, and nothing else is known."""
    state = begin(recipe)
    config = recipe.model
    assert isinstance(config, StyleGAN2Config)
    state.generator["params"].update(attentive(config))
    state.average = dict(state.generator["params"])
    return state


def _lessons(stage: Stage, first: int) -> Iterator[tuple[int, Lesson]]:
    """Yield the steps from `first` on, and their lessons, which another thread paints meanwhile."""
    with ThreadPoolExecutor(1, "painter") as painter:
        coming = deque[tuple[int, Future[Lesson]]]()
        for step in range(first, stage.steps + 1):
            coming.append((step, painter.submit(stage.lesson, step)))
            if len(coming) > _AHEAD:
                number, lesson = coming.popleft()
                yield number, lesson.result()
        while coming:
            number, lesson = coming.popleft()
            yield number, lesson.result()


def _plain(params: dict[str, Array]) -> dict[str, Array]:
    return {name: np.asarray(value) for name, value in params.items()}
