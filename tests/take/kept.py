"""The take that is kept among the data of the tests: `python -m tests.take.kept` makes it anew."""

import gzip
import sys
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from avserver.config import Show, change
from avserver.frame_spec import FrameSpec
from avserver.offline.shots import Shot
from avserver.offline.studio import Studio
from avserver.offline.take_show import TakeShow
from avserver.take.facts import as_it_was
from avserver.take.reader import Take
from tests.take.performing import settings, written

FOLDER = Path(__file__).parents[1] / "data" / "take"
TAKE, SPECS, FRAMES = FOLDER / "show.take", FOLDER / "specs.jsonl.gz", FOLDER / "frames.npz"
FIRST, SECONDS = 12, 2.6


def a_vj(tick: int) -> list[tuple[str, object]]:
    """Turn a little of everything that a film or a replay has to obey."""
    return {
        16: [("/grade/hue", 60.0), ("/direction/1/amount", 1.0)],
        20: [("/latent/truncation_psi", 0.7), ("/choir/drums/next", 1)],
        26: [("/output/freeze", True)],
        28: [("/output/opacity", 0.5)],
        30: [("/output/freeze", False)],
        34: [("/output/blackout", True)],
        36: [("/output/blackout", False), ("/output/opacity", 1.0)],
        40: [("/feedback/amount", 0.5), ("/feedback/rotate", 5.0)],
        46: [("/panic", 1)],
    }.get(tick, [])


def shots_of(path: Path, model: Path) -> list[Shot]:
    """Return a take as it was, drawn by a model that lies elsewhere than it did."""
    show = change(as_it_was(Show(), Take(path)), "model", path=str(model), partner="")
    with TakeShow(path, show) as take:
        return list(take.shots())


def drawn(shots: list[Shot]) -> npt.NDArray[np.uint8]:
    """Return the pictures of some shots, 16 px wide and high."""
    with Studio((16, 16)) as studio:
        return np.stack([frame.pixels for frame in studio.frames(shots)])


def read_specs() -> list[FrameSpec | None]:
    """Return what was decided when it was made, None where the picture stood still."""
    lines = gzip.decompress(SPECS.read_bytes()).splitlines()
    return [FrameSpec.from_bytes(line) if line else None for line in lines]


def _make(model: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        # Its absolute path is in the take: not that of whoever makes it.
        elsewhere = Path(folder) / "tiny.safetensors"
        elsewhere.write_bytes(model.read_bytes())
        FOLDER.mkdir(exist_ok=True)
        TAKE.unlink(missing_ok=True)
        made = written(TAKE, settings(elsewhere), SECONDS, a_vj, first=FIRST)
        lines = [decision.spec.to_bytes() if decision.spec else b"" for decision in made]
        SPECS.write_bytes(gzip.compress(b"\n".join(lines) + b"\n", mtime=0))
        np.savez_compressed(FRAMES, frames=drawn(shots_of(TAKE, elsewhere)))


if __name__ == "__main__":
    _make(Path(sys.argv[1]))
