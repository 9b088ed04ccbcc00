"""Sounds whose truth is known, and what an analyser says of them."""

import numpy as np

from avserver.analysis.analyser import Analyser
from avserver.audio.source import ArraySource
from avserver.listen import scores

RATE = 44_100
HOP_S = 256 / RATE


def seconds(duration_s):
    """Return the time (s) of each sample."""
    return np.arange(round(duration_s * RATE)) / RATE


def sine(hz, duration_s, level=0.5):
    return (level * np.sin(2 * np.pi * hz * seconds(duration_s))).astype(np.float32)


def noise(duration_s, level=0.3, seed=1):
    rng = np.random.default_rng(seed)
    return (level * rng.uniform(-1, 1, round(duration_s * RATE))).astype(np.float32)


def bursts(low_hz, high_hz, times_s, duration_s, level=0.5):
    """Bursts of noise between two frequencies; each rises in 20 ms, so that it has no click of its own."""
    spectrum = np.fft.rfft(noise(duration_s, 1.0))
    hz = np.fft.rfftfreq(round(duration_s * RATE), 1 / RATE)
    band = np.fft.irfft(np.where((hz >= low_hz) & (hz < high_hz), spectrum, 0), round(duration_s * RATE))
    since = seconds(min(1.0, duration_s))
    rise_and_fall = np.minimum(since / 0.02, 1) * np.exp(-since / 0.08)
    gate = np.zeros(round(duration_s * RATE))
    for t_s in times_s:
        part = gate[round(t_s * RATE) :][: since.size]
        np.maximum(part, rise_and_fall[: part.size], out=part)
    return (level * band / np.abs(band).max() * gate).astype(np.float32)


def listen(samples, fps=30, duration_s=None):
    """Return the Signals of each frame."""
    analyser = Analyser(ArraySource(samples))
    frames = int((duration_s or len(samples) / RATE) * fps)
    return [analyser.until(frame / fps) for frame in range(1, frames + 1)]


def onsets_of(signals, stem="mix", band="full"):
    """Return the onsets of one stem and band, in the order in which they were told."""
    return [onset for frame in signals for onset in frame.onsets if (onset.stem, onset.band) == (stem, band)]


def matches(found_s, true_s, tolerance_s=0.05):
    """Return pairs (found, true) of sorted times that are no further apart, each time used once."""
    return [(found_s[i], true_s[j]) for i, j in scores.matches(found_s, true_s, tolerance_s)]


def f_measure(found_s, true_s, tolerance_s=0.05):
    """Return 2·hits / (found + true), the usual score of onset and beat detectors."""
    return scores.f_measure(list(found_s), list(true_s), tolerance_s)
