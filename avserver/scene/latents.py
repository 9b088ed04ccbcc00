"""Latents: choirs of seeds, each gliding by what it follows, laid over the layers of the generator."""

import copy
import dataclasses
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from avserver.control.morph import smoothstep
from avserver.control.params import Params
from avserver.control.patch import CHROMAS, Choir
from avserver.frame_spec import FIRST_PICTURE, SPACES, LatentTerm
from avserver.scene.lasting_order import LastingOrder
from avserver.scene.mixture import Glide, LinearGlide, Pursuit
from avserver.signals import CHROMA_CLASSES, LEAD_S, Ahead, Onset, Signals

Weights = Mapping[int, float]

# A glide begins where the last frame stood, so that the frame of a hit already moves. After a stall of the show it
# begins no longer ago than this (s), or the glide would be over before anybody has seen it.
_LONGEST_HEAD_START_S = 0.1


class Voice:
    """One choir at work: the weight of each of its seeds, frame by frame. The weights sum to 1.

    - `segment`: seed number segment, from the first on; the list repeats.
    - `onsets`: the next seed at each frame in which one of its onsets arrived; the list repeats. Where onsets are known
      before they are heard, the glide begins LEAD_S before its hit, or half of it if it is shorter than that.
    - `chroma`: all seeds at once, weighed by the pitch classes, from C on or from the one that the piece has most of.
      With fewer than 12 seeds pitch classes share them in turn; of more than 12 the first 12 play, until
      `/choir/NAME/next` moves them on by one.
    - `chroma_sync`: likewise, by the chroma that is held from note to note.

    Seeds that are to take a time of their own (`Params.glides`: a preset that morphs) begin to play at once, unheard,
    and what played before goes on playing while it fades out into them.
    """

    def __init__(self, choir: Choir) -> None:
        self.choir = choir
        at = f"/choir/{choir.name}"
        self._first, self._stop, self._next, self._glide_s = (
            f"{at}/{name}" for name in ("first", "stop", "next", "glide_s")
        )
        self._seeds = [f"{at}/seed/{number}" for number in range(1, len(choir.seeds) + 1)]
        self._glide = LinearGlide() if choir.glide == "linear" else Glide()
        self._pursuit = Pursuit()
        self._order = LastingOrder()
        self.reset()

    def reset(self) -> None:
        """Stand at the first seed again; the next frame is there at once."""
        self._glide.reset()
        self._pursuit.reset()
        self._order.reset()
        self._steps = self._nexts = 0
        self._last_s: float | None = None
        self._foreseen_s = -math.inf
        self._played: list[int] = []
        self._kept: list[int] | None = None
        self._weights: Weights = {}
        self._leaving: _Leaving | None = None

    def layers(self, params: Params, num_ws: int) -> range:
        """Return the layers that it plays at the moment: its share of `num_ws`, rounded; it may be empty."""
        return layers_of(float(params[self._first]), float(params[self._stop]), num_ws)

    def weights(self, segment: int, signals: Signals, params: Params, t_s: float) -> Weights:
        """Return the weight of each seed at `t_s` (s). `segment` is the one that the show is in."""
        panic = "/panic" in params.fired
        self._part(params, t_s)
        self._leaving = None if panic else self._leaving
        self._nexts = 0 if panic else self._nexts + (self._next in params.fired)
        self._played = self._kept or [int(params[address]) for address in self._seeds]
        # Whatever a panic puts back, it puts back at once.
        glide_s = 0.0 if panic else float(params[self._glide_s])
        if self.choir.follows in CHROMAS:
            chroma = signals.chroma if self.choir.follows == "chroma" else signals.chroma_sync
            weights = self._mixed(chroma, glide_s, t_s)
        else:
            weights = self._taken_in_turn(segment, signals, glide_s, t_s)
        if self._leaving is not None:
            share = self._leaving.share(t_s)
            left = self._leaving.weights(segment, signals, params, t_s)
            weights = _mixed_weights(left, weights, share)
            self._leaving = self._leaving if share < 1.0 else None
        self._last_s = t_s
        self._weights = weights
        return weights

    def _part(self, params: Params, t_s: float) -> None:
        """Part from what played so far, if seeds were turned at this frame and are to take a time of their own."""
        asked_s = [params.glides[address] for address in self._seeds if address in params.glides]
        if not asked_s or self._kept or self._last_s is None:
            return
        self._leaving = _Leaving(self._that_stays(), t_s, max(asked_s)) if max(asked_s) > 0.0 else None
        self._glide.reset()
        self._pursuit.reset()

    def _that_stays(self) -> "_Playing":
        """Return what plays the seeds of the last frame, whatever is turned from now on.

        While another parting is under way it stands still, so that partings do not pile up.
        """
        if self._leaving is not None:
            still = self._weights
            return lambda *_: still
        voice = copy.deepcopy(self)
        voice._kept = self._played
        return voice.weights

    def _seed(self, number: int) -> int:
        return self._played[number % len(self._played)]

    def _taken_in_turn(self, segment: int, signals: Signals, glide_s: float, t_s: float) -> Weights:
        """Glide to the seed whose turn it is. A seed that is turned while it plays is simply another seed."""
        if self.choir.follows == "onsets":
            hits = (
                signals.onsets if signals.ahead is None else self._foreseen(signals.onsets, signals.ahead, glide_s, t_s)
            )
            self._steps += any((onset.stem, onset.band) in self.choir.onsets for onset in hits)
            segment = 0
        seed = self._seed(segment + self._steps + self._nexts)
        if seed != self._glide.target:
            begin_s = t_s if self._last_s is None else max(self._last_s, t_s - _LONGEST_HEAD_START_S)
            self._glide.to(seed, glide_s, begin_s)
        return self._glide.at(t_s)

    def _foreseen(self, onsets: Sequence[Onset], ahead: Ahead, glide_s: float, t_s: float) -> list[Onset]:
        """Return the onsets, each once, whose glide is to begin by `t_s` (s): the hit finds it half way at most."""
        lead_s = 0.0 if self._last_s is None else min(LEAD_S, glide_s / 2)
        since_s, self._foreseen_s = self._foreseen_s, max(self._foreseen_s, t_s + lead_s)
        return [onset for onset in (*onsets, *ahead.onsets) if since_s < onset.t_s <= self._foreseen_s]

    def _mixed(self, chroma: npt.NDArray[np.float64], glide_s: float, t_s: float) -> Weights:
        """Run after the chroma. A seed that is turned while it plays is run after likewise."""
        if self.choir.order == "lasting":
            self._order.update(chroma, t_s)
        target: dict[int, float] = {}
        total = float(chroma.sum())
        for place, share in enumerate(chroma[self._order.classes].tolist()):
            seed = self._seed(place + self._nexts)
            target[seed] = target.get(seed, 0.0) + (share / total if total > 0.0 else 1.0 / CHROMA_CLASSES)
        self._pursuit.after(target, glide_s, t_s)
        return self._pursuit.at(t_s)


