"""What a model draws, at a glance: the pictures of some seeds on one sheet."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from avserver.errors import ModelError
from avserver.frame_spec import z_of_seed
from avserver.generator.model import Generator

COLUMNS, ROWS = 4, 4
CELL_PX = 256  # of a picture on the sheet, at most
TRUNCATION_PSI = 0.7
FORMATS = (".png", ".jpg", ".jpeg")


def check_sheet_name(path: Path) -> None:
    """Raise ModelError for a file name that is no picture's."""
    if path.suffix.lower() not in FORMATS:
        raise ModelError(f"a sheet is written as {', '.join(FORMATS)}, got {path.name}")


def write_sheet(model: Path, out: Path) -> None:
    """Draw the seeds 0 to 15, with truncation 0.7 and the model's own noise, and write the sheet.

    A conditional model shows its classes in turn.

    Raises ModelError for a file that is no model, or a picture that cannot be written.
    """
    check_sheet_name(out)
    generator = Generator(model)
    side = min(CELL_PX, generator.resolution)
    sheet = Image.new("RGB", (COLUMNS * side, ROWS * side))
    for seed in range(COLUMNS * ROWS):
        cell = Image.fromarray(_picture(generator, seed)).resize((side, side), Image.Resampling.LANCZOS)
        sheet.paste(cell, (seed % COLUMNS * side, seed // COLUMNS * side))
    try:
        sheet.save(out, quality=90)
    except OSError as err:
        raise ModelError(f"{out} cannot be written: {err}") from err


def _picture(generator: Generator, seed: int) -> npt.NDArray[np.uint8]:
    c = np.eye(generator.c_dim, dtype=np.float32)[[seed % generator.c_dim]] if generator.c_dim else None
    ws = generator.mapping(z_of_seed(seed, generator.z_dim), c, truncation_psi=TRUNCATION_PSI)
    image = generator.synthesis(ws)[0]
    return np.clip(np.rint(image * 127.5 + 127.5), 0, 255).astype(np.uint8)
