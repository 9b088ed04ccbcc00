"""StyleGAN3's input: waves that are defined everywhere, and so can be moved exactly (arXiv:2106.12423, section 3.2).

Moving, turning or scaling the place at which the waves are looked at does the same to the whole picture, without
resampling anything: what the layers above add follows what they are given.
"""

from typing import Any

import numpy as np

from avserver.canvas import SQUARE, Canvas
from avserver.generator.architecture.stylegan3 import Signal
from avserver.generator.arrays import transposed
from avserver.generator.backend import ops
from avserver.generator.checkpoint import Tensors
from avserver.generator.layers import Style

Tensor = Any


class FourierFeatures:
    """w (n, w_dim) to features (n, H, W, C): each channel a wave, moved as w says, then all mixed.

    Args:
        tensors: of a checkpoint.
        signal: what the features are samples of.
        canvas: how far they go beyond the square: there are simply more of them, around the same centre.
    """

    LEARNT = ("weight", "transform", "frequencies", "phases")
    PARTS = ("affine",)

    def __init__(self, tensors: Tensors, signal: Signal, canvas: Canvas = SQUARE) -> None:
        at = "synthesis.input"
        self.signal = signal
        self.extent = canvas.samples(signal.rate, signal.size)
        self.affine = Style(tensors, at)
        self.transform = tensors[f"{at}.transform"]
        self.frequencies = np.ascontiguousarray(tensors[f"{at}.freqs"].T)  # (x and y, channels), periods per width
        self.phases = tensors[f"{at}.phases"]
        self.weight = transposed(tensors[f"{at}.weight"], (1, 0)) / np.float32(np.sqrt(signal.channels))

    def matrices(self, w: Tensor, bend: Tensor | None) -> Tensor:
        """Return (n, 2, 3): from a place in the picture to the place whose waves are seen there.

        Places are (x, y, 1) from the centre, rightwards and downwards, in sides of the square.

        Args:
            w: (n, w_dim).
            bend: (2, 3), what is done to the finished picture's places before all else; None for nothing.
        """
        learned = self.affine(w)
        turn = learned / ops.sqrt(ops.sum(ops.square(learned[:, :2]), axis=1, keepdims=True))
        cos, sin, x, y = (turn[:, i] for i in range(4))
        # A turn, and before it a shift: where a place comes from.
        rows = [cos, -sin, sin * y - cos * x, sin, cos, -sin * x - cos * y]
        matrices = ops.reshape(ops.stack(rows, axis=1), (-1, 2, 3))
        matrices = ops.matmul(matrices, self.transform)
        if bend is not None:
            bottom = ops.convert_to_tensor(np.array([[0, 0, 1]], np.float32))
            matrices = ops.matmul(matrices, ops.concatenate([bend, bottom], axis=0))
        return matrices

    def waves(self, matrices: Tensor) -> Tensor:
        """Return the waves (n, H, W, C) as seen through `matrices`."""
        n, (width, height) = matrices.shape[0], self.extent
        frequencies = ops.matmul(ops.transpose(matrices[:, :, :2], (0, 2, 1)), self.frequencies)
        phases = ops.matmul(matrices[:, None, :, 2], self.frequencies)[:, 0] + self.phases
        x, y = (self._places(size)[None, :, None] for size in self.extent)
        across = x * frequencies[:, None, 0]
        down = y * frequencies[:, None, 1] + phases[:, None]
        periods = ops.reshape(across, (n, 1, width, -1)) + ops.reshape(down, (n, height, 1, -1))
        return ops.sin(periods * np.float32(2 * np.pi)) * self._audible(frequencies)[:, None, None]

    def _places(self, size: int) -> Tensor:
        steps = np.arange(size, dtype=np.float32) - np.float32((size - 1) / 2)
        return ops.convert_to_tensor(steps / np.float32(self.signal.rate))

    def _audible(self, frequencies: Tensor) -> Tensor:
        """Return how much of each wave is let through: those too fine for the rate fade out, the rest stays."""
        band = self.signal.cutoff
        excess = ops.sqrt(ops.sum(ops.square(frequencies), axis=1)) - band
        return ops.clip(1 - excess / (self.signal.rate / 2 - band), 0, 1)
