"""The one place where Keras is imported, and which framework it then runs on is chosen.

KERAS_BACKEND chooses; TensorFlow otherwise. Importing this module takes seconds, so only what computes with a
framework does: `generator`, `offline` and `training`.
"""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# TensorFlow leaves oneDNN off on CPUs without AVX512; it is three times faster there too for few channels.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


@contextlib.contextmanager
def _without_banner() -> Iterator[None]:
    """Drop the lines at INFO that TensorFlow 2.21 prints while it is imported; no setting of its own does."""
    kept = os.dup(2)
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as printed:
        os.dup2(printed.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            printed.seek(0)
            sys.stderr.writelines(line for line in printed if not line.startswith(("I0000 ", "WARNING: All log")))


with _without_banner():
    import keras
    from keras import ops

__all__ = ["keras", "ops"]