_Playing = Callable[[int, Signals, Params, float], Weights]


@dataclass(frozen=True, slots=True)
class _Leaving:
    """What fades out: how it plays, since when (s) and for how long (s)."""

    weights: _Playing
    since_s: float
    over_s: float

    def share(self, t_s: float) -> float:
        """Return how far it has faded at `t_s`: 0 not at all, 1 is gone."""
        return smoothstep((t_s - self.since_s) / self.over_s)


class Latents:
    """All choirs, and how they share the layers: as equals where several play the same ones.

    Layers that no choir plays get no term: their w is the average one.
    """

    def __init__(self, choirs: Sequence[Choir]) -> None:
        self._voices: list[Voice] = []
        self._weights: list[Weights] = []
        self.take(choirs)

    def take(self, choirs: Sequence[Choir]) -> None:
        """Have other choirs play; those that were here before go on as they were."""
        at_work = {voice.choir: voice for voice in self._voices}
        self._voices = [at_work.get(choir) or Voice(choir) for choir in choirs]

    def reset(self) -> None:
        """Begin again."""
        for voice in self._voices:
            voice.reset()

    def update(self, segment: int, signals: Signals, params: Params, t_s: float) -> None:
        """Move on to a frame."""
        self._weights = [voice.weights(segment, signals, params, t_s) for voice in self._voices]

    def terms(self, params: Params, num_ws: int) -> tuple[LatentTerm, ...]:
        """Return the frame's terms for a model of `num_ws` layers: one for each run that the same choirs play,
        and for each space that they play it in.
        """
        parts = [
            (voice.layers(params, num_ws), voice.choir.space, weights)
            for voice, weights in zip(self._voices, self._weights, strict=True)
        ]
        edges = sorted({edge for layers, _, _ in parts if layers for edge in (layers.start, layers.stop)})
        terms = []
        for first, stop in itertools.pairwise(edges):
            playing = [(space, weights) for layers, space, weights in parts if first in layers]
            for space in SPACES:
                mixed = _sum_of([weights for its_space, weights in playing if its_space == space], len(playing))
                if mixed:
                    terms.append(LatentTerm((first, stop), tuple(mixed), tuple(mixed.values()), space))
        return tuple(terms)


def without_pictures(terms: Sequence[LatentTerm]) -> tuple[LatentTerm, ...]:
    """Return terms with seed 0 in the place of every projected picture, for a worker that was not given them."""
    return tuple(
        dataclasses.replace(term, seeds=tuple(seed if seed < FIRST_PICTURE else 0 for seed in term.seeds))
        for term in terms
    )


def layers_of(first: float, stop: float, num_ws: int) -> range:
    """Return the layers of two shares of `num_ws`, rounded; they may be none."""
    return range(*(math.floor(share * num_ws + 0.5) for share in (first, stop)))


def _mixed_weights(before: Weights, after: Weights, share: float) -> Weights:
    """Return what is between two mixtures: a share of the second one, the rest of the first."""
    if share >= 1.0:
        return after
    mixed = {seed: weight * (1.0 - share) for seed, weight in before.items()}
    for seed, weight in after.items():
        mixed[seed] = mixed.get(seed, 0.0) + weight * share
    return {seed: weight for seed, weight in mixed.items() if weight}


def _sum_of(mixtures: Sequence[Weights], equals: int) -> dict[int, float]:
    """Return the sum of mixtures of seeds, each of which has one vote of `equals`."""
    total: dict[int, float] = {}
    for weights in mixtures:
        for seed, weight in weights.items():
            total[seed] = total.get(seed, 0.0) + weight / equals
    return total
