"""Files that a command writes: what exists is refused unless the user forces it."""

from pathlib import Path

from avserver.errors import ConfigError


def check_new(path: Path, *, force: bool) -> None:
    """Refuse a file that exists, and one in a folder that doesn't. Raises ConfigError."""
    if path.exists() and (not force or not path.is_file()):
        raise ConfigError(f"{str(path)!r} exists already; name another file{'' if force else ' or add --force'}")
    if not path.parent.is_dir():
        raise ConfigError(f"there is no folder {str(path.parent)!r} to write {path.name!r} to")


def check_new_picture(path: Path, *, force: bool) -> None:
    """As `check_new`, for a picture: its name says how it is stored."""
    if path.suffix.lower() not in (".jpg", ".jpeg", ".png"):
        raise ConfigError(f"a picture's name ends in .jpg or .png, got {str(path)!r}")
    check_new(path, force=force)
