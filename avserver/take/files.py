"""Files that a take names: what they are called in it, and how they are known again."""

import dataclasses
import hashlib
from pathlib import Path

from avserver.audio.catalogue import DEMO_FILE
from avserver.audio.source_name import DEMO
from avserver.bundled import model_path
from avserver.config import DEFAULT
from avserver.errors import TakeError
from avserver.generator.role import Role


def name_of(path: Path) -> str:
    """Return what a take calls a file: its whole path, or the name of what comes with avserver."""
    bundled = {model_path(DEFAULT): DEFAULT, DEMO_FILE: DEMO}
    return bundled.get(path) or str(path.absolute())


def path_of(name: str) -> Path:
    """Return the file that a take calls so."""
    return DEMO_FILE if name == DEMO else model_path(name)


def files_of(role: Role) -> list[Path]:
    """Return all files that a role is drawn with: its model, and whatever else it names."""
    values = (getattr(role, field.name) for field in dataclasses.fields(role))
    named = [item for value in values for item in (value if isinstance(value, tuple) else (value,))]
    return [item for item in named if isinstance(item, Path)]


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hex. Raises TakeError if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as err:
        raise TakeError(f"cannot read {path}: {err.strerror}") from err
