"""Train the upscaler: `python -m avserver.training.upscaler -o models/upscale.safetensors`.

It learns from paintings (`avserver.training.painting`), from silk (`avserver.training.imitation.silk`) and from what a
model draws, each made small by one of three filters: nobody knows by which a generator's pictures would have been.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from avserver.bundled import bundled
from avserver.frame_spec import z_of_seed
from avserver.generator import backend
from avserver.generator.backend import ops
from avserver.generator.checkpoint import write_tensors
from avserver.generator.model import Generator
from avserver.generator.upscaling import DOUBLE, contrasting, detail, lanczos, spread, weight_shapes
from avserver.training.adam import adam
from avserver.training.autodiff import Params, compiled, value_and_gradients
from avserver.training.imitation import silk
from avserver.training.painting.painter import family_of, paint

Tensor = Any
Pixels = npt.NDArray[np.uint8]
Array = npt.NDArray[np.float32]

SIZE = 256  # of the pictures that are learnt from (px); even
PATCH, BATCH = 40, 16  # side of what is enlarged (px), and how many at a time
FASTEST, BETAS = 2e-3, (0.9, 0.99)
REPORT = 200  # batches
# Seeds from here on are for tests: none of them is ever learnt from.
HELD_OUT = 1_000_000


def pictures(count: int, model: Path, size: int = SIZE) -> Iterator[Pixels]:
    """Yield `count` paintings, half as many pictures of silk, and a quarter as many of a model's, of its own size."""
    for seed in range(count):
        yield paint(seed, size, family_of(seed))
    for seed in range(count // 2):
        yield silken(seed, size)
    generator = Generator(model)
    for seed in range(count // 4):
        ws = generator.mapping(z_of_seed(seed, generator.z_dim))
        yield _bytes(generator.synthesis(ws)[0])


def silken(seed: int, size: int) -> Pixels:
    """Return a picture of silk, (size, size, 3)."""
    said = silk.said_by(z_of_seed(seed, silk.Z_DIM).astype(np.float32))
    return _bytes(silk.paint(silk.parted(said), size)[0])


def reduced(pixels: Pixels, factor: int, way: str) -> Pixels:
    """Return pixels (H, W, 3) at a fraction of their size: `way` is area, bicubic or lanczos."""
    height, width, _ = pixels.shape
    size = (width // factor, height // factor)
    if way == "area":
        return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    filters = {"bicubic": Image.Resampling.BICUBIC, "lanczos": Image.Resampling.LANCZOS}
    return np.asarray(Image.fromarray(pixels).resize(size, filters[way]))


WAYS = ("area", "bicubic", "lanczos")


class Patches:
    """Patches of pictures, small and large, without end.

    Args:
        whole: the pictures, (SIZE, SIZE, 3) each.
        rng: all randomness.
    """

    def __init__(self, whole: list[Pixels], rng: np.random.Generator) -> None:
        self._pairs = [(reduced(pixels, DOUBLE, way), pixels) for pixels in whole for way in WAYS]
        self._rng = rng

    def batch(self) -> tuple[Pixels, Pixels]:
        """Return small patches (BATCH, PATCH, PATCH, 3), and the same ones twice as large."""
        pairs = [self._patch(*self._pairs[i]) for i in self._rng.integers(len(self._pairs), size=BATCH)]
        small, large = zip(*pairs, strict=True)
        return np.stack(small), np.stack(large)

    def _patch(self, small: Pixels, large: Pixels) -> tuple[Pixels, Pixels]:
        side = min(PATCH, *small.shape[:2])
        top, left = (int(self._rng.integers(length - side + 1)) for length in small.shape[:2])
        turns, mirrored = int(self._rng.integers(4)), bool(self._rng.integers(2))

        def cut(pixels: Pixels, scale: int) -> Pixels:
            kept = pixels[top * scale : (top + side) * scale, left * scale : (left + side) * scale]
            turned = np.rot90(kept, turns)
            return turned[:, ::-1] if mirrored else turned

        return cut(small, 1), cut(large, DOUBLE)


def begin(rng: np.random.Generator) -> dict[str, Array]:
    """Return kernels to begin with: variances are kept (He et al. 2015), and at first nothing is added."""
    kernels = {}
    for name, shape in weight_shapes().items():
        scale = np.sqrt(2 / np.prod(shape[:3]))
        kernels[name] = (scale * rng.standard_normal(shape)).astype(np.float32)
    last = list(kernels)[-1]
    kernels[last] *= np.float32(0.01)
    return kernels


def enlarged(kernels: Mapping[str, Tensor], small: Tensor) -> Tensor:
    """Return what the upscaler makes of small pictures, in levels of 255, float32; differentiable by the kernels."""
    first = next(iter(kernels))
    constrained = {**kernels, first: contrasting(kernels[first])}
    return lanczos(small, DOUBLE) + spread(detail(constrained, small))


def train(whole: list[Pixels], batches: int, rng: np.random.Generator) -> dict[str, Array]:
    """Return the kernels after so many batches: the rate falls to nothing as a cosine does."""
    patches = Patches(whole, rng)
    step = compiled(_step)
    kernels: Params = {name: ops.convert_to_tensor(kernel) for name, kernel in begin(rng).items()}
    moments = tuple({name: ops.zeros_like(kernel) for name, kernel in kernels.items()} for _ in range(2))
    lost = 0.0
    for index in range(1, batches + 1):
        rate = FASTEST * min(1.0, index / 100) * 0.5 * (1 + np.cos(np.pi * index / batches))
        told = (np.float32(index), np.float32(rate))
        loss, kernels, moments = step(kernels, moments, *told, *patches.batch())
        lost += float(backend.to_numpy(loss))
        if index % REPORT == 0:
            sys.stderr.write(f"{index} {lost / REPORT:.3f}\n")
            lost = 0.0
    return {name: backend.to_numpy(kernel) for name, kernel in kernels.items()}


def psnr(pixels: Pixels, truth: Pixels) -> float:
    """Return the peak signal-to-noise ratio of a picture (dB)."""
    error = float(np.mean(np.square(pixels.astype(np.float64) - truth)))
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def _loss(kernels: Params, small: Tensor, large: Tensor) -> tuple[Tensor, None]:
    # In levels, below one as squares are, and above as distances: these blur edges less.
    error = enlarged(kernels, small) - ops.cast(large, "float32")
    return ops.mean(ops.sqrt(ops.square(error) + 1.0)), None


def _step(
    kernels: Params, moments: tuple[Params, Params], index: Tensor, rate: Tensor, small: Tensor, large: Tensor
) -> tuple[Tensor, Params, tuple[Params, Params]]:
    value, _, gradients = value_and_gradients(_loss, kernels, small, large)
    kernels, moments = adam(kernels, gradients, moments, index, rate=rate, betas=BETAS)
    return value, kernels, moments


def _bytes(image: Array) -> Pixels:
    return np.clip(image * np.float32(127.5) + 128, 0, 255).astype(np.uint8)


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--model", type=Path, default=bundled("models", "default.safetensors"))
    parser.add_argument("--pictures", type=int, default=160, help="paintings; of silk and of the model there are fewer")
    parser.add_argument("--batches", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    backend.start(given.threads)
    whole = list(pictures(given.pictures, given.model))
    rng = np.random.default_rng(given.seed)
    learnt = train(whole, given.batches, rng)
    write_tensors(given.output, {name: kernel.astype(np.float16) for name, kernel in learnt.items()}, {})


if __name__ == "__main__":
    main()
