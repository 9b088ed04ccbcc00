"""The tempo segments of a song that is known as a whole."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from avserver.analysis.analyser import BEATEN
from avserver.analysis.stems import RANGES_HZ
from avserver.analysis.tempogram import CLASSES, Tempogram, bpm, distance, distance_to_all
from avserver.audio.file import FileSource
from avserver.audio.source import Samples
from avserver.offline.change_points import change_points
from avserver.offline.flux import normalised_flux
from avserver.offline.tempo_segment import SHORTEST_S, Segment

HOP = 256
READ_S = 10.0

# Chosen on the same songs as those of analysis.segments.
PENALTY = 2.0  # of a change, in half seconds of music that is wholly of another tempo
CHANGE = 30.0  # by how much the log-likelihood must be higher with another tempo
DRIFT = 0.5  # and with one that is a class off, which musicians are
TOLERANCE = 2  # classes: 1.5 % is the same tempo
SMOOTH = np.array([1.0, 2.0, 3.0, 2.0, 1.0])  # half seconds that speak together


def find(
    song: str | Path | Samples, sample_rate: int = 44_100, *, recurring: bool = False, penalty: float = PENALTY
) -> list[Segment]:
    """Return the tempo segments of a song; at least one, which begins at 0 s.

    Every half second of music is weighed for each tempo as in the live analysis, once from the past and once from
    what comes, so that a change has the same distance from both. Kernel change-points of that cut the song into parts;
    a new rhythm cuts it too, or a pause. Of all tempi for the parts the likeliest are then taken, and neighbours of one
    tempo are one segment.

    Args:
        song: a file of one of the formats of FileSource, or (n,) samples in [-1, 1].
        sample_rate: of the samples (Hz); a file is resampled to it.
        recurring: a segment whose tempo was there before gets the index of the first one.
        penalty: what a change costs: more of it gives fewer segments.

    Raises:
        AudioError: when the file cannot be read, or the samples are not mono.
    """
    samples = song if isinstance(song, np.ndarray) else _read(song, sample_rate)
    ranges = {name: RANGES_HZ[name] for name in BEATEN}
    strengths = normalised_flux(samples, sample_rate, ranges, hop=HOP)
    evidence, tick_s = _evidence(strengths, HOP / sample_rate)
    shortest = round(SHORTEST_S / tick_s)
    cuts = change_points(_features(evidence), penalty=penalty, shortest=shortest)
    return _segments(evidence, [0, *cuts, len(evidence)], tick_s, recurring=recurring)


def _read(path: str | Path, sample_rate: int) -> Samples:
    parts: list[Samples] = []
    with FileSource(path, sample_rate=sample_rate) as source:
        while not source.ended:
            parts.append(source.read(len(parts) * READ_S + READ_S))
    return np.concatenate(parts)


def _evidence(strengths: npt.NDArray[np.float32], hop_s: float) -> tuple[npt.NDArray[np.float64], float]:
    """Return (half seconds, CLASSES) log-likelihoods, the mean of both sides, and how long a half second is (s)."""
    tempogram = Tempogram(hop_s, strengths.shape[1])
    tick = tempogram.tick
    missing = -len(strengths) % tick if len(strengths) else tick
    whole = np.pad(strengths, ((0, missing), (0, 0)))
    sides = []
    for direction in (1, -1):
        tempogram.reset()
        ticks = whole[::direction].reshape(-1, tick, strengths.shape[1])
        sides.append(np.array([tempogram(part) for part in ticks]).reshape(-1, CLASSES)[::direction])
    return (sides[0] + sides[1]) / 2, tick * hop_s


def _features(evidence: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return how likely each tempo is about each half second, in rows of length 1."""
    padded = np.pad(evidence, ((SMOOTH.size // 2, SMOOTH.size // 2), (0, 0)))
    smooth = sum(share * padded[by : by + len(evidence)] for by, share in enumerate(SMOOTH / SMOOTH.sum()))
    likely = np.exp(smooth - smooth.max(axis=1, keepdims=True))
    return np.asarray(likely / np.linalg.norm(likely, axis=1, keepdims=True))


def _segments(evidence: npt.NDArray[np.float64], cuts: list[int], tick_s: float, *, recurring: bool) -> list[Segment]:
    """Name the parts between the cuts, having joined neighbours of one tempo."""
    parts = np.array([evidence[start:end].sum(axis=0) for start, end in pairwise(cuts)])
    path = _likeliest(parts)
    firsts = [0, *(i for i in range(1, len(path)) if _apart(path[i], path[i - 1]))]
    features = _features(evidence)
    found: list[Segment] = []
    tempi: list[int] = []  # of each index
    for first, last in pairwise([*firsts, len(path)]):
        tempo = int(parts[first:last].sum(axis=0).argmax())
        index = next((i for i in range(len(tempi)) if recurring and not _apart(tempo, tempi[i])), len(tempi))
        if index == len(tempi):
            tempi.append(tempo)
        start, end = cuts[first], cuts[last]
        if parts[first:last].any():
            alike = min(1.0, float(np.linalg.norm(features[start:end].mean(axis=0))))
            found.append(Segment(start * tick_s, bpm(tempo), alike, index))
        else:
            found.append(Segment(start * tick_s, 0.0, 0.0, index))
    return found


def _likeliest(parts: npt.NDArray[np.float64]) -> list[int]:
    """Return the tempo of each part, of which (parts, CLASSES) is the log-likelihood: Viterbi's algorithm."""
    steps = np.arange(CLASSES)
    apart = np.abs(distance_to_all(0.0))
    cost = np.where(apart <= TOLERANCE, DRIFT * apart, CHANGE)
    costs = cost[(steps[:, None] - steps[None]) % CLASSES]  # from (column) to (row)
    best, came_from = parts[0], []
    for part in parts[1:]:
        ways = best - costs
        came_from.append(ways.argmax(axis=1))
        best = ways.max(axis=1) + part
    path = [int(best.argmax())]
    for origin in reversed(came_from):
        path.append(int(origin[path[-1]]))
    return path[::-1]


def _apart(tempo: float, other: float) -> bool:
    return abs(distance(tempo, other)) > TOLERANCE
