"""FrameSpec to pixels, as fast as the machine allows."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from avserver.errors import ModelError, WireError
from avserver.frame_spec import FrameSpec, LatentTerm, NoiseLevel
from avserver.generator import backend, checkpoint
from avserver.generator.backend import ops
from avserver.generator.bending import BendPlan
from avserver.generator.directions import Directions, sample_z
from avserver.generator.grading import develop, grade_values
from avserver.generator.mapping_network import MappingNetwork
from avserver.generator.noise_fields import FIELDS, coefficients, make_fields
from avserver.generator.seeds import SeedMixer
from avserver.generator.synthesis import make_synthesis

Tensor = Any


class Renderer:
    """Draws FrameSpecs with one model. The first picture compiles it (seconds); see `warm_up`.

    Args:
        path: of the model.
        bent_layers: layers (`b32`) that a spec's bends may name. A layer that is not among them costs nothing.
        directions: kinds that a spec's directions may name, see `frame_spec.DIRECTION_KINDS`.
        size: (width, height) of the pictures in px; the model's square is scaled to fill it and cropped around its
            centre. None: as the model draws them.
        precision: of the convolutions, "float32" or "bfloat16"; None takes what this machine is fast with.
        threads: of the CPU; what is chosen first in a process holds.

    Attributes:
        config: the model's configuration (`resolution`, `num_ws`, `z_dim`, …).
        bent_layers, size, precision: as in effect.

    Raises:
        ModelError: if the file is no model, doesn't have a layer of `bent_layers`, or for an unknown kind of
            directions.
        ConfigError: for an unknown precision.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        bent_layers: Sequence[str] = (),
        directions: Sequence[str] = (),
        size: tuple[int, int] | None = None,
        precision: str | None = None,
        threads: int = 1,
    ) -> None:
        backend.start(threads)
        model = checkpoint.read(path)
        self.config = model.config
        self._plan = BendPlan(bent_layers, self.config.layers)
        self.bent_layers = self._plan.bent_layers
        self.size = size or (self.config.resolution, self.config.resolution)
        self.precision = backend.check_precision(precision)
        self._synthesis = make_synthesis(model.config, model.tensors, precision=self.precision)
        mapping = MappingNetwork(model.config, model.tensors)
        program = backend.program(lambda z: mapping(z, _any_class(mapping, z.shape[0])))
        self._mixer = SeedMixer(lambda z: backend.to_numpy(program(z)), mapping)
        z_dim = self.config.z_dim
        self._directions = Directions(directions, model.tensors, lambda: backend.to_numpy(program(sample_z(z_dim))))
        self._fields = {conv.name: make_fields(conv.name, conv.resolution) for conv in self._synthesis.noisy}
        self._draw = backend.program(self._picture)

    @property
    def resolution(self) -> int:
        """Of the model's square picture (px)."""
        return self.config.resolution

    def warm_up(self) -> None:
        """Draw a first picture, so that the next ones are fast."""
        everything = LatentTerm((0, self.config.num_ws), (0,), (1.0,))
        self.render(FrameSpec(index=0, t_s=0.0, latents=(everything,)))

    def render(self, spec: FrameSpec) -> npt.NDArray[np.uint8]:
        """Return the picture of `spec`: uint8 (height, width, 3), RGB, C-contiguous.

        Raises:
            ModelError: for a layer, resolution, transform or direction that this renderer doesn't have.
            WireError: for values that make no sense (a seed that is none, a number that is not finite).
        """
        grade = grade_values(spec.grade)
        if not np.isfinite([*grade, spec.truncation_psi]).all():
            raise WireError(f"a grade and a truncation are finite, got {spec.grade} and {spec.truncation_psi}")
        ws = self._directions.move(self._mixer.mix(spec), spec.directions)
        drawn = self._draw(ws, self._noise_coefficients(spec.noise), self._plan.values(spec.bends), grade)
        return self._fit(backend.to_numpy(drawn)[0])

    def _picture(self, ws: Tensor, noise: Tensor, bends: Tensor, grade: Tensor) -> Tensor:
        """The compiled part: ws, (convolutions, 4) noise coefficients, bends and grade to (1, H, W, 3) uint8."""
        fields = {
            conv.name: (ops.convert_to_tensor(self._fields[conv.name]), noise[i])
            for i, conv in enumerate(self._synthesis.noisy)
        }
        return self._synthesis.draw(ws, fields, self._plan.begin(bends), lambda image: develop(image, grade))

    def _noise_coefficients(self, levels: Sequence[NoiseLevel]) -> npt.NDArray[np.float32]:
        by_resolution = {}
        for level in levels:
            if level.resolution not in self.config.noise_resolutions:
                allowed = ", ".join(map(str, self.config.noise_resolutions)) or "none"
                raise ModelError(f"the model has no layers at {level.resolution!r} px, it has: {allowed}")
            if not all(math.isfinite(value) for value in (level.phase, level.strength, level.grain)):
                raise WireError(f"noise takes finite numbers, got {level}")
            by_resolution[level.resolution] = coefficients(level)
        silent = np.zeros(FIELDS, np.float32)
        rows = [
            by_resolution.get(layer.resolution, silent) * np.float32(layer.noise_strength)
            for layer in self._synthesis.noisy
        ]
        return np.array(rows, np.float32).reshape(len(rows), FIELDS)

    def _fit(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Scale to fill `size` and crop around the centre."""
        width, height = self.size
        side = self.config.resolution
        if (width, height) == (side, side):
            return pixels
        scale = max(width, height) / side
        left, top = (side - width / scale) / 2, (side - height / scale) / 2
        box = (left, top, side - left, side - top)
        picture = Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC, box=box)
        return np.asarray(picture)


def _any_class(mapping: MappingNetwork, count: int) -> npt.NDArray[np.float32] | None:
    """Return `count` labels of class 0 for a conditional model: a FrameSpec names no class."""
    if not mapping.config.c_dim:
        return None
    return np.repeat(np.eye(1, mapping.config.c_dim, dtype=np.float32), count, axis=0)
