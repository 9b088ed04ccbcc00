"""Projection: the ws whose picture is most like a given one.

After StyleGAN2's projector (Karras et al. 2020, arXiv:1912.04958, appendix D), but for what says how alike two pictures
are: no network that was trained on photographs, only colours and edges, compared at every size from the whole picture
down to 4 px. It begins at the best of some hundred random w and goes down the gradient from there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from avserver.errors import ModelError
from avserver.generator import backend
from avserver.generator.backend import ops

if TYPE_CHECKING:
    from avserver.generator.model import Generator

Tensor = Any
Array = npt.NDArray[np.float32]

SAMPLES = 1000  # of w, for the scale of each of its dimensions
CANDIDATES = 200  # of them are drawn to find where to begin
SMALLEST_PX = 4  # below, there are colours but no picture
# The paper's: step sizes in standard deviations of w, and the shares of all steps in which they grow and shrink.
STEP_SIZE, GROWING, SHRINKING = 0.1, 0.05, 0.25
# Noise that is added to w before each step and fades in the first three quarters, to be shaken out of bad places.
SHAKE, SHAKEN = 0.05, 0.75
ADAM = (0.9, 0.999)
EPSILON = 1e-8
# Farther from the target's colours than any picture gets.
ANYTHING = np.float32(1e6)


@dataclass(frozen=True, slots=True)
class Projected:
    """The best that was found so far: its ws (1, num_ws, w_dim), its loss, and that of the average picture."""

    ws: Array
    loss: float
    average_loss: float

    @property
    def nearer(self) -> float:
        """How much of the average picture's loss is gone: 0 for the average picture itself, 1 for the target."""
        return 1.0 - self.loss / self.average_loss if self.average_loss else 1.0


