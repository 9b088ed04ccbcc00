"""Where the files are that come with avserver: models and mappings."""

from pathlib import Path

from avserver.config import DEFAULT, is_bundled_mapping
from avserver.errors import ConfigError, nearest

_PACKAGE = Path(__file__).parent


def bundled(folder: str, name: str) -> Path:
    """Return the path of a bundled file, e.g. bundled("models", "default.safetensors").

    In an installed wheel the folders lie within the package, in a checkout beside it.
    """
    inside = _PACKAGE / folder / name
    return inside if inside.exists() else _PACKAGE.parent / folder / name


def model_path(name: str) -> Path:
    """Return the file of a model by its name in a show: `default` or a path."""
    return bundled("models", "default.safetensors") if name == DEFAULT else Path(name)


def mapping_path(name: str) -> Path:
    """Return the file of a mapping by its name in a show: `default`, that of a bundled one, or a path.

    Raises ConfigError, telling the nearest, for a name that none of the bundled ones has.
    """
    if not is_bundled_mapping(name):
        return Path(name)
    found = {file.stem: file for file in sorted(bundled("mappings", ".").rglob("*.toml"))}
    if name not in found:
        raise ConfigError(
            f"no mapping called {name!r} comes with avserver (a file would be './{name}'); {nearest(name, found)}"
        )
    return found[name]
