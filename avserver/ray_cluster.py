"""Into a cluster of Ray's, and out of it again."""

import contextlib
import logging
import os
import secrets
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator
from types import ModuleType

from avserver.errors import ConfigError

LOCAL, AUTO = "local", "auto"
_INSTALL = "install it with: pip install 'avserver[cluster]'"
_ANSWERS_WITHIN_S = 3.0
# What Ray's servers speak: a client begins with this, and the server answers with its settings (RFC 9113, 3.4).
_HTTP2_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5)
_SETTINGS = 4
_LEAST_STORE = 80_000_000  # bytes; Ray takes no less than 75 MiB


@contextlib.contextmanager
def joined(address: str, *, cpus: int, store_bytes: int) -> Iterator[ModuleType]:
    """Be a part of a cluster for a while; yields Ray.

    Args:
        address: `auto` is the cluster that this machine is a part of, host:port that of the head, and `local` a
            cluster of this machine alone, which is started for the while and reached from nowhere else.
        cpus: `local`: how many it has.
        store_bytes: `local`: of pictures and models that lie ready.

    Raises ConfigError if Ray is not installed, or the cluster cannot be had.
    """
    # Read by Ray while it is imported: it sends no reports to its makers, and what it says of those that end is not
    # printed among what we print.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".")
    with _started_here(cpus, store_bytes) if address == LOCAL else _already_running(address) as ray:
        # Ray has SIGTERM end us in good order, and then puts a handler before it that prints the stack and dies.
        signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGTERM))
        yield ray


@contextlib.contextmanager
def _started_here(cpus: int, store_bytes: int) -> Iterator[ModuleType]:
    # Ray's own switch for what it does on a Mac: listen on the loopback interface only.
    os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    # Other users of this machine reach that too.
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    # As other processes of a user's, not behind them.
    os.environ.setdefault("RAY_worker_niceness", "0")
    os.environ.setdefault("RAY_raylet_start_wait_time_s", "120")  # instead of ten: a busy machine takes longer
    ray = _ray()
    folder = tempfile.mkdtemp(prefix="ray-")
    try:
        _start(ray, folder, cpus, store_bytes)
        yield ray
    finally:
        ray.shutdown(wait_for_processes=True)
        shutil.rmtree(folder, ignore_errors=True)


def _start(ray: ModuleType, folder: str, cpus: int, store_bytes: int) -> None:
    try:
        ray.init(
            address=LOCAL,
            num_cpus=cpus,
            object_store_memory=max(store_bytes, _LEAST_STORE),
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            _temp_dir=folder,
        )
    except Exception as err:
        raise ConfigError(f"Ray cannot start a cluster on this machine: {_first_sentence(err)}") from err


@contextlib.contextmanager
def _already_running(address: str) -> Iterator[ModuleType]:
    ray = _ray()
    try:
        host, port = _find(address)
        _greet(host, port)
        ray.init(address=f"{host}:{port}", log_to_driver=False, logging_level=logging.ERROR)
    except Exception as err:
        why = _first_sentence(err)
        raise ConfigError(
            f"cannot join a Ray cluster at {address} ({why}); `ray start` makes this machine a part of one"
        ) from err
    try:
        yield ray
    finally:
        ray.shutdown()


def _ray() -> ModuleType:
    try:
        import ray  # noqa: PLC0415  (an extra)
    except ImportError as err:
        raise ConfigError(f"a cluster needs Ray; {_INSTALL}") from err
    module: ModuleType = ray
    return module


def _find(address: str) -> tuple[str, int]:
    """Return where the head of a cluster listens. Raises ValueError or ConnectionError."""
    from ray._private import services  # noqa: PLC0415  (as `ray.init` does it; that would wait for a dead one)

    found = services.canonicalize_bootstrap_address(address)
    if found is None:
        raise ConnectionError("none runs on this machine")
    host, _, port = found.rpartition(":")
    return host.strip("[]"), int(port)


def _greet(host: str, port: int) -> None:
    """See whether something answers that may be Ray, which itself tries for minutes. Raises OSError if not."""
    with socket.create_connection((host, port), _ANSWERS_WITHIN_S) as connection:
        connection.settimeout(_ANSWERS_WITHIN_S)
        connection.sendall(_HTTP2_HELLO)
        answer = connection.recv(9)
    if len(answer) < 4 or answer[3] != _SETTINGS:
        raise ConnectionError("what listens there is not Ray")


def last_line(err: Exception) -> str:
    """Return the end of what Ray says, where the reason is."""
    lines = [line.strip() for line in str(err).splitlines() if line.strip()]
    return lines[-1].rstrip(".") if lines else type(err).__name__


def _first_sentence(err: Exception) -> str:
    """Return what an error says, short."""
    text = str(err.strerror if isinstance(err, OSError) and err.strerror else err) or type(err).__name__
    return text.splitlines()[0].split(". ")[0].rstrip(".")
