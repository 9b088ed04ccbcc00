"""Files that a command writes: what exists is refused unless the user forces it."""

from pathlib import Path

from avserver.errors import ConfigError


def check_new(path: Path, *, force: bool) -> None:
    """Refuse a file that exists, and one in a folder that doesn't. Raises ConfigError."""
    if path.exists() and not force:
        raise ConfigError(f"{path} exists; --force writes over it")
    if path.is_dir():
        raise ConfigError(f"{path} is a folder, not a file to write over")
    if not path.parent.is_dir():
        raise ConfigError(f"there is no folder {path.parent} to write {path.name} in")


def check_new_picture(path: Path, *, force: bool) -> None:
    """As `check_new`, for a picture: its name says how it is stored."""
    if path.suffix.lower() not in (".jpg", ".jpeg", ".png"):
        raise ConfigError(f"a picture's name ends in .jpg or .png, got {str(path)!r}")
    check_new(path, force=force)
