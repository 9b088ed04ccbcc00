"""`avserver seeds`: draw what seeds look like, pick some, and write them down for a choir."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import numpy as np
import numpy.typing as npt
from PIL import Image

from avserver.bundled import model_path
from avserver.contact_sheet import lay_out, most_different
from avserver.errors import ConfigError
from avserver.frame_spec import z_of_seed
from avserver.generator import load
from avserver.new_file import check_new, check_new_picture
from avserver.progress import Progress
from avserver.seed_list import check_seeds, read_seeds, write_seeds
from avserver.ws_file import read_ws

if TYPE_CHECKING:
    from avserver.generator.model import Generator

MOST_PICTURES = 4096  # on one sheet: past that, no viewer opens it
# Seeds that are drawn at random stay below it, so that they can be typed and remembered.
RANDOM_BELOW = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Casting:
    """What to draw, and where to write it.

    Attributes:
        seeds: those to draw.
        ws: .npz files of `avserver project` to draw before them.
        diverse: how many of the seeds to keep, the most different ones; None keeps all.
        sheet: the picture to write, None for none.
        seed_list: the list of kept seeds to write, None for none.
        model: name of the generator.
        truncation_psi: how far pictures stray from the average one.
        columns: pictures in a row, None makes the sheet about as wide as high.
        side_px: side of a picture on the sheet; None as the model draws it, up to 256.
        force: write over files that exist.
    """

    seeds: tuple[int, ...]
    ws: tuple[Path, ...] = ()
    diverse: int | None = None
    sheet: Path | None = None
    seed_list: Path | None = None
    model: str = "default"
    truncation_psi: float = 1.0
    columns: int | None = None
    side_px: int | None = None
    force: bool = False

    def __post_init__(self) -> None:
        if not 1 <= len(self.seeds) + len(self.ws) <= MOST_PICTURES:
            count = len(self.seeds) + len(self.ws)
            raise ConfigError(f"a sheet has 1 to {MOST_PICTURES} pictures, got {count}")
        if self.sheet is None and self.seed_list is None:
            raise ConfigError("there is nothing to write: name a sheet with -o, a seed list with --list, or both")
        if self.diverse is not None and not 1 <= self.diverse <= len(self.seeds):
            raise ConfigError(f"--diverse keeps 1 to {len(self.seeds)} of the seeds, got {self.diverse}")
        for name, value, low, high in (
            ("--columns", self.columns, 1, MOST_PICTURES),
            ("--side", self.side_px, 8, 2048),
            ("--truncation-psi", self.truncation_psi, 0, 10),
        ):
            if value is not None and not low <= value <= high:
                raise ConfigError(f"{name} is a number from {low} to {high}, got {value:g}")
        if self.sheet is not None:
            check_new_picture(self.sheet, force=self.force)
        if self.seed_list is not None:
            check_new(self.seed_list, force=self.force)


def chosen_seeds(text: str) -> tuple[int, ...]:
    """Return the seeds of `3,17,42` or of the list in a file of that name. Raises ConfigError."""
    if not all(part.strip().isdecimal() for part in text.split(",")):
        return read_seeds(Path(text))
    return check_seeds(int(part) for part in text.split(","))


def random_seeds(count: int, seed: int) -> tuple[int, ...]:
    """Return different seeds, the same for the same `seed`. Raises ConfigError for a count that makes no sense."""
    if not 1 <= count <= MOST_PICTURES:
        raise ConfigError(f"--random draws 1 to {MOST_PICTURES} seeds, got {count}")
    drawn = np.random.default_rng(check_seeds([seed])[0]).choice(RANDOM_BELOW, count, replace=False)
    return tuple(drawn.tolist())


def cast(casting: Casting, out: TextIO) -> tuple[int, ...]:
    """Draw, pick and write; return the kept seeds. `out` shows how far it is, if it is a terminal."""
    seeds, kept = casting.seeds, casting.seeds
    if casting.sheet is not None or casting.diverse is not None:
        generator = load(model_path(casting.model))
        rows = [read_ws(path, generator.num_ws, generator.w_dim) for path in casting.ws]
        rows += [_ws_of_seed(generator, seed, casting.truncation_psi) for seed in seeds]
        side_px = casting.side_px or min(generator.resolution, 256)
        pictures = []
        with Progress(len(rows), out) as progress:
            for ws in rows:
                pictures.append(_picture(generator, ws, side_px))
                progress.show(len(pictures))
        extras, pictures = pictures[: len(casting.ws)], pictures[len(casting.ws) :]
        if casting.diverse is not None:
            places = most_different(pictures, casting.diverse)
            kept, pictures = tuple(seeds[i] for i in places), [pictures[i] for i in places]
        if casting.sheet is not None:
            labels = [path.stem for path in casting.ws] + [str(seed) for seed in kept]
            lay_out(extras + pictures, labels, columns=casting.columns).save(casting.sheet, quality=90)
    if casting.seed_list is not None:
        write_seeds(casting.seed_list, kept)
    return kept


def _ws_of_seed(generator: "Generator", seed: int, truncation_psi: float) -> npt.NDArray[np.float32]:
    label = np.eye(1, generator.c_dim) if generator.c_dim else None
    return generator.mapping(z_of_seed(seed, generator.z_dim), label, truncation_psi=truncation_psi)


def _picture(generator: "Generator", ws: npt.NDArray[np.float32], side_px: int) -> Image.Image:
    image = generator.synthesis(ws)[0]
    picture = Image.fromarray(np.clip(image * 127.5 + 128, 0, 255).astype(np.uint8))
    return picture.resize((side_px, side_px), Image.Resampling.LANCZOS)


def seeds_from(first: int, count: int) -> tuple[int, ...]:
    """Return `count` seeds in a row. Raises ConfigError if one of them is none."""
    if not 0 <= count <= MOST_PICTURES:
        raise ConfigError(f"--count is a number from 0 to {MOST_PICTURES}, got {count}")
    return check_seeds(range(first, first + count))
