"""Files of ws: what `avserver project` writes, and choirs and contact sheets read."""

import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from avserver.errors import ConfigError

Array = npt.NDArray[np.float32]


def write_ws(path: Path, ws: Array) -> None:
    """Write ws (1, num_ws, w_dim) as .npz, under whatever name."""
    with path.open("wb") as file:
        np.savez(file, ws=ws.astype(np.float32))


def read_ws(path: Path, num_ws: int, w_dim: int) -> Array:
    """Return the ws (1, num_ws, w_dim) in a file. Raises ConfigError for a file that is none, or of another model."""
    try:
        with np.load(path, allow_pickle=False) as file:
            ws = np.asarray(file["ws"], np.float32)
    except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile) as err:  # TypeError: an .npy file
        raise ConfigError(f"{str(path)!r} holds no ws as avserver project writes them") from err
    if ws.shape != (1, num_ws, w_dim):
        raise ConfigError(
            f"{str(path)!r} is of another model: this one takes ws of shape {(1, num_ws, w_dim)}, got {ws.shape}"
        )
    if not np.isfinite(ws).all():
        raise ConfigError(f"{str(path)!r} has ws that are no numbers")
    return ws
