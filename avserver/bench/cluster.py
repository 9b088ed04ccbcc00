"""What a cluster costs: the same film drawn by processes of this machine, and by a cluster of this machine alone."""

import itertools
import os
import statistics
import time

from avserver.bench.report import Report
from avserver.config import built_in_show, change
from avserver.offline.shots import Shot
from avserver.offline.song_show import SongShow
from avserver.offline.studio import Studio

_ROUNDS = 7  # of turns: what else the machine does falls on both alike


def bench_cluster(report: Report, *, model: str, frames: int) -> None:
    """Time the drawing of so many frames of the demo show, all decided before; with one drawer, and one a core."""
    with SongShow("demo", change(built_in_show(), "model", path=model)) as show:
        size, shots = show.size, list(itertools.islice(show.shots(), frames))
    for count in sorted({1, os.cpu_count() or 1}):
        group = f"{count} drawing, {size[0]}x{size[1]}"
        with Studio(size, workers=count) as here, Studio(size, workers=count, cluster="local") as there:
            _ready(here, there, shots, count)
            turns = [(_seconds(here, shots), _seconds(there, shots)) for _ in range(_ROUNDS)]
        report.add(group, "processes (frames a second)", frames / statistics.median(turn[0] for turn in turns))
        report.add(group, "cluster (frames a second)", frames / statistics.median(turn[1] for turn in turns))
        overhead = statistics.median(there_s / here_s for here_s, there_s in turns) - 1
        report.add(group, "overhead of the cluster (%)", 100 * overhead)


def _ready(here: Studio, there: Studio, shots: list[Shot], count: int) -> None:
    """Have the model loaded and compiled everywhere."""
    _seconds(here, shots)
    _seconds(there, shots)
    while there.cluster is not None and there.cluster.at_work < count:
        _seconds(there, shots)
    _seconds(there, shots)


def _seconds(studio: Studio, shots: list[Shot]) -> float:
    begun_s = time.perf_counter()
    for _ in studio.frames(shots):
        pass
    return time.perf_counter() - begun_s
