"""A dataset of our own paintings, made by all cores of the machine."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

from avserver.errors import ConfigError, nearest
from avserver.training.painting.painter import FAMILIES, family_of, paint
from avserver.training.shards import Sample, shard_path, write_shard

_PER_SHARD = 128
_VERSION = 1  # of the painters: other ones paint other pictures


@dataclass(frozen=True, slots=True)
class Painting:
    """What a painted dataset is made of.

    Attributes:
        count: of pictures.
        seed: of the first; the next ones follow.
        size_px: their side.
        families: that they may be of; empty: all.
        version: of the painters.

    Raises ConfigError for a count, size or family that cannot be.
    """

    count: int
    seed: int = 0
    size_px: int = 256
    families: tuple[str, ...] = ()
    version: int = _VERSION

    def __post_init__(self) -> None:
        if not 1 <= self.count <= 10_000_000:
            raise ConfigError(f"a dataset has 1 to 10000000 pictures, got {self.count}")
        if not 16 <= self.size_px <= 2048:
            raise ConfigError(f"a painting is 16 to 2048 px wide, got {self.size_px}")
        if self.seed < 0:
            raise ConfigError(f"a seed is 0 or more, got {self.seed}")
        for name in self.families:
            if name not in FAMILIES:
                raise ConfigError(f"there is no family {name!r}; {nearest(name, FAMILIES)}")

    @property
    def shards(self) -> int:
        """How many files it makes."""
        return -(-self.count // _PER_SHARD)


def paint_dataset(folder: Path, painting: Painting, *, workers: int, say: Callable[[int], None]) -> None:
    """Paint a dataset into a folder; one that was broken off goes on.

    Args:
        folder: made if need be.
        painting: what.
        workers: processes.
        say: told, now and then, how many pictures there are.

    Raises ConfigError if the folder holds something else.
    """
    _claim(folder, painting)
    missing = [number for number in range(painting.shards) if not shard_path(folder, number).exists()]
    done = painting.count - sum(len(_numbers(painting, number)) for number in missing)
    say(done)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        jobs = {pool.submit(_paint_shard, folder, painting, number): number for number in missing}
        for job in as_completed(jobs):
            job.result()
            done += len(_numbers(painting, jobs[job]))
            say(done)


def _claim(folder: Path, painting: Painting) -> None:
    """Take the folder for this dataset, new or begun."""
    plain = json.dumps({"made": "painted", **asdict(painting)}, indent=1, sort_keys=True) + "\n"
    about = folder / "dataset.json"
    if about.exists():
        if about.read_text(encoding="utf-8") != plain:
            raise ConfigError(f"{folder} holds another dataset, see {about}; name another folder")
        return
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder} is there and is not a dataset; name a new folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        about.write_text(plain, encoding="utf-8")
    except OSError as err:
        raise ConfigError(f"cannot write a dataset into {folder}: {err.strerror}") from err


def _numbers(painting: Painting, shard: int) -> range:
    return range(shard * _PER_SHARD, min((shard + 1) * _PER_SHARD, painting.count))


def _paint_shard(folder: Path, painting: Painting, shard: int) -> None:
    write_shard(shard_path(folder, shard), _samples(painting, _numbers(painting, shard)))


def _samples(painting: Painting, numbers: range) -> Iterator[Sample]:
    for number in numbers:
        seed = painting.seed + number
        family = family_of(seed, painting.families)
        yield Sample(number, paint(seed, painting.size_px, family), {"seed": seed, "family": family})
