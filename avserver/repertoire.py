"""The repertoire: the models that a show may play."""

from collections.abc import Sequence
from pathlib import Path

from avserver.bundled import model_path
from avserver.control.patch import Patch
from avserver.errors import ModelError
from avserver.generator.architecture import NetworkConfig, check_alike
from avserver.generator.checkpoint import inspect
from avserver.generator.role import Role
from avserver.lut_file import read_lut
from avserver.scene.bends import bend_slots


class Repertoire:
    """A show's models by number, from 0 on, the one that it begins with first.

    Args:
        names: paths of model files, or `default` for the one that comes with avserver.
        partner: the model that may be mixed into those of its shape; empty for none.
        luts: look-up tables for whichever of them plays.

    Raises ModelError, naming the file, if one is no model, or the first one cannot be mixed with the partner;
    ConfigError if a look-up table is none.
    """

    def __init__(self, names: Sequence[str], partner: str = "", luts: Sequence[str] = ()) -> None:
        self._luts = tuple(Path(name) for name in luts)
        for lut in self._luts:
            read_lut(lut)  # said here, and not by a worker that cannot start
        self._paths = [model_path(name) for name in names]
        self._configs = [inspect(path) for path in self._paths]
        self._partner = model_path(partner) if partner else None
        self._partner_config = inspect(self._partner) if self._partner else None
        if self._partner_config:
            try:
                check_alike(self._configs[0], self._partner_config)
            except ModelError as err:
                raise ModelError(f"{self._paths[0]} has no partner in {self._partner}: {err}") from err

    @property
    def names(self) -> tuple[str, ...]:
        """What people call the models: their files' names."""
        return tuple(path.name for path in self._paths)

    def config(self, number: int) -> NetworkConfig:
        """Return a model's configuration."""
        return self._configs[number]

    def role(self, number: int, patch: Patch) -> Role:
        """Return what a worker is to play: a model, prepared for the directions, and for bends of layers it has."""
        shape = self._configs[number].shape
        slots = bend_slots(patch.bends, shape.layers)
        partner = self._partner if self._configs[number] == self._partner_config else None
        path = self._paths[number]
        kinds = patch.direction_kinds()
        return Role(path.name, path, shape, slots, kinds, partner, patch.pictures, self._luts, patch.editions)
