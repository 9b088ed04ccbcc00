"""What was compiled once is kept in the user's cache folder, so that the second start is faster than the first.

The folder is named after the processor and the framework, since compiled code runs on no other. It may be removed at
any time. AVSERVER_COMPILE_CACHE names another folder; empty, nothing is kept.
"""

import hashlib
import os
import shutil
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

VARIABLE = "AVSERVER_COMPILE_CACHE"
# A small model is 4 MB, a large one not much more: weights are not in it on a CPU. Beyond this the oldest go.
MOST_BYTES = 500_000_000


def folder(environment: Mapping[str, str]) -> Path | None:
    """Return where compiled code is kept by this machine, None if it is not."""
    chosen = environment.get(VARIABLE)
    if chosen == "":
        return None
    home = environment.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111  (Path's raises homeless)
    root = Path(chosen) if chosen else Path(home) / "avserver" / "compiled"
    return root / hashlib.sha256(_machine().encode()).hexdigest()[:16]


def prepare(path: Path) -> bool:
    """Make the folder and take out what is too much; return whether it can be written."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        files = sorted((file for file in path.iterdir() if file.is_file()), key=lambda file: file.stat().st_mtime)
        excess = sum(file.stat().st_size for file in files) - MOST_BYTES
        for file in files:
            if excess <= 0:
                break
            excess -= file.stat().st_size
            file.unlink(missing_ok=True)
    except OSError:
        return False
    return os.access(path, os.W_OK)


def forget(path: Path) -> None:
    """Remove what is kept; somebody may have removed it already."""
    shutil.rmtree(path, ignore_errors=True)
    prepare(path)


def _machine() -> str:
    """Return what compiled code depends on: the processor's abilities and the framework's version."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="ascii", errors="replace").splitlines() if cpuinfo.exists() else []
    abilities = sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))})
    return "\n".join([*abilities, *(f"{name} {_version(name)}" for name in ("tensorflow", "jax", "keras"))])


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"
