"""`avserver project`: find the ws whose picture is most like one of the user's."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from avserver.bundled import model_path
from avserver.errors import ConfigError
from avserver.generator import load
from avserver.interruption import first_signal
from avserver.new_file import check_new, check_new_picture
from avserver.progress import Progress
from avserver.ws_file import write_ws

if TYPE_CHECKING:
    from avserver.generator.projection import Projected


@dataclass(frozen=True, slots=True, kw_only=True)
class Projecting:
    """What to look for, and where to write it.

    Attributes:
        picture: the file of the picture; its middle square is used.
        output: the .npz file to write: `ws` (1, num_ws, w_dim) float32.
        comparison: a picture to write, what was asked for and what was found side by side; None for none.
        model: name of the generator.
        steps: down the gradient.
        plus: whether every layer has a w of its own.
        seed: of all randomness.
        force: write over files that exist.
    """

    picture: Path
    output: Path
    comparison: Path | None = None
    model: str = "default"
    steps: int = 500
    plus: bool = False
    seed: int = 0
    force: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.steps <= 1_000_000:
            raise ConfigError(f"--steps is a number from 1 to 1000000, got {self.steps}")
        if self.seed < 0:
            raise ConfigError(f"--seed is a whole number from 0 on, got {self.seed}")
        if self.output.suffix != ".npz":
            raise ConfigError(f"the output's name ends in .npz, got {str(self.output)!r}")
        check_new(self.output, force=self.force)
        if self.comparison is not None:
            check_new_picture(self.comparison, force=self.force)


def project_picture(settings: Projecting, out: TextIO) -> "Projected":
    """Project, write, and return what was found; Ctrl-C keeps the best so far.

    Args:
        settings: what and where.
        out: shows how far it is, if it is a terminal.

    Raises ConfigError for a picture that cannot be read.
    """
    picture = _open(settings.picture)
    generator = load(model_path(settings.model), threads=os.cpu_count() or 1)
    from avserver.generator.projection import CANDIDATES, Projector  # noqa: PLC0415  (imports the framework: seconds)

    target = read_target(picture, generator.resolution)
    found = None
    with Progress(CANDIDATES + settings.steps, out) as progress, first_signal(signal.SIGINT) as asked_to_stop:
        attempts = Projector(generator).project(target, steps=settings.steps, plus=settings.plus, seed=settings.seed)
        for step, found in enumerate(attempts, start=1):
            progress.show(step, f"{100 * found.nearer:.1f} % nearer than the average picture")
            if asked_to_stop():
                break
    assert found is not None
    write_ws(settings.output, found.ws)
    if settings.comparison is not None:
        image = generator.synthesis(found.ws, noise="none")[0]  # as it was looked for
        both = np.clip(np.concatenate([target, image], axis=1) * 127.5 + 128, 0, 255).astype(np.uint8)
        Image.fromarray(both).save(settings.comparison, quality=95)
    return found


def read_target(picture: Image.Image, resolution: int) -> npt.NDArray[np.float32]:
    """Return the middle square of a picture as the model would draw it: (resolution, resolution, 3) in [-1, 1]."""
    square = ImageOps.fit(picture, (resolution, resolution), Image.Resampling.LANCZOS)
    return np.asarray(square, np.float32) / np.float32(127.5) - 1


def _open(path: Path) -> Image.Image:
    try:
        with Image.open(path) as picture:
            return ImageOps.exif_transpose(picture).convert("RGB")
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as err:
        raise ConfigError(f"the picture {str(path)!r} cannot be read: {err}") from err
