"""What every synthesis network does, and which one draws which architecture."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from avserver.canvas import SQUARE, Canvas
from avserver.generator.architecture import NetworkConfig, StyleGAN2Config, StyleGAN3Config
from avserver.generator.bending import NO_BENDS, Bending
from avserver.generator.checkpoint import Tensors
from avserver.generator.stylegan2 import Synthesis as StyleGAN2
from avserver.generator.stylegan3 import Synthesis as StyleGAN3

Tensor = Any
# Fields (k, H, W) and their coefficients (k,); a layer's noise is their weighted sum.
Noise = tuple[Tensor, Tensor]


class NoisyLayer(Protocol):
    """A layer that takes noise.

    Attributes:
        name: the official one, `synthesis.b64.conv0`.
        resolution: of the noise (px).
        noise_strength: what the model multiplies noise of unit variance by.
        noise_const: (resolution, resolution) the noise that the model was trained to show when it shall not move.
    """

    name: str
    resolution: int
    noise_strength: float
    noise_const: npt.NDArray[np.float32]


class Synthesis(Protocol):
    """ws to a picture. `noisy` are the layers that take noise, in order."""

    @property
    def noisy(self) -> Sequence[NoisyLayer]:
        """The layers that take noise, in order; a network may have none."""

    def draw(
        self,
        ws: Tensor,
        noise: Mapping[str, Noise],
        bending: Bending = NO_BENDS,
        develop: Callable[[Tensor], Tensor] = ...,
    ) -> Tensor:
        """Return develop(image), the image (n, H, W, 3) in float32, nominally in [-1, 1]; part of a program.

        Args:
            ws: (n, num_ws, w_dim).
            noise: by the layer's name; one that is not named gets none.
            bending: what is done to which layer.
            develop: what becomes of the finished image, compiled with the last layer.
        """


_NETWORKS: dict[type[NetworkConfig], Callable[..., Synthesis]] = {
    StyleGAN2Config: StyleGAN2,
    StyleGAN3Config: StyleGAN3,
}


def make_synthesis(
    config: NetworkConfig, tensors: Tensors, *, precision: str = "float32", canvas: Canvas = SQUARE
) -> Synthesis:
    """Return the network of a checkpoint, its convolutions in `precision` ("float32" or "bfloat16")."""
    return _NETWORKS[type(config)](config, tensors, precision=precision, canvas=canvas)
