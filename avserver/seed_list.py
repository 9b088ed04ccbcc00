"""Seed lists: `seeds = [3, 17, 42]` in a file of their own, ready for the choirs of a mapping file."""

import tomllib
from collections.abc import Iterable
from pathlib import Path

from avserver.errors import ConfigError
from avserver.frame_spec import MAX_SEED


def read_seeds(path: Path) -> tuple[int, ...]:
    """Return the seeds of a list. Raises ConfigError for a file that is none."""
    try:
        plain = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as err:
        raise ConfigError(f"the seed list {str(path)!r} cannot be read: {err.strerror}") from err
    except (ValueError, RecursionError) as err:
        raise ConfigError(f"the seed list {str(path)!r} is not TOML: {err}") from err
    seeds = plain.get("seeds")
    if set(plain) != {"seeds"} or not isinstance(seeds, list) or not seeds:
        raise ConfigError(f"the seed list {str(path)!r} holds one line, 'seeds = [1, 2, …]', got {sorted(plain)}")
    return check_seeds(seeds)


def write_seeds(path: Path, seeds: Iterable[int]) -> None:
    """Write a list that `read_seeds` reads back."""
    path.write_text(f"seeds = [{', '.join(map(str, seeds))}]\n", encoding="utf-8")


def check_seeds(seeds: Iterable[object]) -> tuple[int, ...]:
    """Return the seeds. Raises ConfigError if one of them is none."""
    checked = []
    for seed in seeds:
        if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed <= MAX_SEED:
            raise ConfigError(f"seeds are whole numbers from 0 to {MAX_SEED}, got {seed!r}")
        checked.append(seed)
    return tuple(checked)
