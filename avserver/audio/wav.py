"""Writing sound to a wav file."""

import wave
from pathlib import Path

import numpy as np

from avserver.audio.source import Samples


def write_wav(path: str | Path, samples: Samples, *, sample_rate: int = 44_100) -> None:
    """Write mono samples in [-1, 1] as a 16-bit wav file."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(np.clip(np.round(samples * 32_768), -32_768, 32_767).astype("<i2").tobytes())
