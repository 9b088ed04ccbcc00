"""A click track: sound whose truth is known to the sample, for tests and the bench."""

from collections.abc import Iterable

import numpy as np

from avserver.audio.source import Samples

CLICK_S = 0.008


def clicks(times_s: Iterable[float], duration_s: float, *, sample_rate: int = 44_100, level: float = 0.8) -> Samples:
    """Render clicks: each a burst of noise of 8 ms that begins at full strength on its sample.

    Args:
        times_s: when each click begins (s); what falls outside the track is left out.
        duration_s: length of the track (s).
        sample_rate: samples per second (Hz).
        level: peak, in [0, 1].

    Returns:
        (n,) float32. The same arguments always give the same samples.
    """
    track = np.zeros(round(duration_s * sample_rate), np.float32)
    length = round(CLICK_S * sample_rate)
    noise = np.random.default_rng(0).uniform(-1, 1, length)
    noise[0] = 1.0
    click = (level * noise * np.exp(-np.arange(length) * 4 / length)).astype(np.float32)
    for t_s in times_s:
        start = round(t_s * sample_rate)
        if 0 <= start < track.size:
            end = min(start + length, track.size)
            track[start:end] = click[: end - start]
    return track
