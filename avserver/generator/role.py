"""Role: what a render worker is started for."""

from dataclasses import dataclass
from pathlib import Path

from avserver.frame_spec import BendSlot, ModelShape


@dataclass(frozen=True, slots=True)
class Role:
    """What a worker is to play.

    Attributes:
        name: of the model, for people.
        model: its file.
        shape: what a scene has to know of the model.
        bends: what may be bent, in order (what may not costs nothing).
        directions: kinds of directions of w that it may be moved along.
        partner: file of a model of the same shape that may be mixed in.
        pictures: files of ws that stand among the seeds.
        luts: files of look-up tables that its colours may be graded with.
        editions: when each of them was written (ns): another edition is another role.
    """

    name: str
    model: Path
    shape: ModelShape
    bends: tuple[BendSlot, ...] = ()
    directions: tuple[str, ...] = ()
    partner: Path | None = None
    pictures: tuple[Path, ...] = ()
    luts: tuple[Path, ...] = ()
    editions: tuple[int, ...] = ()
