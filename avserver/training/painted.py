"""A dataset of our own paintings, made by all cores of the machine, or of a cluster."""

import contextlib
import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from avserver.errors import ConfigError, RenderError, nearest
from avserver.ray_cluster import joined, last_line
from avserver.training.painting.painter import FAMILIES, family_of, paint
from avserver.training.shards import PER_SHARD, Encoded, claim, encode, shard_path, write_shard
from avserver.training.workers import start_workers

_VERSION = 1  # of the painters: other ones paint other pictures
_ATTEMPTS = 50  # for a picture that is not too fine; the last one is taken as it is
_FAR = 1_000_000_007  # between the seeds of attempts: no other picture of the dataset has them
_SEEN_PX = 64  # side at which fineness is measured
_NO_CONTRAST = 100.0  # variance of 8-bit values; a deviation of ten is hardly seen


@dataclass(frozen=True, slots=True)
class Painting:
    """What a painted dataset is made of.

    Attributes:
        count: of pictures.
        seed: of the first; the next ones follow.
        size_px: their side.
        families: that they may be of; empty: all.
        finest: how much of a picture's contrast may be finer than a sixteenth of its side, as a share; 1: all. What is
            finer is painted anew. Small networks learn large shapes sooner, and large shapes carry across a hall.
        version: of the painters.

    Raises ConfigError for a count, size or family that cannot be.
    """

    count: int
    seed: int = 0
    size_px: int = 256
    families: tuple[str, ...] = ()
    finest: float = 1.0
    version: int = _VERSION

    def __post_init__(self) -> None:
        if not 1 <= self.count <= 10_000_000:
            raise ConfigError(f"a dataset has 1 to 10000000 pictures, got {self.count}")
        if not 16 <= self.size_px <= 2048:
            raise ConfigError(f"a painting is 16 to 2048 px wide, got {self.size_px}")
        if self.seed < 0:
            raise ConfigError(f"a seed is 0 or more, got {self.seed}")
        if not 0.1 <= self.finest <= 1:
            raise ConfigError(f"the share of fine contrast is limited to 0.1 to 1, got {self.finest}")
        for name in self.families:
            if name not in FAMILIES:
                raise ConfigError(f"there is no family {name!r}; {nearest(name, FAMILIES)}")

    @property
    def shards(self) -> int:
        """How many files it makes."""
        return -(-self.count // PER_SHARD)


def paint_dataset(
    folder: Path, painting: Painting, *, workers: int | None = None, cluster: str = "", say: Callable[[int], None]
) -> None:
    """Paint a dataset into a folder; one that was broken off goes on.

    Args:
        folder: made if need be.
        painting: what.
        workers: how many paint at a time; None: one a core, or in a cluster one a CPU.
        cluster: address of a cluster of Ray's, see `ray_cluster.joined`; empty: this machine paints.
        say: told, now and then, how many pictures there are.

    Raises ConfigError if the folder holds something else, or the cluster cannot be had, and RenderError if that cannot
    paint.
    """
    claim(folder, {"made": "painted", **asdict(painting)})
    missing = deque(number for number in range(painting.shards) if not shard_path(folder, number).exists())
    done = painting.count - sum(len(_numbers(painting, number)) for number in missing)
    say(done)
    with _far_painters(cluster, workers, painting) if cluster else _near_painters(workers, painting) as painters:
        jobs: dict[_Shard, int] = {}
        while missing or jobs:
            # Each has one to paint and one that lies ready.
            while missing and len(jobs) < 2 * painters.count:
                number = missing.popleft()
                jobs[painters.ask(number)] = number
            for job in wait(jobs, return_when=FIRST_COMPLETED).done:
                number = jobs.pop(job)
                write_shard(shard_path(folder, number), job.result())
                done += len(_numbers(painting, number))
                say(done)


_Shard = Future[list[Encoded]]


@dataclass(frozen=True, slots=True)
class _Painters:
    """Those who paint: how many there are, and how they are asked for a shard by its number."""

    count: int
    ask: Callable[[int], _Shard]


@contextlib.contextmanager
def _near_painters(workers: int | None, painting: Painting) -> Iterator[_Painters]:
    """Have processes of this machine paint."""
    count = workers or _cores()
    with start_workers(count) as pool:
        yield _Painters(count, lambda number: pool.submit(_painted, painting, number))


@contextlib.contextmanager
def _far_painters(cluster: str, workers: int | None, painting: Painting) -> Iterator[_Painters]:
    """Have machines of a cluster paint. What one has that ends, Ray has painted by another."""
    here = workers or _cores()
    store_bytes = 2 * here * PER_SHARD * 3 * painting.size_px**2
    with joined(cluster, cpus=here, store_bytes=store_bytes) as ray:
        task = ray.remote(num_cpus=1, scheduling_strategy="SPREAD")(_painted)
        count = workers or max(1, int(ray.cluster_resources().get("CPU", 0)))
        try:
            yield _Painters(count, lambda number: task.remote(painting, number).future())
        except ray.exceptions.RayError as err:
            raise RenderError(f"the cluster cannot paint: {last_line(err)}") from err


def _cores() -> int:
    return os.cpu_count() or 1


def _numbers(painting: Painting, shard: int) -> range:
    return range(shard * PER_SHARD, min((shard + 1) * PER_SHARD, painting.count))


def _painted(painting: Painting, shard: int) -> list[Encoded]:
    return [_picture(painting, number) for number in _numbers(painting, shard)]


def _picture(painting: Painting, number: int) -> Encoded:
    for attempt in range(_ATTEMPTS):
        seed = painting.seed + number + attempt * _FAR
        family = family_of(seed, painting.families)
        pixels = paint(seed, painting.size_px, family)
        if painting.finest == 1 or fineness(pixels) <= painting.finest:
            break
    return Encoded(number, encode(pixels), {"seed": seed, "family": family})


def fineness(pixels: npt.NDArray[np.uint8]) -> float:
    """Return how much of a picture's variance is finer than a sixteenth of its side: 0 to about 1.

    A picture without contrast, of which nothing can be said, has 1.
    """
    small = cv2.resize(pixels, (_SEEN_PX, _SEEN_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
    coarse = cv2.resize(small, (16, 16), interpolation=cv2.INTER_AREA)
    rest = small - cv2.resize(coarse, (_SEEN_PX, _SEEN_PX), interpolation=cv2.INTER_CUBIC)
    variance = float(np.square(small - small.mean(axis=(0, 1))).mean())
    return float(np.square(rest).mean()) / variance if variance > _NO_CONTRAST else 1.0
