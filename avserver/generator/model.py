"""The generator's Python face: numpy in, numpy out."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from avserver.errors import ModelError, UserError, nearest
from avserver.generator import backend, checkpoint
from avserver.generator.architecture import architecture_of
from avserver.generator.mapping_network import MappingNetwork
from avserver.generator.seeds import truncate
from avserver.generator.synthesis import make_synthesis

Array = npt.NDArray[np.float32]

NOISE_MODES = ("const", "random", "none")


class Generator:
    """A model, for scripts: z to ws to images, in float32. For frames, see `avserver.generator.renderer`.

    Attributes:
        resolution: of the square images (px).
        num_ws: how many w an image takes.
        z_dim, w_dim, c_dim: sizes of the latents and of the class label (0: unconditional).
        architecture: "stylegan2" or "stylegan3".
    """

    def __init__(self, path: str | Path, *, threads: int = 1) -> None:
        """`threads` of the CPU; what is chosen first in a process holds."""
        backend.start(threads)
        model = checkpoint.read(path)
        config = model.config
        self.resolution, self.num_ws = config.resolution, config.num_ws
        self.z_dim, self.w_dim, self.c_dim = config.z_dim, config.w_dim, config.c_dim
        self.architecture = architecture_of(config)
        self._mapping = MappingNetwork(config, model.tensors)
        self._synthesis = make_synthesis(config, model.tensors)
        self._plain = backend.program(self.image)
        self._noisy = backend.program(self._noisy_image)

    def mapping(
        self,
        z: npt.ArrayLike,
        c: npt.ArrayLike | None = None,
        truncation_psi: float = 1.0,
        truncation_cutoff: int | None = None,
    ) -> Array:
        """Return ws (n, num_ws, w_dim) of z (n, z_dim), and of labels c (n, c_dim) if the model is conditional.

        Layers below `truncation_cutoff` (None: all) are truncated to w_avg + truncation_psi (w - w_avg).

        Raises ModelError if z or c have another shape than the model takes.
        """
        z = _checked(z, "z", (self.z_dim,))
        if c is None and self.c_dim:
            raise ModelError(f"the model takes labels c of {self.c_dim} classes, got none")
        label = None if c is None else _checked(c, "c", (self.c_dim,))
        if label is not None and len(label) != len(z):
            raise ModelError(f"expected one label per z, got {len(label)} labels and {len(z)} z")
        w = backend.to_numpy(self._mapping(z, label))
        ws = np.repeat(w[:, None], self.num_ws, axis=1)
        return truncate(ws, self._mapping.w_avg, truncation_psi, truncation_cutoff)

    def synthesis(self, ws: npt.ArrayLike, noise: str = "const", noise_seed: int = 0) -> Array:
        """Return images (n, H, W, 3) in float32, nominally in [-1, 1], unclipped, of ws (n, num_ws, w_dim).

        Args:
            ws: (n, num_ws, w_dim).
            noise: "const", the model's own still noise; "random", another for each image; or "none".
            noise_seed: of the random noise; the same seed gives the same images.

        Raises ModelError for ws of another shape, UserError for another kind of noise.
        """
        ws = _checked(ws, "ws", (self.num_ws, self.w_dim))
        if noise not in NOISE_MODES:
            raise UserError(f"unknown noise {noise!r}, {nearest(noise, NOISE_MODES)}")
        # One by one: every number of pictures would otherwise be compiled anew, and memory stays flat.
        rng = np.random.default_rng(noise_seed)
        images = [backend.to_numpy(self._draw(ws[i : i + 1], noise, rng)) for i in range(len(ws))]
        empty = np.zeros((0, self.resolution, self.resolution, 3), np.float32)
        return np.concatenate([empty, *images])

    def image(self, ws: Any) -> Any:
        """Return the image of ws without noise, tensors both: for a program of the backend that differentiates it."""
        return self._synthesis.draw(ws, {})

    def _draw(self, ws: Array, noise: str, rng: np.random.Generator) -> Any:
        layers = self._synthesis.noisy
        if noise == "none" or not layers:
            return self._plain(ws)
        if noise == "random":
            fields = [rng.standard_normal(layer.noise_const.shape, np.float32) for layer in layers]
        else:
            fields = [layer.noise_const for layer in layers]
        return self._noisy(ws, *fields)

    def _noisy_image(self, ws: Any, *fields: Any) -> Any:
        ops = backend.ops
        noise = {
            layer.name: (field[None], ops.convert_to_tensor(np.array([layer.noise_strength], np.float32)))
            for layer, field in zip(self._synthesis.noisy, fields, strict=True)
        }
        return self._synthesis.draw(ws, noise)


def _checked(value: npt.ArrayLike, name: str, shape: tuple[int, ...]) -> Array:
    array = np.asarray(value, np.float32)
    if array.shape[1:] != shape or array.ndim != len(shape) + 1:
        expected = ", ".join(map(str, ("n", *shape)))
        raise ModelError(f"the model takes {name} of shape ({expected}), got {array.shape}")
    return array
