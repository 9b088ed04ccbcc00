"""The models at hand: what can be told of a model's file without drawing with it."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avserver.bundled import bundled
from avserver.errors import ModelError
from avserver.generator import checkpoint
from avserver.generator.architecture import NetworkConfig, architecture_of, to_plain
from avserver.generator.checkpoint import Source

SUFFIX = ".safetensors"
# Numbers that a network keeps beside its parameters, by the last part of their official name.
BUFFERS = frozenset(
    {
        *("w_avg", "noise_const", "resample_filter"),
        *("up_filter", "down_filter", "magnitude_ema", "freqs", "phases", "transform"),
    }
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A model's file.

    Attributes:
        path: of the file.
        config: its network.
        size: of the file (bytes).
        source: where it was imported from, if it was.
    """

    path: Path
    config: NetworkConfig
    size: int
    source: Source | None

    @property
    def architecture(self) -> str:
        """`stylegan2` or the like."""
        return architecture_of(self.config)

    @property
    def parameters(self) -> int:
        """How many numbers training has set."""
        shapes = self.config.parameter_shapes().items()
        return sum(math.prod(shape) for name, shape in shapes if name.rsplit(".", 1)[-1] not in BUFFERS)

    @property
    def licence(self) -> str:
        """A note on whose the model is."""
        if self.source is not None:
            return self.source.licence
        bundled_here = self.path.resolve().parent == _bundled_folder().resolve()
        return "as avserver's; see models/README.md" if bundled_here else "unknown"

    def summary(self) -> str:
        """Return the model on one line, without its name."""
        return (
            f"{self.architecture}, {self.config.resolution} px, {self.parameters / 1e6:.1f} M parameters, "
            f"{self.size / 1e6:.1f} MB, licence: {self.licence}"
        )

    def details(self) -> list[str]:
        """Return all that is known, a line each, with the file's sha256."""
        config, source = self.config, self.source
        lines = {
            "file": str(self.path),
            "architecture": self.architecture,
            "resolution": f"{config.resolution} px",
            "latents": f"z {config.z_dim}, w {config.w_dim}, {config.num_ws} ws, {config.c_dim} classes",
            "parameters": f"{self.parameters}",
            "size": f"{self.size} bytes",
            "sha256": checkpoint.sha256_of(self.path),
            "licence": self.licence,
            "source": f"{source.file} ({source.kind}), sha256 {source.sha256}" if source else "",
            "layers": " ".join(layer.name for layer in config.layers),
        }
        return [f"{name:<13}{value}" for name, value in lines.items() if value]

    def to_plain(self) -> dict[str, Any]:
        """Return everything, with the file's sha256, as plain data."""
        source = self.source
        return {
            "file": str(self.path),
            "architecture": self.architecture,
            "resolution": self.config.resolution,
            "parameters": self.parameters,
            "bytes": self.size,
            "licence": self.licence,
            "sha256": checkpoint.sha256_of(self.path),
            "configuration": to_plain(self.config),
            "source": None if source is None else {"file": source.file, "sha256": source.sha256, "kind": source.kind},
        }


def look_at(path: str | Path) -> Entry:
    """Return what can be told of a model. Raises ModelError for a file that is none."""
    path = Path(path)
    if path.is_file() and path.suffix not in (SUFFIX, ".npz"):
        raise ModelError(f"{path} is not a {SUFFIX} file; `avserver import` makes one of other models")
    config = checkpoint.inspect(path)
    return Entry(path, config, path.stat().st_size, checkpoint.source(path))


def look_into(places: Sequence[str | Path] = ()) -> dict[Path, Entry | ModelError]:
    """Return the models in files and folders, or else the bundled ones; or what is wrong with a file of a folder's.

    Raises ModelError for a file that was named and is no model, and a place that isn't there.
    """
    found: dict[Path, Entry | ModelError] = {}
    for place in map(Path, places or [_bundled_folder()]):
        if place.is_dir():
            found |= _entries(sorted(place.glob(f"*{SUFFIX}")))
        else:
            found[place] = look_at(place)
    return found


def _entries(paths: Iterable[Path]) -> dict[Path, Entry | ModelError]:
    found: dict[Path, Entry | ModelError] = {}
    for path in paths:
        try:
            found[path] = look_at(path)
        except ModelError as err:
            found[path] = err
    return found


def _bundled_folder() -> Path:
    return bundled("models", f"default{SUFFIX}").parent