class Projector:
    """Projects pictures to the w of one model. The first one compiles it (seconds)."""

    def __init__(self, generator: "Generator") -> None:
        def loss(ws: Tensor, low: Tensor, high: Tensor) -> Tensor:
            image = generator.image(ws)
            return pyramid_loss(image - ops.maximum(ops.minimum(image, high), low))

        self._generator = generator
        self._loss = backend.program(loss)
        self._loss_and_gradient = backend.value_and_gradient(loss)

    def project(
        self, target: Array, *, steps: int, candidates: int = CANDIDATES, plus: bool = False, seed: int = 0
    ) -> Iterator[Projected]:
        """Yield the best so far after each of `candidates` + `steps` steps. Stop when you like.

        Args:
            target: (resolution, resolution, 3) in [-1, 1].
            steps: down the gradient.
            candidates: random w to begin with, up to SAMPLES.
            plus: whether every layer has a w of its own (w+): nearer to the target, but farther from what the model
                has learnt.
            seed: of all randomness.

        Raises ModelError if the target has another shape than the model's pictures.
        """
        target = self._checked(target)
        rng = np.random.default_rng(seed)
        average, offsets = self._sample(rng)
        scale = offsets.std(axis=0)  # (1, w_dim)

        best = average
        best_loss = average_loss = self.loss(average, target)
        for offset in offsets[:candidates]:
            ws = average + offset
            loss = self.loss(ws, target)
            if loss < best_loss:
                best, best_loss = ws, loss
            yield Projected(best, best_loss, average_loss)

        # What is moved: w in standard deviations from the average, (1, 1, w_dim), or (1, num_ws, w_dim) for w+.
        place = (best - average) / np.maximum(scale, EPSILON)
        place = place if plus else place[:, :1]
        adam = _Adam(place.shape)
        for i in range(steps):
            size, shake = _schedule(i / steps, 1 / steps)
            ws = average + scale * (place + shake * rng.standard_normal(place.shape).astype(np.float32))
            loss, gradient = self.loss_and_gradient(ws, target)
            if loss < best_loss:
                best, best_loss = ws, loss
            gradient = scale * (gradient if plus else gradient.sum(axis=1, keepdims=True))
            place = place - np.float32(size) * adam.direction(gradient)
            yield Projected(best, best_loss, average_loss)

    def loss(self, ws: Array, target: Array) -> float:
        """Return how far the picture of ws (1, num_ws, w_dim) is from a target (resolution, resolution, 3)."""
        return float(backend.to_numpy(self._loss(ws, *_right(target))))

    def loss_and_gradient(self, ws: Array, target: Array) -> tuple[float, Array]:
        """Return the loss, and its gradient by ws."""
        loss, gradient = self._loss_and_gradient(ws, *_right(target))
        return float(backend.to_numpy(loss)), backend.to_numpy(gradient)

    def _checked(self, target: Array) -> Array:
        expected = (self._generator.resolution, self._generator.resolution, 3)
        if target.shape != expected:
            raise ModelError(f"the model draws pictures of shape {expected}, got a target of {target.shape}")
        return target.astype(np.float32)

    def _sample(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """Return the average ws (1, num_ws, w_dim), and how far SAMPLES random w are from it, (SAMPLES, 1, w_dim)."""
        generator = self._generator
        z = rng.standard_normal((SAMPLES, generator.z_dim))
        labels = np.eye(1, generator.c_dim).repeat(SAMPLES, axis=0) if generator.c_dim else None
        average = generator.mapping(z[:1], None if labels is None else labels[:1], truncation_psi=0.0)
        return average, generator.mapping(z, labels)[:, :1] - average[:, :1]


def _right(target: Array) -> tuple[Array, Array]:
    """Return the lowest and the highest image that show the target, (1, resolution, resolution, 3).

    A picture ends at black and at white; whatever the model says beyond them is shown as them.
    """
    low, high = np.where(target <= -1, -ANYTHING, target), np.where(target >= 1, ANYTHING, target)
    return low[None].astype(np.float32), high[None].astype(np.float32)


def _schedule(done: float, step: float) -> tuple[float, float]:
    """Return the step size and the shaking when the share `done` of all steps is done, each of which is `step`."""
    growth = min(1.0, (done + step) / GROWING)
    decline = 0.5 - 0.5 * np.cos(np.pi * min(1.0, (1.0 - done) / SHRINKING))
    return STEP_SIZE * growth * decline, SHAKE * max(0.0, 1.0 - done / SHAKEN) ** 2


class _Adam:
    """Where Adam goes (Kingma & Ba 2015, arXiv:1412.6980), step by step."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._mean, self._square, self._steps = np.zeros(shape, np.float32), np.zeros(shape, np.float32), 0

    def direction(self, gradient: Array) -> Array:
        first, second = ADAM
        self._steps += 1
        self._mean = first * self._mean + (1 - first) * gradient
        self._square = second * self._square + (1 - second) * gradient**2
        mean, square = self._mean / (1 - first**self._steps), self._square / (1 - second**self._steps)
        return (mean / (np.sqrt(square) + EPSILON)).astype(np.float32)


def pyramid_loss(difference: Tensor) -> Tensor:
    """Return how far two pictures are apart, given their difference (n, R, R, 3), R a power of two from 4 on.

    It is the mean over the sizes R, R/2, … 4 px of the mean squared difference of colours and of edges (of what lies
    between neighbours, across and down). Small sizes say where to go when the pictures are far apart, large ones
    when they are near.
    """
    losses = []
    while True:
        across, down = difference[:, :, 1:] - difference[:, :, :-1], difference[:, 1:] - difference[:, :-1]
        losses.append(sum(ops.mean(ops.square(part)) for part in (difference, across, down)))
        n, height, width, channels = difference.shape
        if height <= SMALLEST_PX:
            return sum(losses) / len(losses)
        halves = ops.reshape(difference, (n, height // 2, 2, width // 2, 2, channels))
        difference = ops.mean(halves, axis=(2, 4))
