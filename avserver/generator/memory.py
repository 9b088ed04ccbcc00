"""Memory: what carries over from one picture to the next."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from avserver.generator.strobe import StrobeLimiter


@dataclass(frozen=True, slots=True)
class Memory:
    """What a renderer remembers of the pictures before, to go on from there in another process.

    Attributes:
        previous: the picture that feedback mixes in, (1, H, W, 3) float32 as the network drew it; None if it did not.
        limiter: what has been shown of late.
    """

    previous: npt.NDArray[np.float32] | None
    limiter: StrobeLimiter
