"""Where the files are that come with avserver: models and mappings."""

from pathlib import Path

from avserver.config import DEFAULT

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
    """Return the file of a mapping by its name in a show: `default` or a path."""
    return bundled("mappings", "default.toml") if name == DEFAULT else Path(name)
