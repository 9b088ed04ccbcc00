"""FarDrawer: draws chunks of films in a process of another machine, which has none of our files.

What starts it there, and carries models to it and pictures back, is not its concern.
"""

import dataclasses
import socket
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from avserver.errors import AvserverError, ModelError
from avserver.frame_spec import FrameSpec
from avserver.generator.memory import Memory
from avserver.generator.role import Role

if TYPE_CHECKING:
    from avserver.generator.renderer import Renderer

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Parcel:
    """A role with the bytes of its files."""

    role: Role
    files: Mapping[Path, Pixels]


@dataclass(frozen=True, slots=True)
class Traits:
    """What distinguishes one who draws from others.

    Attributes:
        machine: its name.
        version: of avserver.
        precision: that it is fast with.
    """

    machine: str
    version: str
    precision: str


@dataclass(frozen=True, slots=True)
class Drawn:
    """A chunk of a film: pixels (n, height, width, 3), and what the next chunk has to know if it looks back."""

    pixels: Pixels
    memory: Memory


class FarDrawer:
    """Draws with every role that it has learnt.

    Args:
        size: (width, height) of the frames in px.
        threads: of the CPU, to draw with.
        wide: how the network fills frames that are not square, one of `canvas.WIDE`.
    """

    def __init__(self, size: tuple[int, int], threads: int, wide: str) -> None:
        # Imported here, and not where this is only sent for: the framework comes in.
        from avserver.generator import backend  # noqa: PLC0415

        backend.start(threads)
        self._size, self._threads, self._wide = size, threads, wide
        self._precision = backend.default_precision()
        self._renderers: dict[int, Renderer] = {}

    def traits(self) -> Traits:
        """Tell who this is."""
        return Traits(socket.gethostname(), version("avserver"), self._precision)

    def learn(self, number: int, parcel: Parcel, precision: str) -> str:
        """Get ready to play a role, which is called by that number; return why that cannot be, or nothing."""
        from avserver.generator.renderer import renderer_for  # noqa: PLC0415

        try:
            with tempfile.TemporaryDirectory(prefix="avserver-") as folder:
                role = unpack(parcel, Path(folder))
                renderer = renderer_for(role, self._size, wide=self._wide, threads=self._threads, precision=precision)
            renderer.warm_up()
        except AvserverError as err:
            return str(err)
        self._renderers[number] = renderer
        return ""

    def draw(
        self, number: int, complaint: str, specs: Sequence[FrameSpec], memory: Memory | None
    ) -> Drawn | str | None:
        """Draw a role's specs in order, from what was drawn before on.

        Args:
            number: of the role.
            complaint: what `learn` returned.
            specs: at least one.
            memory: of the chunk that this one looks back at.

        Returns a sentence instead if one cannot be drawn, and None if this process has not learnt the role, but another
        did, whose place it has taken.
        """
        if complaint:
            return complaint
        renderer = self._renderers.get(number)
        if renderer is None:
            return None
        renderer.reset()
        if memory is not None:
            renderer.memory = memory
        width_px, height_px = self._size
        pixels = np.empty((len(specs), height_px, width_px, 3), np.uint8)
        try:
            for i, spec in enumerate(specs):
                pixels[i] = renderer.render(spec)
        except AvserverError as err:
            return str(err)
        return Drawn(pixels, renderer.memory)


def pack(role: Role) -> Parcel:
    """Return a role with its files. Raises ModelError if one cannot be read."""
    try:
        return Parcel(role, {path: np.fromfile(path, np.uint8) for path in _paths(role)})
    except OSError as err:
        raise ModelError(f"cannot read {err.filename}: {err.strerror}") from err


def unpack(parcel: Parcel, folder: Path) -> Role:
    """Write the files of a parcel into a folder, and return the role with these."""
    moved = {}
    for number, (path, data) in enumerate(parcel.files.items()):
        moved[path] = folder / str(number) / path.name
        moved[path].parent.mkdir()
        data.tofile(moved[path])

    def there(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(there, value))
        return moved[value] if isinstance(value, Path) else value

    return dataclasses.replace(
        parcel.role, **{field.name: there(getattr(parcel.role, field.name)) for field in dataclasses.fields(Role)}
    )


def _paths(role: Role) -> Iterator[Path]:
    """Yield all files that a role names, alone or in a tuple."""
    for field in dataclasses.fields(role):
        value = getattr(role, field.name)
        for item in value if isinstance(value, tuple) else (value,):
            if isinstance(item, Path):
                yield item
