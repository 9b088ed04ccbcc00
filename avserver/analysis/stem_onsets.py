"""Onsets of the separated stems: what the ear says begins, and what becomes louder in a stem's band."""

from collections import deque
from collections.abc import Iterator

from avserver.analysis.ear import BEGINNINGS, SOURCES
from avserver.analysis.flux import FLOOR, QUIETER, Flux
from avserver.analysis.gain import AutoGain, Gain
from avserver.analysis.onset import APART_S, Hit, Key, RangeOnsets
from avserver.analysis.separation import Frames, Separated
from avserver.analysis.stems import FULL_HZ, HEARD_FOR, RANGES_HZ, Begun, Rise
from avserver.signals import BANDS

# A stem's share of a steady tone wavers, so its level does by more than that of the mix.
RIPPLE = 0.06
WAVER = 1.6  # of the floors: as far as a stem's share of a steady tone ever wavers, and a little
# There are few bins below 150 Hz, and the flux of all is high when one is.
FLOORS = dict.fromkeys(BANDS, FLOOR) | {"low": 4 * FLOOR}

# Flux of a strong onset of loud music: the 99.5th percentile, median of rendered songs; more where a stem has next to
# nothing, so that the rest of another does not count as it.
LOUD = {
    "drums": {"full": 0.009, "low": 0.11, "mid": 0.023, "high": 0.0045},
    "bass": {"full": 0.017, "low": 0.07, "mid": 0.01, "high": 0.005},
    "melody": {"full": 0.0085, "low": 0.02, "mid": 0.013, "high": 0.005},
}

DRUMS = ("drums", "full")
# After so many hits of any drum without one of this kind that the ear was sure of, it is taken not to know it: five
# bars of eighths.
ENOUGH, SURE = 40, 0.6


def quiet_in(band: str, loud: float) -> float:
    """Return the flux of a strong onset of quiet music: not less than what wavers in a steady tone."""
    return max(loud / QUIETER, WAVER * FLOORS[band])


class BegunOnsets:
    """Onsets of one kind: where the ear's likelihood rises over a threshold, or well again above it.

    Args:
        begun: what begins, and the threshold.
        band: whose flux is the strength.
        sample_rate: samples per second (Hz).
        block: samples between two calls.
        loud: flux of a strong onset of loud music.
        gain: how strengths are scaled.

    Attributes:
        likelihood: what the ear made of the newest block.
    """

    AGAIN = 0.2  # a rise by this much is another onset, even if the last is not over
    # An onset is in the block before the last when the ear tells it, as it is taught.
    DELAY_BLOCKS = 1.5
    STRENGTH_BLOCKS = 4  # the flux is highest within these
    FAINTEST = 0.03  # strength; what makes the stem no louder did not begin in it

    _last: int
    likelihood: float

    def __init__(self, begun: Begun, band: str, sample_rate: int, block: int, *, loud: float, gain: Gain) -> None:
        self._column, self._threshold, self._band = BEGINNINGS.index(begun.what), begun.likelihood, band
        self._rate, self._block = sample_rate, block
        self._apart = round(APART_S * sample_rate)
        self._strength = AutoGain(
            block / sample_rate, loud=loud, quiet=quiet_in(band, loud), floor=FLOORS[band], gain=gain
        )
        self.reset()

    def __call__(self, frame: Separated, flux: Flux) -> Hit | None:
        """Take what was separated of the next block, and its flux; return the onset that is known after it."""
        likelihood, before = float(frame.begun[self._column]), self.likelihood
        self.likelihood = likelihood
        self._heard += self._block
        self._recent.append(flux.values[self._band])
        self._strength(self._recent[-1])
        rises = before < self._threshold or likelihood > before + self.AGAIN
        if likelihood < self._threshold or not rises or self._heard - self._last < self._apart:
            return None
        strength = self._strength.of(max(self._recent))
        if strength < self.FAINTEST:
            return None
        self._last = self._heard
        sample = max(0, self._heard - round(self.DELAY_BLOCKS * self._block))
        return Hit(sample / self._rate, strength)

    @property
    def level(self) -> float:
        """The flux on the scale of what was heard lately, in [0, 1]."""
        return self._strength.level

    def reset(self) -> None:
        """Forget all that was heard."""
        self._heard = 0
        self._last = -self._apart
        self.likelihood = 0.0
        self._recent: deque[float] = deque(maxlen=self.STRENGTH_BLOCKS)
        self._strength.reset()


class StemOnsets:
    """Onsets of every band of the stems.

    Args:
        frames: the separator's.
        sample_rate: samples per second (Hz).
        gain: how strengths are scaled.
    """

    def __init__(self, frames: Frames, sample_rate: int, gain: Gain) -> None:
        step_s = frames.block / sample_rate
        self._fluxes = {
            stem: Flux(frames, RANGES_HZ | {"full": FULL_HZ[stem]}, step_s, ripple=RIPPLE) for stem in SOURCES
        }
        self._missed: dict[Key, int] = {}  # drum hits since the ear heard that kind of onset
        self._begun: dict[Key, BegunOnsets] = {}
        self._rises: dict[Key, RangeOnsets] = {}
        for key in ((stem, band) for stem in SOURCES for band in BANDS):
            stem, band = key
            heard = HEARD_FOR[key]
            rise = heard if isinstance(heard, Rise) else None
            if isinstance(heard, Begun):
                self._begun[key] = BegunOnsets(heard, band, sample_rate, frames.block, loud=LOUD[stem][band], gain=gain)
                rise = heard.otherwise
            if rise:
                # The newest two blocks of the window are the ones with which a rise comes in.
                self._rises[key] = RangeOnsets(
                    rise,
                    rise.range_name or band,
                    sample_rate,
                    window=2 * frames.block,
                    hop=frames.block,
                    loud=LOUD[stem][band],
                    quiet=quiet_in(band, LOUD[stem][band]),
                    floor=FLOORS[band],
                    gain=gain,
                )
        self.reset()

    def __call__(self, frame: Separated) -> Iterator[tuple[Key, Hit]]:
        """Take what was separated of the next block; yield the onsets that are known after it."""
        for stem, magnitudes in zip(SOURCES, frame.magnitudes, strict=True):
            self._fluxes[stem](magnitudes)
        for key, onsets in self._begun.items():
            hit = onsets(frame, self._fluxes[key[0]])
            if hit and key == DRUMS:
                self._missed = {other: missed + 1 for other, missed in self._missed.items()}
            if hit and onsets.likelihood >= SURE:
                self._missed[key] = 0
            if hit and not (key in self._rises and self._missed[key] >= ENOUGH):
                yield key, hit
        for key, rises in self._rises.items():
            hit = rises(self._fluxes[key[0]])
            if hit and self._missed.get(key, ENOUGH) >= ENOUGH:
                yield key, hit

    def level(self, key: Key) -> float:
        """Return the strength in one stem and band, in [0, 1]."""
        return self._begun[key].level if key in self._begun else self._rises[key].level

    @property
    def levels(self) -> dict[Key, float]:
        """Strength per (stem, band), in [0, 1]."""
        return {key: self.level(key) for key in HEARD_FOR if key[0] in SOURCES}

    def reset(self) -> None:
        """Forget all that was heard."""
        for parts in (self._fluxes, self._begun, self._rises):
            for part in parts.values():
                part.reset()
        self._missed = dict.fromkeys(self._begun, 0)
