"""NDI's runtime: the library that comes with the package ndi-python. It is Vizrt's, and not free software.

It reads its configuration once, when it is started, so that there is one for all NDI of a process.
"""

import json
import os
import tempfile
import threading
from pathlib import Path
from types import ModuleType

from avserver.errors import ConfigError

VARIABLE = "NDI_CONFIG_DIR"
FILE = "ndi-config.v1.json"
INSTALL = "install it with: pip install avserver[ndi]"

_starting = threading.Lock()
_started: dict[tuple[str, str], ModuleType] = {}


def start_ndi(*, discovery: str = "", config_dir: str = "") -> ModuleType:
    """Return NDIlib, started.

    Args:
        discovery: addresses of discovery servers, `HOST` or `HOST:PORT`, with commas between; it stands in for all of
            the user's own configuration.
        config_dir: the folder of a configuration of NDI's, instead of $NDI_CONFIG_DIR or the user's own.

    Raises ConfigError if there is no such folder, if it was started with another configuration, or if NDI cannot be
    had here: its package is missing, or this processor is too old for it.
    """
    ndi = _ndilib()
    wanted = (discovery, config_dir)
    with _starting:
        if _started and wanted not in _started:
            raise ConfigError("all NDI outputs of a show have the same discovery and config_dir, got different ones")
        if not _started:
            _start(ndi, discovery, config_dir)
            _started[wanted] = ndi
    return ndi


def running_ndi() -> ModuleType:
    """Return NDIlib as it was started, or started as it comes. Raises ConfigError if NDI cannot be had here."""
    return next(iter(_started.values()), None) or start_ndi()


def _ndilib() -> ModuleType:
    try:
        import NDIlib  # noqa: PLC0415  (an extra)
    except (ImportError, OSError) as err:
        raise ConfigError(f"NDI needs the package ndi-python ({err}); {INSTALL}") from err
    found: ModuleType = NDIlib
    return found


def _start(ndi: ModuleType, discovery: str, config_dir: str) -> None:
    with tempfile.TemporaryDirectory(prefix="avserver-ndi-") as folder:  # mode 0700
        if discovery:
            config = {"ndi": {"networks": {"discovery": discovery}}}
            (Path(folder) / FILE).write_text(json.dumps(config), encoding="utf-8")
            config_dir = folder
        elif config_dir:
            config_dir = str(Path(config_dir).expanduser())
            if not (Path(config_dir) / FILE).is_file():
                raise ConfigError(f"config_dir of an NDI output is a folder with {FILE} in it, got {config_dir}")
        before = os.environ.get(VARIABLE)
        try:
            if config_dir:
                os.environ[VARIABLE] = config_dir
            if not ndi.initialize():
                raise ConfigError("NDI does not run on this processor; it needs SSE4.2 or NEON")
        finally:
            os.environ.pop(VARIABLE, None)
            if before is not None:
                os.environ[VARIABLE] = before
