"""Drawing: the networks, and the renderer that turns a FrameSpec into pixels.

    from avserver.generator import load
    g = load("models/default.safetensors")
    ws = g.mapping(z, truncation_psi=0.7)
    images = g.synthesis(ws)

The framework is imported by `load`, not with this package.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from avserver.generator.model import Generator


def load(path: str | Path, *, threads: int = 1) -> "Generator":
    """Return the generator in a model file, which may use `threads` of the CPU. Raises ModelError if it is none."""
    from avserver.generator.model import Generator  # noqa: PLC0415  (imports the framework: seconds)

    return Generator(path, threads=threads)
