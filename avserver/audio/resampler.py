"""Resampler: a stream at one rate, block by block, as a stream at another."""

from typing import Any

import av
import numpy as np

from avserver.audio.source import Samples


class Resampler:
    """Resamples mono sound by ffmpeg's swresample. Blocks of any size give the same samples as the whole at once.

    What it holds back is under a millisecond. Nothing is done where the rates are equal.

    Args:
        rate_in: samples per second (Hz) that it is given.
        rate_out: samples per second (Hz) that it returns.
    """

    def __init__(self, rate_in: int, rate_out: int) -> None:
        self._rate_in = rate_in
        self._resampler: Any = None
        if rate_in != rate_out:
            self._resampler = av.AudioResampler(format="flt", layout="mono", rate=rate_out)

    def __call__(self, block: Samples) -> Samples:
        """Take (n,) samples, return those that follow from them."""
        if self._resampler is None or block.size == 0:
            return block
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block, np.float32)[None], format="flt", layout="mono")
        frame.sample_rate = self._rate_in
        frames = self._resampler.resample(frame)
        return np.concatenate([frame.to_ndarray()[0] for frame in frames]) if frames else np.zeros(0, np.float32)
