"""Films and paintings by a real cluster of Ray's: several nodes on this machine, reached over loopback only."""

import contextlib
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from avserver.errors import ConfigError
from avserver.offline.chunks import longest
from avserver.offline.shots import Shot
from avserver.offline.studio import Studio
from avserver.ray_cluster import joined
from avserver.training.painted import Painting, paint_dataset
from tests.offline.scripted import COUNT, SIZE, film, scripted
from tests.offline.test_rendering import pictures

LEAST_STORE = 80_000_000


@pytest.fixture
def folder() -> Iterator[str]:
    """A folder whose name is short: pytest's are too long for the names of Ray's sockets."""
    folder = tempfile.mkdtemp(prefix="ray")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module", autouse=True)
def secluded() -> Iterator[None]:
    """Ray keeps to itself, and away from other clusters; it reads most of this when it is imported."""
    folder = tempfile.mkdtemp(prefix="ray")
    quiet = {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # loopback only
        "RAY_worker_niceness": "0",
        "RAY_raylet_start_wait_time_s": "120",
        "RAY_DEDUP_LOGS_SKIP_REGEX": ".",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": "0123456789abcdef" * 4,
        "RAY_TMPDIR": folder,
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in quiet.items():
            patch.setenv(name, value)
        patch.delenv("RAY_ADDRESS", raising=False)
        yield
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def machines() -> Iterator[Any]:
    """A head that draws nothing, for this process to be at, and two nodes with a CPU each."""
    from ray.cluster_utils import Cluster

    settings = {"include_dashboard": False, "object_store_memory": LEAST_STORE}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **settings})
    try:
        for _ in range(2):
            cluster.add_node(num_cpus=1, **settings)
        yield cluster
    finally:
        cluster.shutdown()


def artists(node: Any, name: str = "FarDrawer") -> list[psutil.Process]:
    """Return the processes that draw on a node, or those that do what is called so."""
    raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)
    return [child for child in raylet.children(recursive=True) if name in " ".join(child.cmdline())]


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


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_paintings_of_a_machine_that_is_killed_are_painted_by_another(machines: Any, tmp_path: Path) -> None:
    painting = Painting(1000, seed=3, size_px=64, families=("folds", "contours", "figures"))
    paint_dataset(tmp_path / "alone", painting, workers=2, say=lambda _: None)
    said: list[int] = []

    def say(done: int) -> None:
        said.append(done)
        if len(said) == 2:  # the first file is there, others are being painted
            painting_now = [(node, artists(node, "_painted")) for node in machines.worker_nodes]
            doomed, (painter, *_) = next(found for found in painting_now if found[1])
            painter.send_signal(signal.SIGSTOP)
            machines.remove_node(doomed, allow_graceful=False)

    paint_dataset(tmp_path / "cluster", painting, cluster=machines.address, say=say)
    assert said[0] == 0
    assert said[-1] == 1000
    alone, cluster = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("alone", "cluster")
    )
    assert len(alone) == 9
    assert cluster == alone


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_command_has_a_cluster_of_its_own_draw_the_same_film(tiny_model: Path, tmp_path: Path, folder: str) -> None:
    films = [tmp_path / "cluster.mp4", tmp_path / "plain.mp4"]
    for path, flags in zip(films, (["--cluster", "local", "--workers", "1"], []), strict=True):
        command = ["render", "demo", "-o", str(path), "--model", str(tiny_model), "--size", "64x64", "--to", "2"]
        done = subprocess.run(
            [sys.executable, "-m", "avserver", *command, *flags],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "TMPDIR": folder},
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(f"{path}: 60 frames, 2.00 s, made in ")
    np.testing.assert_array_equal(pictures(films[0]), pictures(films[1]))
    assert list(Path(folder).iterdir()) == []
    left = [
        process for process in psutil.process_iter(["cmdline"]) if folder in " ".join(process.info["cmdline"] or [])
    ]
    assert left == []


def answering(answer: bytes) -> Iterator[int]:
    """Listen at a port, and answer whoever comes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            with listener.accept()[0] as connection:
                connection.recv(100)
                connection.sendall(answer)

        thread = threading.Thread(target=greet, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(10)


def test_a_cluster_that_cannot_be_had_is_one_sentence_and_soon() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = listener.getsockname()[1]
    with contextlib.contextmanager(answering)(b"220 mail.example ESMTP") as port:
        for address, why in {
            "auto": "Could not find any running Ray instance",
            f"127.0.0.1:{closed}": "Connection refused",
            f"127.0.0.1:{port}": "what listens there is not Ray",
            "nonsense": "Invalid address format: nonsense",
        }.items():
            begun_s = time.monotonic()
            with pytest.raises(ConfigError, match=rf"^cannot join a Ray cluster at {address} \({why}\); `ray start`"):
                joined(address, cpus=1, store_bytes=0).__enter__()
            assert time.monotonic() - begun_s < 30


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    for address in ("auto", "local"):
        with pytest.raises(
            ConfigError, match=r"a cluster needs Ray; install it with: pip install 'avserver\[cluster\]'"
        ):
            joined(address, cpus=1, store_bytes=0).__enter__()
