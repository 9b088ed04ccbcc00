"""Films drawn by a real cluster of Ray's: several nodes on this machine, reached over the loopback interface only."""

import logging
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from avserver.offline.chunks import longest
from avserver.offline.shots import Shot
from avserver.offline.studio import Studio
from tests.offline.scripted import COUNT, SIZE, film, scripted

LEAST_STORE = 80_000_000


@pytest.fixture(scope="module")
def machines() -> Iterator[Any]:
    """A head that draws nothing, for this process to be at, and two nodes with a CPU each."""
    folder = tempfile.mkdtemp(prefix="ray")  # pytest's are too long for the names of sockets
    quiet = {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # loopback only
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": "0123456789abcdef" * 4,
        "RAY_TMPDIR": folder,
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in quiet.items():
            patch.setenv(name, value)
        from ray.cluster_utils import Cluster

        settings = {"include_dashboard": False, "object_store_memory": LEAST_STORE}
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **settings})
        try:
            for _ in range(2):
                cluster.add_node(num_cpus=1, **settings)
            yield cluster
        finally:
            cluster.shutdown()
            shutil.rmtree(folder, ignore_errors=True)


def artists(node: Any) -> list[psutil.Process]:
    """Return the processes that draw on a node."""
    raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)
    return [child for child in raylet.children(recursive=True) if "FarDrawer" in " ".join(child.cmdline())]


def until(condition: Callable[[], bool], step: Callable[[], object]) -> None:
    end_s = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end_s
        step()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_machine_that_is_killed_costs_no_frames(
    machines: Any, tiny_model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shots = scripted(tiny_model)
    with Studio(SIZE) as studio:
        alone = film(shots, studio)
    with Studio(SIZE, cluster=machines.address) as studio:
        cluster = studio.cluster
        assert cluster is not None
        # All of the film is decided before the first frame is taken.
        assert cluster.ahead == 4 * longest(SIZE) > COUNT
        np.testing.assert_array_equal(film(shots, studio), alone)
        until(lambda: cluster.at_work == 2, lambda: film(shots[:1], studio))
        doomed = next(node for node in machines.worker_nodes if artists(node))
        assert not caplog.records

        def decided() -> Iterator[Shot]:
            for artist in artists(doomed):
                artist.send_signal(signal.SIGSTOP)  # so that it surely has something to draw when it ends
            yield from shots[:-1]
            machines.remove_node(doomed, allow_graceful=False)
            yield shots[-1]

        with caplog.at_level(logging.WARNING, "avserver"):
            np.testing.assert_array_equal(film(decided(), studio), alone)
        assert "one of those that draw has ended" in caplog.text
        assert cluster.at_work == 1
        # Its place is taken by the next machine that comes.
        machines.add_node(num_cpus=1, include_dashboard=False, object_store_memory=LEAST_STORE)
        until(lambda: cluster.at_work == 2, lambda: film(shots[:1], studio))
        np.testing.assert_array_equal(film(shots, studio), alone)
